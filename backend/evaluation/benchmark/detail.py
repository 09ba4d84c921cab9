"""Heads whose wrinkles and pores are geometry: the model's mesh, subdivided once and displaced.

The relief comes from the synthetic population that the displacement networks learn from, from its held-out part: no
network of ours was trained on these heads, but all were trained on their kind.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from ...errors import TopologyMismatch
from ...face_model.base import FaceModel, HeadGeometry
from ...face_model.key_expressions import KEY_EXPRESSION_NAMES
from ...mesh.normals import vertex_normals
from ...mesh.topology import MATERIALS
from ...training.catmull_clark import subdivide
from ...training.detail_samples import PopulationSettings, make_sample
from ...training.sample_store import DetailSample
from ...training.skin_photograph import Studio, open_studio
from .plan import Expression

Array = NDArray[np.float64]
MAP_SIZE = 1024
"""Texels of the relief; 0.29 mm on the face, where the subdivided mesh has cells of about half a millimetre."""


class DisplacedHead(NamedTuple):
    """One person of the population."""

    head: HeadGeometry
    sample: DetailSample
    performed: Array  # (19, E) the key expressions as this person performs them

    def coarse(self, expression: Expression) -> Array:
        """(V, 3) the model's own vertices, mm."""
        key = _key(expression)
        if key == 0:
            return self.head.neutral
        result: Array = self.head.neutral + np.tensordot(self.performed[key - 1], self.head.blendshapes, 1)
        return result

    def relief(self, expression: Expression) -> NDArray[np.float32]:
        """(S, S) mm along the normal, pores included."""
        key = _key(expression)
        still = self.sample.static + self.sample.pores
        return np.asarray(still if key == 0 else still + self.sample.dynamic[key - 1], np.float32)


class DetailHeads:
    """The subdivided topology of the built-in model, and its people.

    ``quads`` (4 F, 4) over the subdivided vertices; child k of face f is row 4 f + k.
    """

    def __init__(self, model: FaceModel, seed: int) -> None:
        """Raises TopologyMismatch where the model's skin is not a geometry image."""
        topology = model.topology
        if not topology.lattice_size or (topology.quads[:, 3] < 0).any():
            raise TopologyMismatch(f"Detail needs the built-in face model, and {model.name} is another one.")
        self._model = model
        self._population = PopulationSettings(size=MAP_SIZE, seed=seed)
        self._matrix, quads = subdivide(topology.quads.astype(np.int64), topology.vertex_count)
        self.quads = quads.astype(np.int32)
        self._uv = _child_uv(topology.corner_uv)
        skin = np.repeat(topology.material == MATERIALS.index("skin"), 4)
        self._place = np.full((self._matrix.shape[0], 2), np.nan)
        self._place[self.quads[skin]] = self._uv[skin]
        self._skin = np.flatnonzero(np.isfinite(self._place[:, 0]))

    @cached_property
    def _studio(self) -> Studio:
        """Takes about two seconds."""
        return open_studio(self._model)

    def head(self, number: int) -> DisplacedHead:
        """Somebody of the population's held-out part; about five seconds."""
        sample = make_sample(self._model, self._studio, "held_out", number, self._population)
        geometry = self._model.head(np.asarray(sample.about["identity"], np.float64))
        return DisplacedHead(geometry, sample, np.asarray(sample.about["key_weights"], np.float64))

    def refined(
        self, material: NDArray[np.uint8]
    ) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.uint8]]:
        """Quads, UV (4 F, 4, 2) and materials (4 F,) of the subdivided mesh."""
        return self.quads, self._uv, np.repeat(material, 4)

    def spread(self, values: Array) -> Array:
        """(V,) values to the subdivided vertices."""
        result: Array = np.clip(self._matrix @ values, 0.0, None)
        return result

    def displaced(self, vertices: Array, relief: NDArray[np.float32]) -> Array:
        """(V, 3) vertices to those of the subdivided mesh, its skin moved along its normals by the relief (mm)."""
        fine: Array = self._matrix @ vertices
        size = len(relief)
        uv = self._place[self._skin]
        at = np.stack([(1.0 - uv[:, 1]) * size - 0.5, uv[:, 0] * size - 0.5])
        height = map_coordinates(relief.astype(np.float64), at, order=1, mode="nearest")
        fine[self._skin] += height[:, None] * vertex_normals(fine, self.quads)[self._skin]
        return fine

    def triangles_of(self, coarse: NDArray[np.int32]) -> NDArray[np.int32]:
        """(T, 3) triangles of the subdivided skin whose faces have a triangle of ``coarse`` (n, 3)."""
        kept = np.zeros(self._model.topology.vertex_count, bool)
        kept[coarse] = True
        topology = self._model.topology
        faces = (topology.material == MATERIALS.index("skin")) & kept[topology.quads].all(1)
        quads = self.quads[np.repeat(faces, 4)]
        result: NDArray[np.int32] = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
        return result


def _child_uv(uv: NDArray[np.float32]) -> NDArray[np.float32]:
    """(F, 4, 2) UV of corners to (4 F, 4, 2) of the children, in the order of ``catmull_clark.subdivide``."""
    middle = 0.5 * (uv + np.roll(uv, -1, 1))
    centre = uv.mean(1)
    children = [np.stack([uv[:, k], middle[:, k], centre, middle[:, k - 1]], 1) for k in range(4)]
    return np.asarray(np.stack(children, 1).reshape(-1, 4, 2), np.float32)


def _key(expression: Expression) -> int:
    """Number of the key expression; 0 is neutral. Amounts are the person's own, see ``performed``."""
    return KEY_EXPRESSION_NAMES.index(expression.keys[0][0]) if expression.keys else 0
