"""The inner parts of the head: eyeballs, teeth, gums and tongue, on our own topology, linear in ICT's vertices.

A vertex of a part is ``sampling @ ict_vertices``, so every identity carries over. ICT's expressions do not turn the
eyeballs and are noisy on the other parts, so the parts bring their own blendshapes: gaze is an exact rotation about
the eyeball's centre, everything below the jaw joint follows the jaw rigidly, and tongueOut is ours.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..face_model.base import ARKIT_NAMES
from ..face_model.eyeball import GAZE_DEGREES, gaze_rotation
from ..face_model.tongue import TONGUE_OUT_RECIPE, tongue_out
from ..mesh.topology import MATERIALS
from .ict_source import GUMS_TONGUE, IctSource
from .parts_eyes import build_eyes, fit_eyeball
from .parts_gums import build_gum
from .parts_surface import components, mirror_vertices, mirrored_rows, surface_of
from .parts_teeth import TEETH_PER_QUADRANT, UV_COLUMNS, build_tooth, quadrant, teeth_cell
from .parts_tongue import build_tongue

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

JAW_SHAPES = ("jawForward", "jawLeft", "jawRight", "jawOpen")
UPPER_GUM_UV = (0.5, 1.0, 0.375, 0.5)
LOWER_GUM_UV = (0.5, 1.0, 0.25, 0.375)


class Parts(NamedTuple):
    """All inner parts as one mesh of V_p vertices.

    sampling             (V_p, n_ict) csr: vertices = sampling @ ICT vertices, rows sum to 1
    quads                (F, 4) int64, counter-clockwise seen from outside; no triangles
    corner_uv            (F, 4, 2) float64 in the UV square of the face's material
    material             (F,) uint8 index into MATERIALS: "eye", "cornea", "teeth", "mouth"
    regions              name -> vertex ids: eye_left, eye_right (ball and shell), cornea_left, cornea_right (shell
                         only), limbus_left, limbus_right (rim of the iris, in order), teeth_upper, teeth_lower,
                         gums, gums_upper, gums_lower, tongue, tongue_tip
    mirror               (V_p,) the vertex at the mirrored place
    blendshape_overrides (52, V_p, 3) mm on the mean head in the order of ARKIT_NAMES: the whole motion of the parts
    """

    sampling: sp.csr_matrix
    quads: Ints
    corner_uv: Floats
    material: NDArray[np.uint8]
    regions: dict[str, Ints]
    mirror: Ints
    blendshape_overrides: Floats


class _Assembly:
    """Collects pieces into one mesh."""

    def __init__(self) -> None:
        self.count = 0
        self.sampling: list[sp.csr_matrix] = []
        self.quads: list[Ints] = []
        self.corner_uv: list[Floats] = []
        self.material: list[NDArray[np.uint8]] = []
        self.mirror: list[Ints] = []
        self.regions: dict[str, list[Ints]] = {}

    def add(
        self, sampling: sp.csr_matrix, quads: Ints, corner_uv: Floats, material: str, mirror: Ints, *regions: str
    ) -> Ints:
        """Add a piece; ``mirror`` is given in the numbers of the whole mesh. Returns its vertex ids."""
        ids = self.count + np.arange(sampling.shape[0])
        self.sampling.append(sampling)
        self.quads.append(quads + self.count)
        self.corner_uv.append(corner_uv)
        self.material.append(np.full(len(quads), MATERIALS.index(material), dtype=np.uint8))
        self.mirror.append(mirror)
        self.count += len(ids)
        for region in regions:
            self.regions.setdefault(region, []).append(ids)
        return ids


def rigid_motion(places: Floats, moved: Floats) -> tuple[Floats, Floats]:
    """Rotation (3, 3) and translation (3,) that carry ``places`` (n, 3) to ``moved`` best (Kabsch 1976)."""
    centre, target = places.mean(0), moved.mean(0)
    u, _, vt = np.linalg.svd((places - centre).T @ (moved - target))
    flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
    rotation = vt.T @ flip @ u.T
    return rotation, target - rotation @ centre


def _mirrored_quads(quads: Ints, corner_uv: Floats) -> tuple[Ints, Floats]:
    """Quads of a mirror image, facing outwards again."""
    return quads[:, ::-1], corner_uv[:, ::-1]


def _add_eyes(assembly: _Assembly, source: IctSource, labels: Ints, mirror: Ints) -> None:
    eye = np.arange(source.eye_left.start, source.eye_left.stop)
    # ICT's eye has an outer shell (sclera and cornea) and an inner one with the iris: the outer reaches further.
    outer = max(np.unique(labels[eye]), key=lambda k: float(source.neutral[labels == k, 2].max()))
    left, right = build_eyes(source, np.flatnonzero(labels == outer), mirror)
    count = len(left.clear)
    for side, part, other in (("left", left, count), ("right", right, -count)):
        first = assembly.count
        clear = part.clear[part.quads[:, 0]]
        ids = assembly.add(
            part.sampling, part.quads, part.corner_uv, "eye", part.mirror + first + other, f"eye_{side}"
        )
        assembly.material[-1][clear] = MATERIALS.index("cornea")
        assembly.regions[f"cornea_{side}"] = [ids[part.clear]]
        assembly.regions[f"limbus_{side}"] = [ids[part.limbus]]


def _add_teeth(assembly: _Assembly, source: IctSource, labels: Ints, mirror: Ints, upper: bool) -> list[Ints]:
    region = "teeth_upper" if upper else "teeth_lower"
    teeth = quadrant(source, labels, upper)[:TEETH_PER_QUADRANT]
    for place, vertices in enumerate(teeth):
        tooth = build_tooth(source, vertices, upper, place)
        cell = 2 * (place + (0 if upper else TEETH_PER_QUADRANT))
        count = tooth.sampling.shape[0]
        ids = assembly.count + np.arange(count)
        corner, side = teeth_cell(cell % UV_COLUMNS, cell // UV_COLUMNS)
        assembly.add(tooth.sampling, tooth.quads, corner + side * tooth.corner_uv, "teeth", ids + count, region)
        quads, corner_uv = _mirrored_quads(tooth.quads, tooth.corner_uv)
        corner, side = teeth_cell((cell + 1) % UV_COLUMNS, (cell + 1) // UV_COLUMNS)
        assembly.add(mirrored_rows(tooth.sampling, mirror), quads, corner + side * corner_uv, "teeth", ids, region)
    return teeth


def _jaw_offsets(source: IctSource, labels: Ints, points: Floats, name: str) -> Floats:
    """Offsets (n, 3) mm of ``points`` (n, 3) that follow ICT's lower jaw rigidly in the blendshape ``name``."""
    lower = np.concatenate(quadrant(source, labels, upper=False))
    lower = np.concatenate([lower, mirror_vertices(source)[lower]])
    places = source.neutral[lower]
    names = [other for other in ARKIT_NAMES if other != "tongueOut"]
    rotation, translation = rigid_motion(places, places + source.expression[names.index(name)][lower])
    return points @ rotation.T + translation - points


def _blendshapes(
    source: IctSource, labels: Ints, points: Floats, regions: dict[str, Ints], along: Floats
) -> Floats:
    """(52, V_p, 3) mm: gaze, jaw and tongue on the mean head."""
    offsets = np.zeros((len(ARKIT_NAMES), len(points), 3))
    for side in ("Left", "Right"):
        eye = regions[f"eye_{side.lower()}"]
        ball = points[np.setdiff1d(eye, regions[f"cornea_{side.lower()}"])]
        centre, _ = fit_eyeball(ball)
        for direction in GAZE_DEGREES:
            rotation = gaze_rotation(direction, side)
            arm = points[eye] - centre
            offsets[ARKIT_NAMES.index(f"eyeLook{direction}{side}"), eye] = arm @ rotation.T - arm
    jaw = np.concatenate([regions[name] for name in ("teeth_lower", "gums_lower", "tongue")])
    for name in JAW_SHAPES:
        offsets[ARKIT_NAMES.index(name), jaw] = _jaw_offsets(source, labels, points[jaw], name)
    out = ARKIT_NAMES.index("tongueOut")
    for name, weight in TONGUE_OUT_RECIPE.items():
        offsets[out] += weight * offsets[ARKIT_NAMES.index(name)]
    tongue = regions["tongue"]
    offsets[out, tongue] += tongue_out(points[tongue], along)
    return offsets


def build_parts(source: IctSource) -> Parts:
    """Build all inner parts from ICT-FaceKit.

    Raises
    ------
    ValueError
        The source's teeth or tongue are not where ICT-FaceKit Light has them.
    """
    labels, mirror = components(source), mirror_vertices(source)
    assembly = _Assembly()
    _add_eyes(assembly, source, labels, mirror)
    chosen = np.zeros(len(source.neutral), dtype=bool)
    chosen[GUMS_TONGUE] = True
    surface = surface_of(source, chosen)
    for upper, box in ((True, UPPER_GUM_UV), (False, LOWER_GUM_UV)):
        teeth = _add_teeth(assembly, source, labels, mirror, upper)
        gum = build_gum(source, surface, teeth, mirror, upper, box)
        own = "gums_upper" if upper else "gums_lower"
        assembly.add(gum.sampling, gum.quads, gum.corner_uv, "mouth", gum.mirror + assembly.count, "gums", own)
    tongue, along = build_tongue(source, surface, mirror)
    ids = assembly.add(
        tongue.sampling, tongue.quads, tongue.corner_uv, "mouth", tongue.mirror + assembly.count, "tongue"
    )
    assembly.regions["tongue_tip"] = [ids[along > 0.9]]

    sampling = sp.vstack(assembly.sampling).tocsr()
    regions = {name: np.concatenate(pieces) for name, pieces in assembly.regions.items()}
    points = sampling @ source.neutral
    return Parts(
        sampling=sampling,
        quads=np.concatenate(assembly.quads),
        corner_uv=np.concatenate(assembly.corner_uv),
        material=np.concatenate(assembly.material),
        regions=regions,
        mirror=np.concatenate(assembly.mirror),
        blendshape_overrides=_blendshapes(source, labels, points, regions, along),
    )
