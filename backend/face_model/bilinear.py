"""The built-in face model: 100 identity modes and blendshapes that depend on the identity.

FaceScape (Zhu et al., TPAMI 2023) Sec. 3.4, Eq. (2) and (4), with ICT-FaceKit Light as the material: see
``training/build_face_model.py`` for how it is learned and ``bilinear_file.py`` for how it is stored.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from ..errors import TopologyMismatch
from .base import FaceModel, HeadGeometry
from .bilinear_file import BilinearData, parse_model, read_model
from .correctives import apply_correctives

_KEPT_SUBSETS = 8

#: A finished head's blendshape leaves alone what it would move by less.
STILL_MM = 0.01


class _Subset(NamedTuple):
    """What the model needs to evaluate at n chosen vertices only; n_s of them skin, the others of the inner parts.

    neutral (n, 3), identity (I, 3n) float64
    skin, part       positions 0..n-1 of the skin's and the parts' vertices among the chosen
    mean             (E, 3 n_s) float32
    vertex_factor    (3 n_s, R_v) float32
    part_rows        per PartMotion: positions among the chosen, and rows of the part's own arrays
    """

    neutral: NDArray[np.float64]
    identity: NDArray[np.float64]
    skin: NDArray[np.int64]
    mean: NDArray[np.float32]
    vertex_factor: NDArray[np.float32]
    part_rows: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]


class BilinearModel(FaceModel):
    """Neutral = mean + identity modes; blendshapes = mean blendshapes + core x w_exp x w_id (FaceScape Eq. (4)).

    Identity coefficients become the identity factor's coordinates w_id by a rotation. Evaluating at a subset of the
    vertices, as the landmark fit does in its loop, prepares that subset once and then costs about a millisecond.

    Attributes
    ----------
    report : what was measured when the model was built, name -> number
    path : the file that the model was loaded from, if it was
    """

    name = "Facewright"
    report: Mapping[str, float]
    path: Path | None = None

    def __init__(self, data: BilinearData, sha256: str) -> None:
        self.sha256 = sha256
        self.topology = data.topology
        self.identity_dims = len(data.identity)
        self.blendshape_names = data.blendshape_names
        self.embedding = data.embedding
        self.ibug68 = data.ibug68
        self.report = data.report
        self._data = data
        self._vertex_count = data.topology.vertex_count
        self._sampled = int(data.sampling.shape[0])
        #: Sampling of the moving control vertices only; 32 bits halve the time, and offsets are small.
        self._moving_sampling = sp.csr_matrix(data.sampling[:, data.moving], dtype=np.float32)
        #: Per part its pivot on the mean head (3,) and the pivot's identity modes (I, 3), mm.
        self._pivots = [
            (
                part.pivot_weights @ data.neutral[self._mesh_ids(part.pivot_vertices)],
                np.einsum("p,ipk->ik", part.pivot_weights, data.identity[:, part.pivot_vertices]),
            )
            for part in data.parts
        ]
        self._subsets: OrderedDict[bytes, _Subset] = OrderedDict()

    @classmethod
    def load(cls, path: Path) -> BilinearModel:
        """Read a model file. Raises ModelFileInvalid."""
        model = cls(*read_model(path))
        model.path = path
        return model

    @classmethod
    def from_bytes(cls, raw: bytes, name: str = "The face model") -> BilinearModel:
        """Read a model file's content. Raises ModelFileInvalid."""
        return cls(*parse_model(raw, name))

    @property
    def sampling(self) -> sp.csr_matrix:
        """(V_s, C_s) csr: the mesh's first V_s vertices from the control mesh's skin."""
        return self._data.sampling

    @property
    def ranks(self) -> tuple[int, int, int]:
        """Tucker ranks of vertices, blendshapes and identity."""
        vertex, blendshape, identity = self._data.core.shape
        return vertex, blendshape, identity

    def neutral(
        self, identity: NDArray[np.float64], vertices: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """(I,) standard deviations to (n, 3) mm."""
        identity = self._checked_identity(identity)
        if vertices is not None:
            subset = self._subset(vertices)
            return subset.neutral + (identity @ subset.identity).reshape(-1, 3)
        shift = np.tensordot(identity.astype(np.float32), self._data.identity, 1)
        result: NDArray[np.float64] = self._data.neutral + self._sample(shift.astype(np.float64))
        return result

    def blendshapes(
        self, identity: NDArray[np.float64], vertices: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """(I,) standard deviations to (E, n, 3) offsets mm, personalised, without correctives (FaceScape Eq. 4)."""
        identity = self._checked_identity(identity)
        weights = self._blendshape_weights(identity)
        anchors = self._anchors(weights)
        count = len(self.blendshape_names)
        if vertices is not None:
            subset = self._subset(vertices)
            offsets = np.zeros((count, len(subset.neutral), 3))
            skin = (subset.vertex_factor @ weights).T + subset.mean
            offsets[:, subset.skin] = skin.reshape(count, -1, 3)
            places = self.neutral(identity, vertices)
            for index, (here, own) in enumerate(subset.part_rows):
                if len(here):
                    offsets[:, here] = self._part_offsets(index, identity, places[here], own, anchors)
            return offsets

        data = self._data
        moving = len(data.moving)
        control = data.mean_blendshapes[:, :moving].transpose(1, 2, 0).reshape(3 * moving, count) + (
            data.vertex_factor[: 3 * moving] @ weights
        )
        sampled = self._moving_sampling @ control.reshape(moving, 3 * count)
        offsets = np.zeros((count, self._vertex_count, 3))
        offsets[:, : self._sampled] = sampled.reshape(-1, 3, count).transpose(2, 0, 1)
        places = self.neutral(identity)
        for index, part in enumerate(data.parts):
            here = self._mesh_ids(part.vertices)
            offsets[:, here] = self._part_offsets(index, identity, places[here], None, anchors)
        return offsets

    def identity_basis(self, vertices: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """(I, n, 3) mm per standard deviation."""
        if vertices is not None:
            return self._subset(vertices).identity.reshape(self.identity_dims, -1, 3).copy()
        return np.stack([self._sample(mode.astype(np.float64)) for mode in self._data.identity])

    def head(self, identity: NDArray[np.float64]) -> HeadGeometry:
        """Neutral and blendshapes with correctives, ready to write."""
        head = apply_correctives(self.topology, self.neutral(identity), self.blendshapes(identity))
        # Nobody sees a hundredth of a millimetre, but every file would carry it for every vertex.
        still = np.linalg.norm(head.blendshapes, axis=2, keepdims=True) < STILL_MM
        return HeadGeometry(head.neutral, np.where(still, 0.0, head.blendshapes))

    def _checked_identity(self, identity: NDArray[np.float64]) -> NDArray[np.float64]:
        identity = np.asarray(identity, np.float64)
        if identity.shape != (self.identity_dims,):
            raise TopologyMismatch(
                f"The face model has {self.identity_dims} identity coefficients, and {identity.shape} were given."
            )
        return identity

    def _mesh_ids(self, controls: NDArray[np.int64]) -> NDArray[np.int64]:
        """Control ids of inner parts to vertex ids of the mesh."""
        return controls - self._data.skin_controls + self._sampled

    def _sample(self, control: NDArray[np.float64]) -> NDArray[np.float64]:
        """(C, 3) on the control mesh to (V, 3) on the mesh."""
        skin = self._data.skin_controls
        return np.concatenate([self._data.sampling @ control[:skin], control[skin:]])

    def _blendshape_weights(self, identity: NDArray[np.float64]) -> NDArray[np.float32]:
        """(R_v, E): C_r x w_exp x w_id of FaceScape Eq. (4) for all blendshapes, before the vertex factor."""
        data = self._data
        weights = (data.core @ (identity @ data.identity_factor)) @ data.blendshape_factor.T
        result: NDArray[np.float32] = weights.astype(np.float32)
        return result

    def _anchors(self, weights: NDArray[np.float32]) -> NDArray[np.float64]:
        """(E, A, 3) mm: personalised displacements of the anchors."""
        data = self._data
        moving, count = len(data.moving), len(self.blendshape_names)
        personal = (data.vertex_factor[3 * moving :] @ weights).T.reshape(count, -1, 3)
        return (data.mean_blendshapes[:, moving:] + personal).astype(np.float64)

    def _part_offsets(
        self,
        index: int,
        identity: NDArray[np.float64],
        places: NDArray[np.float64],
        rows: NDArray[np.int64] | None,
        anchors: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """(E, n, 3) mm of the vertices ``rows`` (all where None) of a part; they rest at ``places`` (n, 3)."""
        part, (mean, modes) = self._data.parts[index], self._pivots[index]
        pivot = mean + identity @ modes
        turned = (places - pivot) @ (part.rotation - np.eye(3)).transpose(0, 2, 1)
        local = part.local if rows is None else part.local[:, rows]
        drift = anchors[:, part.anchor, None] if part.anchor >= 0 else 0.0
        result: NDArray[np.float64] = turned + local + drift
        return result

    def _subset(self, vertices: NDArray[np.int64]) -> _Subset:
        """What is needed at some vertices, prepared once and kept for the most recent subsets."""
        vertices = np.asarray(vertices, np.int64)
        if vertices.ndim != 1 or (
            len(vertices) and not 0 <= vertices.min() <= vertices.max() < self._vertex_count
        ):
            raise TopologyMismatch(f"The face model has vertices 0 to {self._vertex_count - 1} only.")
        key = vertices.tobytes()
        if key in self._subsets:
            self._subsets.move_to_end(key)
            return self._subsets[key]
        self._subsets[key] = self._prepared(vertices)
        if len(self._subsets) > _KEPT_SUBSETS:
            self._subsets.popitem(last=False)
        return self._subsets[key]

    def _prepared(self, vertices: NDArray[np.int64]) -> _Subset:
        data, count = self._data, len(self.blendshape_names)
        skin = np.flatnonzero(vertices < self._sampled)
        inner = np.flatnonzero(vertices >= self._sampled)
        rows = data.sampling[vertices[skin]]
        control_of = vertices[inner] - self._sampled + data.skin_controls

        identity = np.empty((self.identity_dims, len(vertices), 3))
        used = np.unique(rows.indices)
        narrow = rows[:, used]
        spread = data.identity[:, used].transpose(1, 0, 2).reshape(len(used), 3 * self.identity_dims)
        identity[:, skin] = (
            (narrow @ spread.astype(np.float64)).reshape(len(skin), self.identity_dims, 3).transpose(1, 0, 2)
        )
        identity[:, inner] = data.identity[:, control_of]

        moving = self._moving_sampling[vertices[skin]]
        used = np.unique(moving.indices)
        narrow = moving[:, used]
        mean = narrow @ data.mean_blendshapes[:, used].transpose(1, 2, 0).reshape(len(used), 3 * count)
        ranks = data.vertex_factor.shape[1]
        factor = data.vertex_factor[: 3 * len(data.moving)].reshape(len(data.moving), 3 * ranks)[used]
        part_rows = []
        for part in data.parts:
            own = np.full(data.identity.shape[1], -1)
            own[part.vertices] = np.arange(len(part.vertices))
            row = own[control_of]
            part_rows.append((inner[row >= 0], row[row >= 0]))
        return _Subset(
            neutral=data.neutral[vertices],
            identity=identity.reshape(self.identity_dims, -1),
            skin=skin,
            mean=np.ascontiguousarray(mean.reshape(3 * len(skin), count).T),
            vertex_factor=np.ascontiguousarray((narrow @ factor).reshape(3 * len(skin), ranks)),
            part_rows=tuple(part_rows),
        )
