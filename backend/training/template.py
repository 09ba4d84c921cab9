"""The template: our own head topology, laid over ICT-FaceKit as a sparse, linear function of its vertices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from ..mesh.topology import MATERIALS, Topology
from .ict_source import EYE_SOCKET_POLYGONS, MOUTH_SOCKET_POLYGONS, SKIN_POLYGONS, IctSource
from .template_half import HalfHead, half_head, mirror_vertices
from .template_lattice import Lattice, build_lattice, half_slits
from .template_layout import TemplateSettings, lattice_map
from .template_regions import RegionInput, skin_regions
from .template_report import measure_template
from .template_sampling import (
    LimitSurface,
    NodePlaces,
    limit_surface,
    locate_nodes,
    places_on_limit,
    triangle_places,
)
from .template_sockets import flatten_socket, socket_faces, socket_rings

__all__ = ["Template", "TemplateSettings", "build_template", "measure_template"]

# Places of the parts in the UV square of the material "mouth": left, right, bottom, top.
ATLAS = {
    "mouth_bag": (0.0, 1.0, 0.5, 1.0),
    "socket_left": (0.0, 0.25, 0.25, 0.5),
    "socket_right": (0.25, 0.5, 0.25, 0.5),
}


@dataclass(frozen=True)
class Template:
    """The template without eyes, teeth, gums and tongue.

    sampling   (V, n) csr float64: our vertices = sampling @ ICT vertices, for positions and offsets alike; rows sum to 1
    topology   skin lattice, mouth bag and eye sockets
    report     what was measured while building, name -> number
    """

    sampling: sparse.csr_matrix
    topology: Topology
    report: dict[str, float]


@dataclass(frozen=True)
class _Socket:
    """Rings (rings * l + 1, n) csr and the loop's vertex ids (l,)."""

    sampling: sparse.csr_matrix
    loop: NDArray[np.int64]
    rings: int


def build_template(source: IctSource, settings: TemplateSettings | None = None) -> Template:
    """Lay the template over the source. Deterministic; about ten seconds.

    Raises FitFailed or ModelFileInvalid where the source is not ICT-FaceKit's head.
    """
    settings = settings or TemplateSettings()
    mirror = mirror_vertices(source)
    half = half_head(source, mirror)
    plane = lattice_map(source, half, settings)
    lattice = build_lattice(settings)
    surface = limit_surface(source.faces[SKIN_POLYGONS], len(source.neutral))
    nodes = locate_nodes(
        plane, half.triangles, settings.lattice_size // 2, settings.lattice_size, half_slits(settings)
    )
    skin, home = _skin_sampling(half, nodes, lattice, surface, mirror, settings)
    sockets = _sockets(source, half, plane, surface, mirror, lattice, settings)

    first_id = skin.shape[0]
    rows, quads, uvs, maps, places = [skin], [lattice.cells], [_skin_uv(settings)], [lattice.mirror], {}
    for name, socket in sockets.items():
        part, uv = socket_faces(socket.loop, socket.rings, first_id, ATLAS[name])
        quads.append(part)
        uvs.append(uv)
        rows.append(socket.sampling)
        places[name] = np.arange(first_id, first_id + socket.sampling.shape[0])
        first_id += socket.sampling.shape[0]
    for name in sockets:
        twin = {"socket_left": "socket_right", "socket_right": "socket_left"}.get(name, name)
        maps.append(_socket_mirror(places[twin], len(sockets[name].loop)))
    vertex_mirror = np.concatenate(maps)
    sampling = sparse.vstack(rows).tocsr()
    sampling = (0.5 * (sampling + sampling[vertex_mirror][:, mirror])).tocsr()
    sampling.sum_duplicates()

    regions = skin_regions(RegionInput(source, sampling @ source.neutral, lattice, home))
    regions |= places
    topology = Topology(
        quads=np.concatenate(quads).astype(np.int32),
        corner_uv=np.concatenate(uvs).astype(np.float32),
        material=np.repeat(
            np.array([MATERIALS.index("skin"), MATERIALS.index("mouth")], dtype=np.uint8),
            [len(lattice.cells), sum(len(part) for part in quads[1:])],
        ),
        regions={name: ids.astype(np.int32) for name, ids in regions.items()},
        mirror=vertex_mirror.astype(np.int32),
        lattice_size=settings.lattice_size,
    )
    template = Template(sampling, topology, {})
    return Template(sampling, topology, measure_template(source, template))


def _skin_uv(settings: TemplateSettings) -> NDArray[np.float64]:
    """(N*N, 4, 2) lattice coordinate / N of every cell's corners."""
    size = settings.lattice_size
    row, column = np.divmod(np.arange(size * size), size)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    result: NDArray[np.float64] = (np.stack([column, row], 1)[:, None] + corners) / size
    return result


def _skin_sampling(
    half: HalfHead,
    nodes: NodePlaces,
    lattice: Lattice,
    surface: LimitSurface,
    mirror: NDArray[np.int64],
    settings: TemplateSettings,
) -> tuple[sparse.csr_matrix, NDArray[np.int64]]:
    """Rows (V, n) of the lattice's vertices, and the ICT polygon (V,) that each lies on (its mirror image's, on the
    right half)."""
    quad, square = triangle_places(half.quads, half.triangles, nodes.triangle, nodes.weights)
    columns, weights = places_on_limit(surface, half.polygon[quad], square)
    count, middle = len(lattice.row), settings.lattice_size // 2
    index = {
        key: vertex
        for vertex, key in enumerate(zip(lattice.row.tolist(), lattice.column.tolist(), lattice.above.tolist()))
    }
    vertex = np.array(
        [
            index[row, column + middle, above]
            for row, column, above in zip(nodes.row.tolist(), nodes.column.tolist(), nodes.above.tolist())
        ]
    )
    select = sparse.csr_matrix(
        (weights.ravel(), (np.repeat(vertex, 4), columns.ravel())), (count, surface.matrix.shape[0])
    )
    left = (select @ surface.matrix).tocsr()
    right = np.setdiff1d(np.arange(count), vertex)
    source_row = np.arange(count)
    source_row[right] = lattice.mirror[right]
    on_left = sparse.diags((source_row == np.arange(count)).astype(float))
    on_right = sparse.diags((source_row != np.arange(count)).astype(float))
    home = np.zeros(count, dtype=np.int64)
    home[vertex] = half.polygon[quad]
    sampling = on_left @ left + on_right @ left[source_row][:, mirror]
    return sampling.tocsr(), home[source_row]


def _sockets(
    source: IctSource,
    half: HalfHead,
    plane: NDArray[np.float64],
    surface: LimitSurface,
    mirror: NDArray[np.int64],
    lattice: Lattice,
    settings: TemplateSettings,
) -> dict[str, _Socket]:
    """Mouth bag and both eye sockets, each from its slit's loop inwards."""
    faces = source.faces[SKIN_POLYGONS]
    column = {int(v): float(c) for v, c in zip(half.source, plane[:, 0])}  # by ICT vertex, from the midline

    polygons = np.arange(len(faces))
    mouth_polygons = polygons[MOUTH_SOCKET_POLYGONS]
    left_polygons = next(
        polygons[part] for part in EYE_SOCKET_POLYGONS if source.neutral[faces[part], 0].mean() > 0
    )
    corner = settings.nodes(settings.mouth_half_width)
    inner, outer = (settings.nodes(c) for c in settings.eye_columns)

    opening, angle = [], []
    for side, flip in ((1.0, False), (-1.0, True)):
        for chain, sign in ((half.mouth_upper, 1.0), (half.mouth_lower, -1.0)):
            ids = half.source[chain]
            t = 0.5 + 0.5 * side * np.array([column[int(v)] for v in ids]) / corner
            opening.append(mirror[ids] if flip else ids)
            angle.append(sign * np.pi * (1.0 - t))
    bag = flatten_socket(source.neutral, faces, mouth_polygons, np.concatenate(opening), np.concatenate(angle))
    eye_opening = half.source[np.concatenate([half.eye_upper, half.eye_lower])]
    t = (np.array([column[int(v)] for v in eye_opening]) - inner) / (outer - inner)
    sign = np.repeat([1.0, -1.0], [len(half.eye_upper), len(half.eye_lower)])
    eye = flatten_socket(source.neutral, faces, left_polygons, eye_opening, sign * np.pi * (1.0 - t))

    mouth_rows = socket_rings(
        source.neutral,
        faces,
        bag,
        surface,
        _loop_angles(len(lattice.mouth)),
        settings.mouth_rings,
        settings.first_ring_mm,
    )
    left_rows = socket_rings(
        source.neutral,
        faces,
        eye,
        surface,
        _loop_angles(len(lattice.eye_left)),
        settings.socket_rings,
        settings.first_ring_mm,
    )
    order = _socket_mirror(np.arange(left_rows.shape[0]), len(lattice.eye_left))
    return {
        "mouth_bag": _Socket(mouth_rows, lattice.mouth, settings.mouth_rings),
        "socket_left": _Socket(left_rows, lattice.eye_left, settings.socket_rings),
        "socket_right": _Socket(left_rows[order][:, mirror], lattice.eye_right, settings.socket_rings),
    }


def _loop_angles(loop: int) -> NDArray[np.float64]:
    """(loop,) places on the unit circle of a slit's vertices: upper edge from pi to 0, lower edge below it back."""
    return np.pi * (1.0 - 2.0 * np.arange(loop) / loop)


def _socket_mirror(twin: NDArray[np.int64], loop: int) -> NDArray[np.int64]:
    """Vertices at the mirrored places of a socket: ``twin`` its twin's (or its own) vertex ids, ring by ring, pole last.

    A loop runs over the upper edge with growing column: mirrored, place i of a loop of l is place l/2 - i.
    """
    rings = twin[:-1].reshape(-1, loop)
    result: NDArray[np.int64] = np.append(rings[:, (loop // 2 - np.arange(loop)) % loop].ravel(), twin[-1])
    return result
