"""Skins for pseudo pairs: albedo relative to the skin's tone, from a head's own photo or drawn from nothing.

Relative, because the light of the photo that a skin is put into already holds that photo's tone (see
``pseudo_lighting``): 1 is ordinary skin, brows are about 0.3, lips redder than 1 : 0.6 : 0.6.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import TopologyMismatch
from ..face_model.base import FaceModel
from ..head.shading import TO_LINEAR
from ..mesh.normals import vertex_normals
from ..mesh.smooth_lattice import SmoothLattice
from ..mesh.texel_map import uv_sampler
from ..mesh.topology import MATERIALS, Topology
from ..texture.unwrap import sample
from ..training.appearance import Look, RestFeatures, random_look, rest_features
from ..training.skin_photograph import FACE_MM_PER_TEXEL, PhotographSettings, skin_albedo
from .pseudo_lighting import Lighting, LightingSettings, fit_lighting, shadowed_transfer, shine_lobes
from .pseudo_source import PhotoHead

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]

SLOW_MM = 14.0
"""Changes of a photographed skin over longer ways than this are mostly light that nine harmonics cannot hold."""
SLOW_KEPT = 0.3
LEAST_LIGHT = 0.35
BROW_PX_PER_MM = 8.0
BROW_HAIRS = 330
LIPS = 0.75
"""Strength of the lips' colour: ``appearance`` draws make-up too."""
PATCHES = PhotographSettings(stain=(0.3, 1.2), spots=40)
NOT_BARE = ("lips", "brows_left", "brows_right", "lids_left", "lids_right", "ears", "neck", "scalp", "mouth_bag")


class LitHead(NamedTuple):
    """A head in the light of its photo.

    ``posed`` (V, 3) mm and ``normals`` (V, 3), camera frame; ``transfer`` (V, 9), zero off the face; ``lighting``.
    """

    posed: Array
    normals: Array
    transfer: Array
    lighting: Lighting


class RelativeSkin(NamedTuple):
    """``albedo`` (S, S, 3) float32, linear, 1 = the skin's tone; ``name`` says whose it is."""

    name: str
    albedo: Float32


def skin_uv(topology: Topology) -> Array:
    """(V, 2) places of the skin's vertices in its UV square (one side where a vertex lies on a cut)."""
    skin = topology.material == MATERIALS.index("skin")
    quads = topology.quads[skin]
    used = quads >= 0
    uv = np.zeros((int(topology.quads.max()) + 1, 2))
    uv[quads[used]] = topology.corner_uv[skin][used]
    return uv


def head_transfer(
    topology: Topology, posed: Array, settings: LightingSettings = LightingSettings()
) -> tuple[Array, Array]:
    """Normals (V, 3) and shadowed transfer (V, 9) of a posed head; the transfer is zero off the face."""
    normals = vertex_normals(posed, topology.quads)
    opaque = [topology.triangles(name)[0] for name in MATERIALS if name != "cornea"]
    places = face_vertices(topology)
    transfer = np.zeros((len(posed), 9))
    transfer[places] = shadowed_transfer(posed, np.concatenate(opaque), normals, places, settings)
    return normals, transfer


def face_vertices(topology: Topology) -> NDArray[np.int64]:
    """Ids of the vertices of the face's outside. Raises TopologyMismatch where the topology names no face."""
    if "face" not in topology.regions:
        raise TopologyMismatch("Pseudo pairs need a face model whose regions name the face.")
    inside = np.zeros(int(topology.quads.max()) + 1, bool)
    inside[topology.regions["face"]] = True
    for name in ("mouth_bag", "socket_left", "socket_right"):
        if name in topology.regions:
            inside[topology.regions[name]] = False
    return np.flatnonzero(inside)


def lit_head(head: PhotoHead, settings: LightingSettings = LightingSettings()) -> LitHead:
    """Find the light of a photo from what its head's texture shows of bare skin."""
    topology, posed = head.bundle.topology, head.posed()
    normals, transfer = head_transfer(topology, posed, settings)
    places = np.flatnonzero(transfer.any(1))
    texel = _texel(skin_uv(topology)[places], len(head.albedo))
    # Averaged to the mesh's resolution, and alone where the photo shows it.
    seen = np.where(head.seen > 127, head.seen, 0).astype(np.float32)[..., None] / 255.0
    linear = TO_LINEAR[head.albedo]
    together = cv2.GaussianBlur(np.dstack([linear * seen, seen]), (0, 0), 1.5)
    colours = _sampled(together, texel).astype(np.float64)
    weights = colours[:, 3] * bare_skin(topology)[places]
    weights *= np.clip(normals[places, 2] * 2.0, 0.0, 1.0)
    colours = colours[:, :3] / np.maximum(colours[:, 3:], 1e-3)
    views = -posed[places] / np.linalg.norm(posed[places], axis=1, keepdims=True)
    lighting = fit_lighting(transfer[places], colours, weights, normals[places], views, settings)
    return LitHead(posed, normals, transfer, lighting)


def photographed_skin(
    head: PhotoHead, lit: LitHead, settings: LightingSettings = LightingSettings()
) -> RelativeSkin:
    """A head's own texture with its photo's light divided out."""
    topology, size = head.bundle.topology, len(head.albedo)
    views = -lit.posed / np.linalg.norm(lit.posed, axis=1, keepdims=True)
    lobes = shine_lobes(lit.normals, views, lit.lighting.lamps, settings)
    shine = np.einsum("vle,le->v", lobes, lit.lighting.shine)[:, None]
    light = lit.lighting.diffuse(lit.transfer)
    # What lies in folds, or is seen by no light that the photo tells of, is not brightened without end.
    light = np.maximum(light, LEAST_LIGHT * np.median(light[lit.transfer.any(1)], axis=0))
    face = np.zeros(len(light))
    face[face_vertices(topology)] = 1.0
    layers = np.column_stack([light, shine, face, bare_skin(topology)])
    image = uv_sampler(topology, "skin", size).image(layers)
    albedo = TO_LINEAR[head.albedo]
    relative = np.maximum(albedo - 0.8 * image[..., 3:4], 0.25 * albedo) / np.maximum(image[..., :3], 0.01)
    logarithm = np.log(np.clip(relative, 0.02, 1.7))
    bare = (image[..., 4] * image[..., 5])[..., None]
    sigma = SLOW_MM / FACE_MM_PER_TEXEL * size / 1024.0
    # Blurred at an eighth of the size: what is slow needs no more.
    small = cv2.resize(np.dstack([logarithm * bare, bare]), (size // 8, size // 8), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / 8.0)
    slow = small[..., :3] / np.maximum(small[..., 3:], 1e-3)
    logarithm -= (1.0 - SLOW_KEPT) * cv2.resize(slow, (size, size), interpolation=cv2.INTER_LINEAR)
    logarithm[image[..., 4] < 0.5] = 0.0
    return RelativeSkin(head.name, np.exp(logarithm).astype(np.float32))


class SkinDrawer:
    """Draws skins from nothing for one face model: blood and pigment in patches, spots, stubble, lips, brows."""

    def __init__(self, model: FaceModel, size: int = 1024) -> None:
        """Measures the mean head; takes about two seconds. Raises TopologyMismatch where the skin is no lattice."""
        self.features: RestFeatures = rest_features(model)
        self.lattice = SmoothLattice(model.topology, size)
        points = model.ibug68.points(self.features.position)[:, :2]
        self._brows = (points[21:16:-1], points[22:27])
        self._place = self.lattice.image(self.features.position)
        self._lip = self.lattice.image(self.features.lip)
        self._lid = self.lattice.image(self.features.lid)

    def draw(self, rng: np.random.Generator) -> RelativeSkin:
        """A skin at random."""
        look = random_look(rng)
        whole = skin_albedo(look, self._place, self.features, self.lattice, rng, PATCHES)
        albedo = np.asarray(whole / look.skin**2.2, np.float32)
        lips = np.clip(self._lip / 1.6 + 0.5, 0.0, 1.0)[..., None] * LIPS * look.lip_strength
        albedo *= 1.0 + lips * (_relative(look.lips, look) - 1.0)
        hair = np.minimum(_relative(look.hair, look), 0.45)
        coverage = self._brow_coverage(look, rng)
        coverage = np.maximum(coverage, np.clip(1.1 - self._lid, 0.0, 1.0) * look.liner * 0.7)[..., None]
        albedo += coverage * (hair - albedo)
        return RelativeSkin("procedural", np.clip(albedo, 0.02, 3.0).astype(np.float32))

    def _brow_coverage(self, look: Look, rng: np.random.Generator) -> Float32:
        """(S, S) 0..1: single hairs over a soft shade, drawn in the frontal plane of the mean head."""
        scale, corner = BROW_PX_PER_MM, np.array([-80.0, 55.0])  # mm at the plane's top left
        canvas = np.zeros((int(60 * scale), int(160 * scale)), np.uint8)

        def pixel(place: Array) -> tuple[int, int]:
            """Sixteenths of a pixel."""
            x, y = (place - corner) * [1.0, -1.0] * scale * 16.0
            return round(x), round(y)

        for outward, line in zip((-1.0, 1.0), self._brows, strict=True):
            for along in np.sort(rng.uniform(-0.03, 1.02, BROW_HAIRS)):
                middle = _along(line, along) + [0.0, look.brow_raise * (along - 0.5)]
                width = look.brow_half_width * (1.0 - 0.6 * max(along, 0.0)) * min(1.0, 0.55 + 3.0 * max(along, 0.0))
                root = middle + [0.0, width * (np.clip(0.5 * rng.normal(), -1.0, 1.0) - 0.45)]
                # Upright at the inner end, along the brow at its tail.
                angle = np.radians(78.0 - 82.0 * np.sqrt(np.clip(along, 0.0, 1.0)) + 10.0 * rng.normal())
                length = rng.uniform(2.5, 6.0) * (1.0 - 0.35 * max(along, 0.0))
                tip = root + length * np.array([outward * np.cos(angle), np.sin(angle)])
                cv2.line(canvas, pixel(root), pixel(tip), (int(rng.uniform(120, 255)),), 1, cv2.LINE_AA, 4)
        hairs = cv2.GaussianBlur(canvas.astype(np.float32) / 255.0, (0, 0), 0.09 * scale)
        shade = cv2.GaussianBlur(hairs, (0, 0), 0.7 * scale)
        drawn = np.clip(1.5 * hairs + 0.5 * shade, 0.0, 1.0) * np.float32(look.brow_strength)
        x = (self._place[..., 0] - corner[0]) * scale - 0.5
        y = (corner[1] - self._place[..., 1]) * scale - 0.5
        shown = cv2.remap(drawn, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        shown[self._place[..., 2] < -45.0] = 0.0
        return np.asarray(shown, np.float32)


def _relative(colour: Array, look: Look) -> Float32:
    """A colour (3,) sRGB as a factor on the skin's tone, linear."""
    return np.asarray((np.maximum(colour, 0.01) / look.skin) ** 2.2, np.float32)


def _along(line: Array, share: float) -> Array:
    """The point of a polyline (n, 2) at a share of its corners, beyond its ends straight on."""
    at = share * (len(line) - 1)
    first = int(np.clip(np.floor(at), 0, len(line) - 2))
    result: Array = line[first] + (at - first) * (line[first + 1] - line[first])
    return result


def bare_skin(topology: Topology) -> Array:
    """(V,) 1 on bare skin of the face, 0 on lips, brows, lids, ears and off the face."""
    bare = np.zeros(int(topology.quads.max()) + 1)
    bare[face_vertices(topology)] = 1.0
    for name in NOT_BARE:
        if name in topology.regions:
            bare[topology.regions[name]] = 0.0
    return bare


def _texel(uv: Array, size: int) -> Float32:
    return np.stack([uv[:, 0] * size, (1.0 - uv[:, 1]) * size], axis=1).astype(np.float32)


def _sampled(image: NDArray[Any], texel: Float32) -> Float32:
    """(S, S, C) at (n, 2) places, centres at +0.5, bilinear."""
    return np.asarray(sample(image, texel, cv2.INTER_LINEAR), np.float32)
