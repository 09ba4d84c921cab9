"""People for benchmarks who are drawn from a face model."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import TopologyMismatch
from ...face_model.base import FaceModel, HeadGeometry
from ...mesh.topology import MATERIALS
from .detail import DetailHeads, DisplacedHead
from .plan import IDENTITY_SD, BenchmarkSettings, Expression, Subject, subject_rng
from .skin import CLOTH, HAIR, Wardrobe, haired
from .subject import Person, Posed, middle_of, truth_of

Array = NDArray[np.float64]

SEVEN_OF_68 = (36, 39, 42, 45, 33, 48, 54)
"""case.NOW_LANDMARKS among iBUG's 68."""
INSIDE = ("mouth_bag", "socket_left", "socket_right")
"""Regions whose skin is not outside."""


class ModelHeads:
    """A ``subject.Cast`` of people of one face model."""

    names: tuple[str, ...] = ()

    def __init__(self, model: FaceModel, settings: BenchmarkSettings) -> None:
        """Measures the model; takes about a second.

        Raises TopologyMismatch where the model lacks what is needed.
        """
        missing = sorted(set(range(68)) - set(model.ibug68.landmark.tolist()))
        if missing:
            raise TopologyMismatch(f"{model.name} lacks {len(missing)} of the 68 landmarks that a benchmark needs.")
        self._model, self._settings = model, settings
        self._wardrobe = Wardrobe(model)
        self._detail = DetailHeads(model, settings.seed) if settings.detail else None
        self._skin = _outside(model)
        self.note = (
            f"These heads are drawn from the face model {model.name} itself: results on them flatter every method "
            "that uses that model, and say nothing about how well it fits real people."
        )

    @property
    def record(self) -> dict[str, object]:
        """Name and sha256 of the face model."""
        return {"face_model": self._model.name, "sha256": self._model.sha256}

    def person(self, subject: Subject, folder: Path) -> Person:
        """See ``subject.Cast``. Raises OSError."""
        topology, seed = self._model.topology, self._settings.seed
        looks = self._wardrobe.draw((seed, subject.number, 2), folder)
        materials = (*MATERIALS, HAIR, CLOTH)
        tags = {"skin": looks.tone}
        if self._detail is not None:
            fine = self._detail.head(subject.number)
            quads, uv, material = self._detail.refined(looks.material)
            pose = partial(self._posed_detail, fine, self._detail.spread(looks.hair_mm))
            return Person(quads, uv, material, materials, looks.textures, looks.roughness, tags, pose)
        identity = subject_rng(seed, subject.number, 1).normal(size=self._model.identity_dims) * IDENTITY_SD
        plain = partial(self._posed, self._model.head(identity), looks.hair_mm)
        return Person(
            topology.quads, topology.corner_uv, looks.material, materials, looks.textures, looks.roughness, tags,
            plain,
        )  # fmt: skip

    def _posed(self, head: HeadGeometry, hair_mm: Array, expression: Expression) -> Posed:
        weights = expression.weights(self._model.blendshape_names)
        vertices = head.neutral + np.tensordot(weights, head.blendshapes, 1)
        shown = haired(vertices, self._model.topology.quads, hair_mm)
        return self._result(vertices, shown, vertices, self._skin)

    def _posed_detail(self, head: DisplacedHead, hair_mm: Array, expression: Expression) -> Posed:
        assert self._detail is not None
        vertices = head.coarse(expression)
        fine = self._detail.displaced(vertices, head.relief(expression))
        shown = haired(fine, self._detail.quads, hair_mm)
        return self._result(vertices, shown, fine, self._detail.triangles_of(self._skin))

    def _result(self, vertices: Array, shown: Array, skin: Array, triangles: NDArray[np.int32]) -> Posed:
        """``skin``: the vertices that ``triangles`` name, without hair."""
        marks = self._model.ibug68.points(vertices)
        order = np.argsort(self._model.ibug68.landmark)
        seven = marks[order][list(SEVEN_OF_68)]
        truth = truth_of(skin, triangles, seven)
        return Posed(shown, truth, seven, middle_of(seven), _pupil_distance(marks[order]), vertices)


def _outside(model: FaceModel) -> NDArray[np.int32]:
    """(T, 3) triangles of the skin that is outside."""
    triangles = model.topology.triangles("skin")[0]
    hidden = np.zeros(model.topology.vertex_count, bool)
    for name in INSIDE:
        if name in model.topology.regions:
            hidden[model.topology.regions[name]] = True
    result: NDArray[np.int32] = triangles[~hidden[triangles].all(1)]
    return result


def _pupil_distance(points68: Array) -> float:
    """Between the middles of the eyes' outlines, mm."""
    return float(np.linalg.norm(points68[36:42].mean(0) - points68[42:48].mean(0)))
