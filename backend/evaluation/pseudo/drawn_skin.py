"""Draws skins from nothing: blood and pigment in patches, pores, spots, stubble, lips, brows of single hairs."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ...displacement.pores import pores
from ...face_model.base import FaceModel
from ...mesh.smooth_lattice import SmoothLattice
from ...training.appearance import Look, random_look, rest_features
from ...training.skin_photograph import PhotographSettings, skin_albedo
from .skin import LUMINANCE, RelativeSkin

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]

BROW_PX_PER_MM = 8.0
BROW_HAIRS = 700
BROW_WIDTH = 1.35
BROW_PLANE_MM = (-80.0, 55.0, 160.0, 60.0)
"""x and y of the top left corner, width and height of the piece of the frontal plane that brows are drawn in."""
BROW_BEHIND_MM = -45.0
LIPS = 0.75
"""Strength of the lips' colour: ``appearance`` draws make-up too."""
PATCHES = PhotographSettings(stain=(0.5, 2.0), spots=40)
PORE_CONTRAST = 6.0
"""Natural logarithm of darkness per millimetre of depth."""


class SkinDrawer:
    """Draws skins for one face model, each from a generator of its own."""

    def __init__(self, model: FaceModel, size: int = 1024) -> None:
        """Measures the mean head; takes about two seconds. Raises TopologyMismatch where the skin is no lattice."""
        self.features = rest_features(model)
        self.lattice = SmoothLattice(model.topology, size)
        self._topology = model.topology
        points = model.ibug68.points(self.features.position)[:, :2]
        self._brows = (points[21:16:-1], points[22:27])
        self._place = self.lattice.image(self.features.position)
        self._lip = self.lattice.image(self.features.lip)
        self._lid = self.lattice.image(self.features.lid)

    def draw(self, rng: np.random.Generator) -> RelativeSkin:
        """A skin at random; its look is the first thing that ``rng`` draws."""
        look = random_look(rng)
        whole = skin_albedo(look, self._place, self.features, self.lattice, rng, PATCHES)
        albedo = np.asarray(whole / look.skin**2.2, np.float32)
        relief = pores(self._topology, self.features.position, len(albedo), seed=int(rng.integers(1, 2**31)))
        albedo *= np.exp(PORE_CONTRAST * relief)[..., None]
        lips = np.clip(self._lip / 1.6 + 0.5, 0.0, 1.0)[..., None] * LIPS * look.lip_strength
        albedo *= 1.0 + lips * (_relative(look.lips, look) - 1.0)
        hair = np.minimum(_relative(look.hair, look), 0.4)
        coverage = self._brow_coverage(look, rng)
        coverage = np.maximum(coverage, np.clip(1.1 - self._lid, 0.0, 1.0) * look.liner * 0.7)[..., None]
        albedo += coverage * (hair - albedo)
        tone = look.skin**2.2
        return RelativeSkin("drawn", np.clip(albedo, 0.02, 3.0).astype(np.float32), tone / (tone @ LUMINANCE))

    def _brow_coverage(self, look: Look, rng: np.random.Generator) -> Float32:
        """(S, S) 0..1: single hairs over a soft shade, drawn in the frontal plane of the mean head."""
        scale, corner = BROW_PX_PER_MM, np.array(BROW_PLANE_MM[:2])
        canvas = np.zeros((int(BROW_PLANE_MM[3] * scale), int(BROW_PLANE_MM[2] * scale)), np.uint8)

        def pixel(place: Array) -> tuple[int, int]:
            """Sixteenths of a pixel."""
            x, y = (place - corner) * [1.0, -1.0] * scale * 16.0
            return round(x), round(y)

        for outward, line in zip((-1.0, 1.0), self._brows, strict=True):
            for along in np.sort(rng.uniform(-0.03, 1.02, BROW_HAIRS)):
                inside = max(along, 0.0)
                # Landmarks follow a brow's upper edge; it is widest behind its beginning.
                width = BROW_WIDTH * look.brow_half_width * (1.0 - 0.6 * inside) * min(1.0, 0.55 + 3.0 * inside)
                up = look.brow_raise * (along - 0.5) + width * (np.clip(0.5 * rng.normal(), -1.0, 1.0) - 0.8)
                root = _along(line, along) + np.array([0.0, up])
                # Upright at the inner end, along the brow at its tail.
                angle = np.radians(78.0 - 82.0 * np.sqrt(np.clip(along, 0.0, 1.0)) + 10.0 * rng.normal())
                length = rng.uniform(2.0, 4.5) * (1.0 - 0.35 * inside)
                tip = root + length * np.array([outward * np.cos(angle), np.sin(angle)])
                cv2.line(canvas, pixel(root), pixel(tip), (int(rng.uniform(60, 190)),), 1, cv2.LINE_AA, 4)
        hairs = cv2.GaussianBlur(canvas.astype(np.float32) / 255.0, (0, 0), 0.12 * scale)
        shade = cv2.GaussianBlur(hairs, (0, 0), 0.9 * scale)
        drawn = np.clip(0.9 * hairs + 1.1 * shade, 0.0, 1.0) * np.float32(0.4 + 0.6 * look.brow_strength)
        x = (self._place[..., 0] - corner[0]) * scale - 0.5
        y = (corner[1] - self._place[..., 1]) * scale - 0.5
        shown = cv2.remap(drawn, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        shown[self._place[..., 2] < BROW_BEHIND_MM] = 0.0
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
