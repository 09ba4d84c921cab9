"""What a benchmark needs of somebody who is rendered, wherever the person comes from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..metrics.face_crop import face_crop
from ..surface import Surface
from .plan import Expression, Subject

Array = NDArray[np.float64]


class Posed(NamedTuple):
    """A person with an expression, model space, mm.

    shown     (V, 3) the mesh that is rendered
    truth     outside skin inside NoW's sphere, as it is rendered
    seven     (7, 3) case.NOW_LANDMARKS
    middle    (3,) a point on the vertical axis of the head
    pupils_mm distance of the eyes' middles
    model     (M, 3) the face model's own vertices in its own order; None where the person is not of a model
    """

    shown: Array
    truth: Surface
    seven: Array
    middle: Array
    pupils_mm: float
    model: Array | None


class Person(NamedTuple):
    """Everything that does not depend on the picture.

    quads (F, 4), uv (F, 4, 2), material (F,) into ``materials``: as in mesh.topology.Topology, with "hair" and
    "cloth" after the head's own; textures: material -> image file; roughness of the skin; tags for meta.json;
    pose: the person with an expression
    """

    quads: NDArray[np.int32]
    uv: NDArray[np.float32]
    material: NDArray[np.uint8]
    materials: tuple[str, ...]
    textures: Mapping[str, Path]
    roughness: float
    tags: Mapping[str, str]
    pose: Callable[[Expression], Posed]


class Cast(Protocol):
    """Where people come from: a face model, or meshes of a folder.

    ``note``: one sentence about them for whoever reads results; ``record``: what benchmark.json says of the source
    """

    note: str

    @property
    def names(self) -> tuple[str, ...]:
        """Of the people, where they have names of their own; else ()."""

    @property
    def record(self) -> dict[str, object]:
        """What identifies the source: the same record means the same people."""

    def person(self, subject: Subject, folder: Path) -> Person:
        """Make one person; textures are written into ``folder``."""


EYE_TO_MIDDLE = 0.7
"""From between the eyes' outer corners back to the head's vertical axis, in units of the corners' distance."""


def middle_of(seven: Array) -> Array:
    """(3,) a point on the vertical axis of an upright head, by its seven points (7, 3), model space."""
    middle: Array = seven.mean(0)
    corners = seven[[0, 3]]
    middle[2] = corners[:, 2].mean() - EYE_TO_MIDDLE * float(np.linalg.norm(corners[0] - corners[1]))
    return middle


def truth_of(vertices: Array, triangles: NDArray[np.integer[Any]], seven: Array) -> Surface:
    """The triangles whose corners all lie inside NoW's sphere, with the vertices that they need.

    The sphere, as every metric that crops crops to it; beyond it there are ears, hair and neck, on which programs
    are not compared.
    """
    inside = face_crop(seven).contains(vertices)
    kept = triangles[inside[triangles].all(1)]
    used, corner = np.unique(kept, return_inverse=True)
    return Surface(np.ascontiguousarray(vertices[used]), corner.reshape(-1, 3).astype(np.int32))
