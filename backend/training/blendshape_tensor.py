"""The tensor vertices x 52 blendshapes x identities that the face model is decomposed from.

One slice of it is one sampled person's blendshapes: ICT's expressions transferred to that person's skin,
``tongueOut`` mixed from them, and the displacement of the jaw that teeth, gums and tongue follow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..face_model.base import ARKIT_NAMES
from ..face_model.tongue import TONGUE_OUT_RECIPE
from .ict_source import HEAD_POLYGONS, SKIN_VERTICES, IctSource
from .transfer import MOUTH_CLOSE_ON_JAW_OPEN, DeformationTransfer, skin_triangles

#: The skin that tells how a person's jaw moves: this far around the middle between lower lip and chin (iBUG 57, 8).
JAW_LANDMARKS = (57, 8)
JAW_RADIUS_MM = 22.0

_TONGUE_OUT = ARKIT_NAMES.index("tongueOut")


class PersonalBlendshapes:
    """Direct deformation transfer of all 52 blendshapes to any identity: what the model is built from and held to.

    Parameters
    ----------
    source : IctSource
    jaw_rotation : (52, 3, 3) rotation of the lower jaw in every blendshape
    jaw_displacement : (52, 3) mm, displacement of the mean head's ``jaw_pivot`` in every blendshape
    jaw_pivot : (n_ict,) weights of the point that stands for the jaw, an affine combination of ICT's vertices
    """

    def __init__(
        self,
        source: IctSource,
        jaw_rotation: NDArray[np.float64],
        jaw_displacement: NDArray[np.float64],
        jaw_pivot: NDArray[np.float64],
    ) -> None:
        self._source = source
        self._turn = jaw_rotation - np.eye(3)
        self._jaw_pivot = jaw_pivot
        neutral, expression = source.neutral[SKIN_VERTICES], source.expression[:, SKIN_VERTICES]
        self._transfer = DeformationTransfer(
            neutral, skin_triangles(source), expression, MOUTH_CLOSE_ON_JAW_OPEN
        )
        head = np.unique(source.faces[HEAD_POLYGONS])  # no sockets
        middle = source.neutral[source.landmarks68[list(JAW_LANDMARKS)]].mean(axis=0)
        self._jaw_skin = head[np.linalg.norm(source.neutral[head] - middle, axis=1) < JAW_RADIUS_MM]
        self._follows = np.abs(jaw_displacement).max(axis=1) > 0
        self._jaw_shift = np.zeros((len(ARKIT_NAMES), 3))
        self._jaw_shift = np.where(
            self._follows[:, None], jaw_displacement - self(np.zeros(len(source.identity)))[:, -1], 0.0
        )

    def moving(self) -> NDArray[np.bool_]:
        """(n_skin,) the skin vertices that any expression moves."""
        result: NDArray[np.bool_] = self._transfer.moving.any(axis=0)
        return result

    def __call__(self, identity: NDArray[np.float64]) -> NDArray[np.float64]:
        """(I,) standard deviations to (52, n_skin + 1, 3) offsets mm; the last row is the jaw pivot's."""
        shape = self._source.shape(identity)
        skin = shape[SKIN_VERTICES]
        offsets = np.insert(self._transfer(skin), _TONGUE_OUT, 0.0, axis=0)
        for name, weight in TONGUE_OUT_RECIPE.items():
            offsets[_TONGUE_OUT] += weight * offsets[ARKIT_NAMES.index(name)]
        return np.concatenate([offsets, self._jaw(shape, offsets)[:, None]], axis=1)

    def jaw_offsets(
        self, offsets: NDArray[np.float64], points: NDArray[np.float64], identity: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(52, n, 3) mm: ``points`` (n, 3) of the lower jaw carried by the jaw of this identity's ``offsets``."""
        arm = points - self._jaw_pivot @ self._source.shape(identity)
        result: NDArray[np.float64] = np.einsum("eij,nj->eni", self._turn, arm) + offsets[:, -1:]
        return result

    def _jaw(self, shape: NDArray[np.float64], offsets: NDArray[np.float64]) -> NDArray[np.float64]:
        """(52, 3) mm: how the jaw pivot moves so that teeth and chin stay together.

        The jaw's rotations are the source's own (transfer keeps rotations); its translation is that of the skin
        over it, averaged: u_p = (R - 1)(p - x) + u_x for the jaw's skin x. ICT's chin slides over its jaw by some
        millimetres; what the formula is off for the source itself is added to every identity.
        """
        arm = self._jaw_pivot @ shape - shape[self._jaw_skin]
        carried = np.einsum("eij,nj->eni", self._turn, arm) + offsets[:, self._jaw_skin]
        return np.where(self._follows[:, None], carried.mean(axis=1) + self._jaw_shift, 0.0)


def sample_tensor(
    blendshapes: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    directions: NDArray[np.float64],
    rows: NDArray[np.int64],
    progress: Callable[[float], None],
) -> NDArray[np.float32]:
    """Sample pairs of identities and keep half of their difference.

    Parameters
    ----------
    blendshapes : identity -> (E, n, 3) mm
    directions : (S, I) unit rows; the pair is +r q and -r q with r = sqrt(I), where N(0, 1)^I concentrates
    rows : (m,) which of the n rows to keep
    progress : called with the fraction done

    Returns
    -------
    (S, E, 3 m) float32 mm: the odd part of the blendshapes' dependence on identity, at +r q
    """
    radius = np.sqrt(directions.shape[1])
    tensor = np.empty((0, 0, 0), np.float32)
    for k, direction in enumerate(directions):
        odd = 0.5 * (blendshapes(radius * direction)[:, rows] - blendshapes(-radius * direction)[:, rows])
        if not tensor.size:
            tensor = np.empty((len(directions), len(odd), 3 * len(rows)), np.float32)
        tensor[k] = odd.reshape(len(odd), -1)
        progress((k + 1) / len(directions))
    return tensor
