"""The interface that fitting, texture and export see: identity -> neutral and personalised blendshapes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..mesh.topology import LandmarkEmbedding, Topology

# ARKit's 52, in Apple's order (facts: exact spelling matters to every consumer).
ARKIT_NAMES: tuple[str, ...] = tuple(
    """eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft
    eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight eyeWideRight
    jawForward jawLeft jawRight jawOpen mouthClose mouthFunnel mouthPucker mouthLeft mouthRight
    mouthSmileLeft mouthSmileRight mouthFrownLeft mouthFrownRight mouthDimpleLeft mouthDimpleRight
    mouthStretchLeft mouthStretchRight mouthRollLower mouthRollUpper mouthShrugLower mouthShrugUpper
    mouthPressLeft mouthPressRight mouthLowerDownLeft mouthLowerDownRight mouthUpperUpLeft mouthUpperUpRight
    browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft
    cheekSquintRight noseSneerLeft noseSneerRight tongueOut""".split()
)


class HeadGeometry(NamedTuple):
    """One person's head: ``neutral`` (V, 3) mm and ``blendshapes`` (E, V, 3) offsets mm, model space, float64."""

    neutral: NDArray[np.float64]
    blendshapes: NDArray[np.float64]


class FaceModel(ABC):
    """A statistical head: identity coefficients in standard deviations, blendshape weights from 0 to 1.

    Model space: millimetres, x to the subject's left, y up, z out of the face, origin midway between the
    eyeball centres of every head.

    Attributes
    ----------
    name, sha256 : what is written into head.json
    topology : Topology
    identity_dims : I
    blendshape_names : E names
    embedding : landmarks of the 478-point network (a model may know fewer: see ``embedding.landmark``)
    ibug68 : the 68 iBUG landmarks
    """

    name: str
    sha256: str
    topology: Topology
    identity_dims: int
    blendshape_names: tuple[str, ...]
    embedding: LandmarkEmbedding
    ibug68: LandmarkEmbedding
    metric: bool = True

    @abstractmethod
    def neutral(
        self, identity: NDArray[np.float64], vertices: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """(I,) coefficients to (n, 3) mm at ``vertices`` (all V where None)."""

    @abstractmethod
    def blendshapes(
        self, identity: NDArray[np.float64], vertices: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """(I,) coefficients to (E, n, 3) offsets mm, personalised, without correctives. FaceScape Eq. (2)."""

    @abstractmethod
    def identity_basis(self, vertices: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """(I, n, 3) mm per standard deviation: the derivative of ``neutral``."""

    @abstractmethod
    def head(self, identity: NDArray[np.float64]) -> HeadGeometry:
        """The final head: neutral and blendshapes with correctives (lids, lips, teeth), ready to write."""
