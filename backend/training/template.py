"""The template: our own head topology, laid over ICT-FaceKit as a sparse, linear function of its vertices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from ..mesh.topology import MATERIALS, Topology
from .catmull_clark import limit_surface
from .ict_source import IctSource
from .template_half import find_anchors, half_head, source_skin
from .template_lattice import build_lattice
from .template_layout import TemplateSettings, lattice_map
from .template_regions import skin_regions
from .template_report import measure_sampling
from .template_sampling import sample_skin
from .template_sockets import build_sockets, socket_faces, socket_mirror

__all__ = ["ATLAS", "Template", "TemplateSettings", "build_template", "measure_template"]

# Places of the parts in the UV square of the material "mouth": left, right, bottom, top.
ATLAS = {
    "mouth_bag": (0.0, 1.0, 0.5, 1.0),
    "socket_left": (0.0, 0.25, 0.25, 0.5),
    "socket_right": (0.25, 0.5, 0.25, 0.5),
}


@dataclass(frozen=True)
class Template:
    """The template without eyes, teeth, gums and tongue.

    sampling   (V, n) csr float64: our vertices = sampling @ ICT vertices, positions and offsets alike; rows sum
               to 1
    topology   skin lattice, mouth bag and eye sockets
    report     what was measured while building, name -> number
    """

    sampling: sparse.csr_matrix
    topology: Topology
    report: dict[str, float]


def build_template(source: IctSource, settings: TemplateSettings | None = None) -> Template:
    """Lay the template over the source. Deterministic; half a minute.

    The left half is mapped and sampled; the right half is its mirror image, so the template is exactly symmetric.
    Raises FitFailed or ModelFileInvalid where the source is not ICT-FaceKit's head.
    """
    settings = settings or TemplateSettings()
    skins = source_skin(source, 0), source_skin(source, 1)
    anchors = find_anchors(skins[0], settings.back_corner)
    halves = half_head(skins[0], anchors), half_head(skins[1], anchors)
    plane = lattice_map(source, skins, halves, settings)
    lattice = build_lattice(settings)
    skin, half = skins[1], halves[1]
    surface = limit_surface(skin.quads, len(skin.vertices))
    skin_rows = sample_skin(half, plane, surface, lattice, settings)
    sockets = build_sockets(skin, half, plane, surface, lattice, settings)

    rows, quads, uvs = [skin_rows.matrix], [lattice.cells], [_skin_uv(settings.lattice_size)]
    places: dict[str, NDArray[np.int64]] = {}
    first_id = len(lattice.row)
    for name, socket in sockets.items():
        part, uv = socket_faces(socket.loop, socket.rings, first_id, ATLAS[name])
        quads.append(part)
        uvs.append(uv)
        rows.append(socket.sampling)
        places[name] = np.arange(first_id, first_id + socket.sampling.shape[0])
        first_id += socket.sampling.shape[0]
    twin = {"mouth_bag": "mouth_bag", "socket_left": "socket_right", "socket_right": "socket_left"}
    mirror = np.concatenate(
        [lattice.mirror, *(socket_mirror(places[twin[name]], len(sockets[name].loop)) for name in sockets)]
    )
    sampling = _mirrored((sparse.vstack(rows) @ skin.matrix).tocsr(), mirror, skins[0].mirror)

    regions = skin_regions(source, sampling @ source.neutral, lattice, skin_rows.quad // skin.children) | places
    topology = Topology(
        quads=np.concatenate(quads).astype(np.int32),
        corner_uv=np.concatenate(uvs).astype(np.float32),
        material=np.repeat(
            np.array([MATERIALS.index("skin"), MATERIALS.index("mouth")], dtype=np.uint8),
            [len(lattice.cells), sum(len(part) for part in quads[1:])],
        ),
        regions={name: ids.astype(np.int32) for name, ids in regions.items()},
        mirror=mirror.astype(np.int32),
        lattice_size=settings.lattice_size,
    )
    return Template(sampling, topology, measure_sampling(source, sampling, topology))


def measure_template(source: IctSource, template: Template) -> dict[str, float]:
    """What ``template.report`` holds, measured anew: see ``template_report.measure_sampling``."""
    return measure_sampling(source, template.sampling, template.topology)


def _mirrored(
    left: sparse.csr_matrix, mirror: NDArray[np.int64], source_mirror: NDArray[np.int64]
) -> sparse.csr_matrix:
    """Complete the sampling (V, n): rows that are empty become their twins' mirror images, rows of vertices that
    are their own twins the mean with it, rows of pairs that both exist likewise."""
    twins = left[mirror][:, source_mirror]
    here, there = (np.diff(matrix.indptr) > 0 for matrix in (left, twins))
    weight = 1.0 / (here.astype(np.float64) + there)
    result = (sparse.diags(weight) @ (left + twins)).tocsr()
    result.sort_indices()
    return result


def _skin_uv(size: int) -> NDArray[np.float64]:
    """(N*N, 4, 2) lattice coordinate / N of every cell's corners."""
    row, column = np.divmod(np.arange(size * size), size)
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    result: NDArray[np.float64] = (np.stack([column, row], 1)[:, None] + corners) / size
    return result
