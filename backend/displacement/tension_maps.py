"""HiFace's pair of dynamic maps, compressed and stretched skin, from the maps of the 19 key expressions.

HiFace Eq. (9): D_dyn = t+ D_com + t- D_str, with t+ = max(0, t), t- = max(0, -t) of the vertex tension t (Eq. 8).
For given tension and displacement of the key expressions the best pair is a linear least squares problem at every
texel. There, an expression either compresses or stretches, never both, so the two unknowns part:

    D_com = sum_i t+_i D_i / (sum_i t+_i^2 + rho),    D_str = sum_i t-_i D_i / (sum_i t-_i^2 + rho)

rho draws to zero where no key expression has tension, where the quotient would be noise.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]

TYPICAL_TENSION = 0.05
"""Root of rho: tension below which a texel says little about how skin folds at full tension."""
LARGEST_MM = 8.0
"""Where a line crosses skin of hardly any tension the quotient has no bound, and what is stored has."""
STRIP = 64
"""Rows at a time, so that the work stays in the processor's cache."""


def tension_maps(dynamic: Floats, tension: Floats) -> tuple[Float32, Float32]:
    """Compressed and stretched detail.

    Parameters
    ----------
    dynamic : (K, S, S) mm, displacement of the expressions minus that of the neutral face
    tension : (K, S, S) t of HiFace Eq. (8) at the same expressions, positive where edges are shorter than at rest

    Returns
    -------
    D_com for t+ = 1 and D_str for t- = 1, (S, S) mm each
    """
    size = dynamic.shape[1]
    compressed = np.empty(dynamic.shape[1:], np.float32)
    stretched = np.empty_like(compressed)
    rho = np.float32(TYPICAL_TENSION**2)
    for start in range(0, size, STRIP):
        rows = slice(start, start + STRIP)
        shown, tense = dynamic[:, rows], tension[:, rows]
        for sign, result in ((1.0, compressed), (-1.0, stretched)):
            amount = np.maximum(tense * np.float32(sign), 0.0)
            energy = np.einsum("kyx,kyx->yx", amount, amount) + rho
            found = np.einsum("kyx,kyx->yx", amount, shown) / energy
            result[rows] = np.clip(found, -LARGEST_MM, LARGEST_MM)
    return compressed, stretched


def explained_energy(
    dynamic: Floats, tension: Floats, compressed: Floats, stretched: Floats
) -> NDArray[np.float64]:
    """(K,) share of each expression's squared displacement that the pair explains; 1 where there is none."""
    shares = np.ones(len(dynamic))
    for key, (shown, tense) in enumerate(zip(dynamic, tension)):
        total = float(np.square(shown, dtype=np.float64).sum())
        rest = shown - np.maximum(tense, 0.0) * compressed - np.maximum(-tense, 0.0) * stretched
        if total > 0.0:
            shares[key] = 1.0 - float(np.square(rest, dtype=np.float64).sum()) / total
    return shares
