"""A user's own FaceScape bilinear model v1.6 as a face model.

The file comes under FaceScape's own non-commercial licence; it can be loaded, it is never shipped. Read here:
``shape_bm_core`` (3 V, 52, I) with rows x, y, z of vertex 0, then of vertex 1, and so on; its 52 columns are the
neutral and 51 blendshapes, given as whole shapes (or, in derived files, as offsets from the neutral: the size of a
column tells). ``id_mean`` and ``id_var`` (I,): an identity is id_mean + sqrt(id_var) z with z a standard normal
vector. ``fv_indices``, ``ft_indices`` (F, 3), counted from 1; ``texcoords`` (T, 2); ``lm_list_v16`` (68,) counted
from 0. Arrays that are stored as pickles are not touched.

The file does not name the blendshapes. Their order is the one that its authors gave in answer to a question (issue
52 of their repository); what can be seen of it is checked: which side and which part of the face moves.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DAMAGED_NPZ, ModelFileInvalid, TopologyMismatch, reason_of
from ..mesh.topology import MATERIALS, LandmarkEmbedding, Topology
from .base import ARKIT_NAMES, FaceModel, HeadGeometry
from .landmark_transfer import subset_of_478, transferred_embedding

# Columns 1 to 51 in ARKit's names. FaceScape calls some of them otherwise: EyeDown (eyeLookDown), EyeOpen
# (eyeWide), BrowsD, BrowsU_C, BrowsU (browDown, browInnerUp, browOuterUp), LipsTogether (mouthClose),
# LipsUpperClose and LipsLowerClose (mouthRollUpper, mouthRollLower), ChinLowerRaise and ChinUpperRaise
# (mouthShrugLower, mouthShrugUpper), Sneer (noseSneer), Puff (cheekPuff).
COLUMN_NAMES: tuple[str, ...] = tuple(
    """eyeBlinkLeft eyeBlinkRight eyeSquintLeft eyeSquintRight eyeLookDownLeft eyeLookDownRight eyeLookInLeft
    eyeLookInRight eyeWideLeft eyeWideRight eyeLookOutLeft eyeLookOutRight eyeLookUpLeft eyeLookUpRight browDownLeft
    browDownRight browInnerUp browOuterUpLeft browOuterUpRight jawOpen mouthClose jawLeft jawRight jawForward
    mouthUpperUpLeft mouthUpperUpRight mouthLowerDownLeft mouthLowerDownRight mouthRollUpper mouthRollLower
    mouthSmileLeft mouthSmileRight mouthDimpleLeft mouthDimpleRight mouthStretchLeft mouthStretchRight
    mouthFrownLeft mouthFrownRight mouthPressLeft mouthPressRight mouthPucker mouthFunnel mouthLeft mouthRight
    mouthShrugLower mouthShrugUpper noseSneerLeft noseSneerRight cheekPuff cheekSquintLeft
    cheekSquintRight""".split()
)
INTERPUPILLARY_MM = 63.0
# From the mean of the four eye corners to the point midway between the eyeball centres, mm (ICT's mean head).
EYE_CENTRES_FROM_CORNERS_MM = (0.0, 2.6, -9.2)
EYE_CORNERS = (36, 39, 42, 45)
RIGHT_EYE_POINTS, LEFT_EYE_POINTS = range(36, 42), range(42, 48)
CHIN_POINT = 8
SHIFTS = {"jawLeft": "jaw", "jawRight": "jaw", "mouthLeft": "mouth", "mouthRight": "mouth"}
LIP_POINTS, LOWER_LIP_POINTS = range(48, 68), (55, 56, 57, 58, 59, 65, 66, 67)
CACHED_SUBSETS = 4


class FaceScapeModel(FaceModel):
    """FaceScape v1.6: identity in standard deviations, blendshapes that depend on it (FaceScape Eq. 2).

    Not metric: the mean head is scaled to an inter-pupillary distance of 63 mm. The file has no eyeballs, teeth or
    tongue, so ``tongueOut`` does nothing, and no irises among the landmarks.

    Attributes
    ----------
    warnings : what this model cannot do, one sentence each
    """

    metric = False
    warnings: tuple[str, ...]

    def __init__(
        self, arrays: dict[str, NDArray[Any]], sha256: str, reference: FaceModel | None = None
    ) -> None:
        """Build from the file's arrays. Raises ValueError where they do not fit each other."""
        core = arrays["shape_bm_core"]
        if core.ndim != 3 or core.shape[0] % 3 or core.shape[1] != len(COLUMN_NAMES) + 1 or core.dtype.kind != "f":
            raise ValueError(f"shape_bm_core has the shape {core.shape} instead of (3 V, 52, I)")
        count, dims = core.shape[0] // 3, core.shape[2]
        self._core: NDArray[np.float32] = core.astype(np.float32, copy=False).reshape(count, 3, core.shape[1], dims)
        self._mean = _vector(arrays, "id_mean", dims)
        variance = _vector(arrays, "id_var", dims)
        if (variance < 0).any():
            raise ValueError("id_var is negative")
        self._deviation = np.sqrt(variance)
        self.name = "FaceScape v1.6"
        self.sha256 = sha256
        self.identity_dims = dims
        self.blendshape_names = ARKIT_NAMES
        self.ibug68 = _landmarks68(arrays["lm_list_v16"], count)
        self.topology = _topology(arrays, count)
        self._subsets: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

        corners = self._corner_rows()[:, :, 0] @ self._factor(np.zeros(dims))
        eyes = corners[:2].mean(0), corners[2:].mean(0)
        distance = float(np.linalg.norm(eyes[1] - eyes[0]))
        if not np.isfinite(distance) or distance <= 0 or eyes[1][0] - eyes[0][0] < 0.9 * distance:
            raise ValueError("its landmarks do not show a face that looks along +z with the subject's left at +x")
        self._scale = INTERPUPILLARY_MM / distance
        sizes = np.linalg.norm(self._corner_rows() @ self._factor(np.zeros(dims)), axis=(0, 1))
        self._whole_shapes = bool(np.median(sizes[1:]) > 0.5 * sizes[0])
        self._column_names = COLUMN_NAMES
        self._check_expressions()
        self.warnings = (
            "FaceScape's model has no true scale: the head is scaled to 63 mm between the pupils.",
            "FaceScape's model has no eyeballs, teeth or tongue: tongueOut does nothing.",
        )
        if reference is None:
            self.embedding = subset_of_478(self.ibug68)
            self.warnings += (
                f"Without the built-in face model only {len(self.embedding.landmark)} landmarks are fitted.",
            )
        else:
            mean = self.neutral(np.zeros(dims))
            triangles = self.topology.triangles("skin")[0]
            self.embedding = transferred_embedding(reference, mean, triangles, self.ibug68, irises=False)

    @classmethod
    def load(cls, path: Path, reference: FaceModel | None = None) -> FaceScapeModel:
        """Read a FaceScape ``.npz``; ``reference`` lends its 478 landmarks. Raises ModelFileInvalid."""
        needed = ("shape_bm_core", "id_mean", "id_var", "fv_indices", "ft_indices", "texcoords", "lm_list_v16")
        arrays: dict[str, NDArray[Any]] = {}
        try:
            with np.load(path, allow_pickle=False) as archive:
                for name in needed:
                    arrays[name] = archive[name]
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            return cls(arrays, digest, reference)
        except (KeyError, *DAMAGED_NPZ) as error:
            reason = reason_of(error)
            raise ModelFileInvalid(f"{path} is not a usable FaceScape v1.6 bilinear model: {reason}.") from error

    def neutral(
        self, identity: NDArray[np.float64], vertices: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """(I,) standard deviations to (n, 3) mm."""
        factor = self._factor(identity)
        return self._millimetres(self._rows(vertices)[:, :, 0] @ factor) - self._origin(factor)

    def blendshapes(
        self, identity: NDArray[np.float64], vertices: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """(I,) standard deviations to (52, n, 3) offsets mm. FaceScape Eq. (2) with one expression at a time."""
        return self._offsets(self._rows(vertices) @ self._factor(identity))

    def identity_basis(self, vertices: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """(I, n, 3) mm per standard deviation."""
        origin = self._corner_rows()[:, :, 0].mean(0)  # (3, I)
        modes = (self._rows(vertices)[:, :, 0] - origin) * self._deviation
        return self._millimetres(np.moveaxis(modes, 2, 0))

    def head(self, identity: NDArray[np.float64]) -> HeadGeometry:
        """Neutral and blendshapes as FaceScape has them; correctives belong to the built-in topology."""
        return HeadGeometry(self.neutral(identity), self.blendshapes(identity))

    def _factor(self, identity: NDArray[np.float64]) -> NDArray[np.float32]:
        """(I,) standard deviations to the identity factor w_id, in the core's precision."""
        if np.shape(identity) != (self.identity_dims,):
            raise TopologyMismatch(f"This face model takes {self.identity_dims} identity coefficients.")
        return np.asarray(self._mean + self._deviation * identity, np.float32)

    def _rows(self, vertices: NDArray[np.int64] | None) -> NDArray[np.float32]:
        """(n, 3, 52, I) of the core; subsets are kept, because a fit asks for the same one in a loop."""
        if vertices is None:
            return self._core
        key = np.asarray(vertices, np.int64).tobytes()
        if key not in self._subsets:
            self._subsets[key] = np.ascontiguousarray(self._core[vertices])
            if len(self._subsets) > CACHED_SUBSETS:
                self._subsets.popitem(last=False)
        self._subsets.move_to_end(key)
        return self._subsets[key]

    def _corner_rows(self) -> NDArray[np.float32]:
        """(4, 3, 52, I) of the core at the corners of the eyes."""
        return self._rows(self.ibug68.vertices[list(EYE_CORNERS), 0])

    def _millimetres(self, values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        return np.asarray(values, np.float64) * self._scale

    def _origin(self, factor: NDArray[np.float32]) -> NDArray[np.float64]:
        """(3,) mm in the file's axes: the point midway between the eyeball centres, from the eyes' corners."""
        corners = self._millimetres(self._corner_rows()[:, :, 0] @ factor)
        return np.asarray(corners.mean(0) + EYE_CENTRES_FROM_CORNERS_MM, np.float64)

    def _offsets(self, shapes: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, 3, 52) columns of the core for one identity, file units, to (52, n, 3) mm in ARKit's order."""
        result = np.zeros((len(ARKIT_NAMES), *shapes.shape[:2]))
        neutral = shapes[:, :, 0] if self._whole_shapes else np.zeros((), np.float32)
        for column, name in enumerate(self._column_names, start=1):
            result[ARKIT_NAMES.index(name)] = self._millimetres(shapes[:, :, column] - neutral)
        return result

    def _check_expressions(self) -> None:
        """See to it that the columns are the blendshapes that we take them for. Raises ValueError.

        Blinks must move the lids of one side, and jawOpen the lower lip downwards. Principal components of
        expressions (the file whose name ends in ``_id_exp``) fail here. If left and right are the other way round,
        the names are exchanged.
        """
        rows = self._rows(self.ibug68.vertices[:, 0])
        offsets = dict(zip(ARKIT_NAMES, self._offsets(rows @ self._mean.astype(np.float32))))
        blink = np.linalg.norm(offsets["eyeBlinkLeft"], axis=1)
        left, right = blink[list(LEFT_EYE_POINTS)].mean(), blink[list(RIGHT_EYE_POINTS)].mean()
        jaw = offsets["jawOpen"]
        lids = np.linalg.norm(jaw[list(RIGHT_EYE_POINTS) + list(LEFT_EYE_POINTS)], axis=1).mean()
        lower_lip = -jaw[list(LOWER_LIP_POINTS), 1].mean()
        lips = blink[list(LIP_POINTS)].mean()
        if not (max(left, right) > 3.0 * max(min(left, right), lips) and lower_lip > 3.0 * lids):
            raise ValueError(
                "its expressions are not the 51 blendshapes in their documented order "
                "(the file whose name ends in _id_exp holds principal components instead)"
            )
        # Jaw and mouth have their sides by direction: to the subject's left is +x.
        swapped = {
            "jaw": offsets["jawLeft"][CHIN_POINT, 0] < 0,
            "mouth": offsets["mouthLeft"][list(LIP_POINTS), 0].mean() < 0,
        }
        self._column_names = tuple(
            _other_side(name)
            if (swapped[SHIFTS[name]] if name in SHIFTS else right > left)
            else name
            for name in self._column_names
        )


def _other_side(name: str) -> str:
    """The name with Left and Right exchanged; others as they are."""
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    return name.removesuffix("Right") + "Left" if name.endswith("Right") else name


def _vector(arrays: dict[str, NDArray[Any]], name: str, size: int) -> NDArray[np.float64]:
    """A finite vector of the file. Raises ValueError."""
    values = np.asarray(arrays[name], np.float64).reshape(-1)
    if values.shape != (size,) or not np.isfinite(values).all():
        raise ValueError(f"{name} does not hold {size} finite numbers")
    return values


def _landmarks68(indices: NDArray[Any], count: int) -> LandmarkEmbedding:
    """iBUG's 68 points on vertices. Raises ValueError."""
    indices = np.asarray(indices).reshape(-1)
    if indices.shape != (68,) or indices.dtype.kind not in "iu" or indices.min() < 0 or indices.max() >= count:
        raise ValueError("lm_list_v16 does not hold 68 vertices")
    weights = np.zeros((68, 3))
    weights[:, 0] = 1.0
    return LandmarkEmbedding(np.arange(68), np.repeat(indices.astype(np.int64)[:, None], 3, axis=1), weights)


def _faces(arrays: dict[str, NDArray[Any]], name: str, count: int) -> NDArray[np.int64]:
    """(F, 3) rows of 0-based indices, which the file counts from 1. Raises ValueError."""
    faces = np.asarray(arrays[name])
    if faces.ndim != 2 or faces.shape[1] != 3 or faces.dtype.kind not in "iu":
        raise ValueError(f"{name} does not hold triangles")
    if faces.min() < 1 or faces.max() > count:
        raise ValueError(f"{name} points outside of the file")
    return faces.astype(np.int64) - 1


def _topology(arrays: dict[str, NDArray[Any]], count: int) -> Topology:
    """All triangles, all of them skin. Raises ValueError."""
    texcoords = np.asarray(arrays["texcoords"], np.float64)
    if texcoords.ndim != 2 or texcoords.shape[1] < 2 or not np.isfinite(texcoords).all():
        raise ValueError("texcoords does not hold UVs")
    corners = _faces(arrays, "fv_indices", count)
    corner_uv = texcoords[_faces(arrays, "ft_indices", len(texcoords)), :2]
    if len(corner_uv) != len(corners) or corners.max() != count - 1:
        raise ValueError("its faces do not use its vertices")
    quads = np.concatenate([corners, np.full((len(corners), 1), -1)], axis=1)
    return Topology(
        quads=quads.astype(np.int32),
        corner_uv=np.concatenate([corner_uv, corner_uv[:, 2:]], axis=1).astype(np.float32),
        material=np.full(len(quads), MATERIALS.index("skin"), np.uint8),
        regions={"face": np.arange(count, dtype=np.int32)},
    )
