"""Where each blendshape moves the skin: the activation masks of FaceScape Eq. (7), and what follows from them.

    A_j(p) = |e_j(p) - e_0(p)|, "further normalized between 0 and 1"                             Eq. (7)

The paper leaves open how it is normalised. Here every mask is divided by its own largest value on the skin: masks
of a wink and of an opened jaw are then comparable, and a blendshape's weight means the same for both.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..face_model.base import ARKIT_NAMES
from ..face_model.key_expressions import key_expression_weights
from ..mesh.geometry_image import lattice_cells
from ..mesh.topology import Topology

FloatArray = NDArray[np.floating[Any]]

LEAST_MOTION_MM = 0.05
"""A blendshape that nowhere moves the skin by this much has no mask: normalised, it would show rounding errors."""
ENERGY_FLOOR = 1e-4
"""Activation of .01: below it a key expression does not count as present (see ``weight_masks``)."""


def skin_vertices(topology: Topology) -> NDArray[np.int64]:
    """(n,) ids of the vertices of the skin's lattice, ascending. Raises TopologyMismatch where there is none."""
    return np.unique(lattice_cells(topology))


def activation_masks(topology: Topology, blendshapes: FloatArray) -> NDArray[np.float32]:
    """FaceScape Eq. (7) with every mask's maximum made 1.

    Parameters
    ----------
    topology : with a lattice
    blendshapes : (E, V, 3) offsets from neutral, any unit of length (mm for ``LEAST_MOTION_MM`` to mean that)

    Returns
    -------
    (E, V) float32 in 0..1; 0 on everything that is not skin, and for blendshapes that do not move the skin
    """
    skin = skin_vertices(topology)
    moved = blendshapes[:, skin].astype(np.float32)
    length = np.sqrt(np.einsum("jvc,jvc->jv", moved, moved))
    largest = length.max(axis=1, keepdims=True)
    masks = np.zeros(blendshapes.shape[:2], np.float32)
    masks[:, skin] = np.where(largest >= LEAST_MOTION_MM, length / np.maximum(largest, LEAST_MOTION_MM), 0.0)
    return masks


def key_weights(names: tuple[str, ...] = ARKIT_NAMES) -> NDArray[np.float64]:
    """(19, E) alphahat of FaceScape Eq. (8): the blendshape weights of the key expressions 1 to 19."""
    return key_expression_weights(names)[1:]


def inverse_energies(activation: FloatArray, alphahat: FloatArray) -> NDArray[np.float32]:
    """1 / (n_i + floor), n_i = sum_j alphahat_ij^2 A_j: what Eq. (8) gives at key expression i itself, inverted.

    Parameters
    ----------
    activation : (E, V)
    alphahat : (K, E)

    Returns
    -------
    (K, V) float32, from about 0.1 to 1 / ENERGY_FLOOR
    """
    energy = np.square(alphahat).astype(np.float32) @ activation.astype(np.float32)
    inverse: NDArray[np.float32] = (1.0 / (energy + np.float32(ENERGY_FLOOR))).astype(np.float32)
    return inverse
