"""The head with an expression, its displacement shown per pixel, in light that grazes the face.

Detail is drawn by bump mapping: the normal of the smooth deformed surface minus the surface gradient of the
displacement, in the metric of the deformed head (so that lines on compressed skin get steeper); hollows are a
little darker. Silhouettes are those of the mesh. ``render_expression`` draws one picture from any displacement map;
``ExpressionRenderer`` draws many of one head.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..fitting.camera import Camera
from ..mesh.geometry_image import lattice_cells
from ..mesh.normals import vertex_normals
from ..mesh.smooth_lattice import SmoothLattice
from ..mesh.topology import Topology
from .shading import SKIN, Float32, Pixels, Studio, Surface, TextureSet, clay_albedo, see, shade, to_srgb

Bytes = NDArray[np.uint8]
DEFAULT_MAP = 1024  # texels a side of the maps that normals are computed in, where no displacement says otherwise
STEEPEST = 1.5  # tangent of the steepest slope that is drawn
HOLLOW_MM = 1.6  # a hollow is what lies below the mean of its surroundings of this radius
HOLLOW_FULL_MM = 0.9  # how much below makes it fully dark


@dataclass(frozen=True)
class PictureSettings:
    """Size in pixels (width, height), distance in mm, light."""

    size: tuple[int, int] = (420, 560)
    supersampling: int = 2
    view_distance_mm: float = 1100.0
    backdrop: tuple[int, int, int] = (60, 63, 69)
    hollow: float = 0.55  # how dark a full hollow gets
    # A key light that grazes the face from above its right temple shows relief in every direction.
    clay_studio: Studio = field(
        default_factory=lambda: Studio(
            key_direction=(-0.72, 0.72, 0.32), key=1.08, fill=0.16, fill_direction=(0.9, 0.15, 0.5), rim=0.3,
            sky=0.20, ground=0.10, wrap=0.18, gloss=1.3, clay=(0.50, 0.40, 0.345),
        )
    )  # fmt: skip
    photo_studio: Studio = field(
        default_factory=lambda: Studio(
            key_direction=(-0.62, 0.60, 0.50), key=0.62, fill=0.16, fill_direction=(0.9, 0.15, 0.5), rim=0.3,
            sky=0.34, ground=0.20, wrap=0.14, gloss=0.7,
        )
    )  # fmt: skip


class FaceView(NamedTuple):
    """Where one looks from: the point in the picture's middle (model space, mm), the height that the picture spans
    (mm), and how far the head is turned (degrees; positive yaw shows the subject's right side, pitch its crown)."""

    middle: tuple[float, float, float]
    height_mm: float
    yaw_degrees: float = 0.0
    pitch_degrees: float = 0.0


def face_view(
    topology: Topology, neutral: NDArray[Any], yaw_degrees: float = 0.0, pitch_degrees: float = 0.0
) -> FaceView:
    """The view that a face fills, from below the chin to the hairline.

    ``neutral`` (V, 3) mm. Where the topology names no chin and forehead, the whole skin is shown.
    """
    regions = topology.regions
    if "chin" in regions and "forehead" in regions:
        forehead = neutral[regions["forehead"]]
        low = float(neutral[regions["chin"], 1].min()) - 6.0
        # Above this share of the forehead it turns into the crown, which bears no lines.
        high = float(forehead[:, 1].min() + 0.68 * np.ptp(forehead[:, 1]))
        front = float(forehead[:, 2].max())
    else:
        low, high = float(neutral[:, 1].min()), float(neutral[:, 1].max())
        front = float(neutral[:, 2].max())
    return FaceView((0.0, 0.5 * (low + high), front - 45.0), high - low, yaw_degrees, pitch_degrees)


def render_expression(
    topology: Topology,
    vertices: NDArray[Any],
    displacement_mm: NDArray[Any] | None = None,
    textures: Mapping[str, Bytes] | Bytes | None = None,
    size: tuple[int, int] = (420, 560),
    view: FaceView | None = None,
    settings: PictureSettings | None = None,
) -> Bytes:
    """One picture of a head in grazing light, with any displacement map.

    ``render_expression(bundle.topology, vertices, displacement)`` is all that is needed to see a map: ``vertices``
    are ``head.neutral + np.tensordot(weights, head.blendshapes, 1)``. For close-ups give a view:
    ``FaceView((20, -60, 10), 60, yaw_degrees=20)`` shows 60 mm round the right nasolabial fold.

    Parameters
    ----------
    topology : of a head whose skin is a lattice
    vertices : (V, 3) mm, model space, with the expression
    displacement_mm : (S, S) mm along the normal, row 0 at v = 1, or None for the bare mesh
    textures : None for clay; (T, T, 3) uint8 sRGB of the skin; or material -> such, see ``shading.TextureSet``
    size : width and height of the picture, pixels
    view : where from; by default the front, the face filling the picture. Give every expression of a person the
        same view (``face_view`` of the neutral head), else the picture follows the chin.

    Returns
    -------
    (height, width, 3) uint8 sRGB

    Raises
    ------
    TopologyMismatch : the skin is not a geometry image
    """
    renderer = ExpressionRenderer(
        topology,
        {"skin": textures} if isinstance(textures, np.ndarray) else textures,
        replace(settings or PictureSettings(), size=size),
        DEFAULT_MAP if displacement_mm is None else len(displacement_mm),
    )
    view = view or face_view(topology, vertices)
    return renderer.pictures(vertices, [displacement_mm], view, clay=textures is None)[0]


class ExpressionRenderer:
    """Draws one head many times; ``map_size`` is S of the displacement maps that it will be given."""

    def __init__(
        self,
        topology: Topology,
        textures: Mapping[str, Bytes] | None,
        settings: PictureSettings,
        map_size: int = DEFAULT_MAP,
    ) -> None:
        lattice_cells(topology)
        self._topology = topology
        self._settings = settings
        self._surface = Surface.of(topology)
        self._textures = TextureSet(textures or {}, levels=1)
        self._smooth = SmoothLattice(topology, map_size)

    def pictures(
        self, vertices: NDArray[Any], maps: Sequence[NDArray[Any] | None], view: FaceView, clay: bool
    ) -> list[Bytes]:
        """(h, w, 3) uint8 pictures of the same expression with several displacement maps (None: without)."""
        settings = self._settings
        studio = settings.clay_studio if clay else settings.photo_studio
        rotation = _rotation(view)
        middle = np.asarray(view.middle)
        turned = (vertices - middle) @ rotation.T - [0.0, 0.0, settings.view_distance_mm]
        width, height = (side * settings.supersampling for side in settings.size)
        camera = Camera.centred((width, height), settings.view_distance_mm * height / view.height_mm)
        normals = vertex_normals(vertices, self._topology.quads)
        pixels = see(self._surface, turned, normals @ rotation.T, camera, studio)
        albedo = self._textures.sample(pixels, 1.0)
        if clay:
            albedo = clay_albedo(pixels, albedo, studio)
        skin = np.flatnonzero(pixels.material == SKIN)
        uv = pixels.uv[skin]
        frame = _Frame.of(self._topology, vertices, normals, self._smooth)
        pictures = []
        for displacement in maps:
            normal_map, hollow_map = frame.relief(displacement)
            normal = pixels.normal.copy()
            found = _read(normal_map, uv) @ rotation.T.astype(np.float32)
            normal[skin] = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)
            openness = pixels.openness.copy()
            if hollow_map is not None:
                openness[skin] *= 1.0 - settings.hollow * _read(hollow_map, uv)[:, 0]
            light = shade(pixels._replace(normal=normal, openness=openness), albedo, studio)
            pictures.append(_composed(pixels, light, settings))
        return pictures


class _Frame(NamedTuple):
    """The smooth deformed surface in the UV square, (S, S, 3) each, model space.

    normal   unit up to the spline's blur
    towards_u, towards_v   dual tangents, 1 / mm: the gradient of f is df/du towards_u + df/dv towards_v, u and v in
        texels, v upwards
    """

    normal: Float32
    towards_u: Float32
    towards_v: Float32

    @classmethod
    def of(cls, topology: Topology, vertices: NDArray[Any], normals: NDArray[Any], smooth: SmoothLattice) -> _Frame:
        cells = lattice_cells(topology)
        lattice = topology.lattice_size
        corners = vertices[cells.reshape(-1, 4)]
        # Tangents at vertices: the mean of the cells round them, per texel. Cells across a slit are no neighbours.
        per_texel = lattice / smooth.size
        tangents = []
        for one, other in (((1, 0), (2, 3)), ((3, 0), (2, 1))):
            cell = 0.5 * per_texel * sum(corners[:, a] - corners[:, b] for a, b in (one, other))
            total = np.zeros((len(vertices), 3))
            for corner in range(4):
                for axis in range(3):
                    total[:, axis] += np.bincount(cells[..., corner].ravel(), cell[:, axis], len(vertices))
            uses = np.bincount(cells.ravel(), minlength=len(vertices))
            tangents.append(total / np.maximum(uses, 1)[:, None])
        along_u, along_v = tangents
        uu, uv, vv = (
            np.einsum("va,va->v", a, b) for a, b in ((along_u, along_u), (along_u, along_v), (along_v, along_v))
        )
        # Skin that folds on itself has next to no area: the determinant is kept away from zero.
        determinant = np.maximum(uu * vv - uv * uv, 0.04 * uu * vv + 1e-9)
        dual_u = (vv[:, None] * along_u - uv[:, None] * along_v) / determinant[:, None]
        dual_v = (uu[:, None] * along_v - uv[:, None] * along_u) / determinant[:, None]
        images = smooth.image(np.concatenate([normals, dual_u, dual_v], axis=1))
        return cls(*(np.ascontiguousarray(images[..., k : k + 3]) for k in (0, 3, 6)))

    def relief(self, displacement: NDArray[Any] | None) -> tuple[Float32, Float32 | None]:
        """(S, S, 3) normals with the displacement, n - grad D, and (S, S, 1) hollows 0 to 1 (None without)."""
        if displacement is None:
            return self.normal, None
        depth = np.asarray(displacement, np.float32)
        du = cv2.Scharr(depth, cv2.CV_32F, 1, 0, scale=1 / 32)
        dv = cv2.Scharr(depth, cv2.CV_32F, 0, 1, scale=-1 / 32)  # rows run down, v runs up
        gradient = du[..., None] * self.towards_u
        gradient += dv[..., None] * self.towards_v
        slope = np.sqrt(np.einsum("yxa,yxa->yx", gradient, gradient))
        gradient *= np.where(slope > STEEPEST, STEEPEST / np.maximum(slope, STEEPEST), 1.0)[..., None]
        texel_mm = 1.0 / max(float(np.median(np.linalg.norm(self.towards_u, axis=2))), 1e-6)
        sigma = max(HOLLOW_MM / texel_mm * 0.5, 0.8)
        below = cv2.GaussianBlur(depth, (0, 0), sigma) - depth
        hollow = np.clip(below / HOLLOW_FULL_MM, 0.0, 1.0)
        return self.normal - gradient, hollow[..., None].astype(np.float32)


def _rotation(view: FaceView) -> NDArray[np.float64]:
    yaw, pitch = np.radians(view.yaw_degrees), np.radians(view.pitch_degrees)
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    return np.asarray(nod @ turn)


def _read(image: Float32, uv: Float32) -> Float32:
    """(S, S, C) at (P, 2) UV, cubic, (P, C)."""
    size = len(image)
    columns = 4096  # remap takes images of at most 32767 pixels a side: the list is folded into rows
    rows = -(-len(uv) // columns)
    place = np.zeros((2, rows * columns), np.float32)
    place[0, : len(uv)] = uv[:, 0] * size - 0.5
    place[1, : len(uv)] = (1.0 - uv[:, 1]) * size - 0.5
    found = cv2.remap(
        image, place[0].reshape(rows, columns), place[1].reshape(rows, columns), cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return np.asarray(found, np.float32).reshape(rows * columns, -1)[: len(uv)]


def _composed(pixels: Pixels, light: Float32, settings: PictureSettings) -> Bytes:
    """Put shaded pixels on the background and average the supersamples, in display values."""
    image = np.empty((pixels.height * pixels.width, 3), np.float32)
    image[:] = settings.backdrop
    image[pixels.place] = to_srgb(light)
    full = image.reshape(pixels.height, pixels.width, 3)
    small = cv2.resize(full, settings.size, interpolation=cv2.INTER_AREA)
    return np.rint(small).astype(np.uint8)
