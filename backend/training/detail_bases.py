"""Displacement bases of static, compressed and stretched detail by PCA: HiFace Sec. 3.3, Eq. (5) and (7).

The population is synthetic (detail_samples.py). Every head counts twice, as it is and mirrored: the lattice is
symmetric, so a mirrored map is another person's.

What to expect of them: lines of the skin stand elsewhere in every person, and a sum of components can move a line
only by cross-fading. So how much of the detail of unseen heads the bases hold is measured: ``held_energy``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..displacement.detail_basis import DetailBasis

Float32 = NDArray[np.float32]
NOTHING_MM = 1e-5
"""Root mean square below which a component is rounding error."""


@dataclass(frozen=True)
class BasisSettings:
    """size: B of the maps, texels (256 keep 98 % of the energy, 192 keep 94 %); static, dynamic: components
    (HiFace: 300 static of 332 scans, 26 compressed and 26 stretched; 80 keep the files at one megabyte); floor_mm:
    texels whose detail has a smaller root mean square over the population are left out."""

    size: int = 256
    static: int = 80
    dynamic: int = 26
    floor_mm: float = 0.004


class HeldEnergy(NamedTuple):
    """Share of the energy of unseen maps that a basis holds: its mean alone, and mean with components."""

    mean: float
    basis: float


def learn_basis(maps: Float32, components: int, floor_mm: float) -> DetailBasis:
    """PCA of a population of maps.

    Parameters
    ----------
    maps : (n, B, B) mm, n at least 2
    components : K; fewer where the population has fewer directions
    floor_mm : see BasisSettings

    Returns
    -------
    DetailBasis whose components are scaled to one standard deviation, with the sign that makes their largest value
    positive, so that the same population gives the same file
    """
    count, size = maps.shape[:2]
    flat = maps.reshape(count, -1)
    rms = np.sqrt((flat**2).mean(0))
    texels = np.flatnonzero(rms > floor_mm)
    chosen = flat[:, texels]
    mean = chosen.mean(0)
    deviation = chosen - mean
    # Fewer maps than texels: the directions are combinations of the maps, by the eigenvectors of their Gram matrix.
    gram = (deviation @ deviation.T).astype(np.float64) / (count - 1)
    variance, combination = np.linalg.eigh(gram)
    strongest = np.argsort(variance)[::-1][: min(components, count - 1)]
    strongest = strongest[variance[strongest] > len(texels) * NOTHING_MM**2]
    # X^T a has length sqrt((n - 1) variance): divided by sqrt(n - 1), one standard deviation is left.
    vectors = (combination[:, strongest].T @ deviation) / np.sqrt(count - 1)
    peak = vectors[np.arange(len(vectors)), np.abs(vectors).argmax(1)]
    vectors *= np.sign(peak)[:, None]
    return DetailBasis(size, texels, mean.astype(np.float32), vectors.astype(np.float32))


def with_mirrored(maps: Float32) -> Float32:
    """(n, B, B) to (2 n, B, B): the population and its mirror images (u to 1 - u)."""
    return np.concatenate([maps, maps[:, :, ::-1]])


def held_energy(basis: DetailBasis, maps: Float32) -> HeldEnergy:
    """How much of unseen (n, B, B) maps the basis holds, after it was packed as in the file."""
    return HeldEnergy(*basis.explained(maps))


class DynamicEnergy(NamedTuple):
    """The squared error of HiFace Eq. (9) as a polynomial of the coefficients: e = constant - 2 c.linear + c.Qc.

    quadratic (K, K), linear (K,), constant; K = K_com + K_str. Sums over texels, mm^2.
    """

    quadratic: NDArray[Any]
    linear: NDArray[Any]
    constant: float


class DynamicEnergies:
    """Masked squared errors of t+ D_com + t- D_str, as functions of the coefficients of both bases."""

    def __init__(self, compressed: DetailBasis, stretched: DetailBasis, mask: Float32) -> None:
        self.bases = compressed, stretched
        self.mask = mask.ravel()
        self.reached = np.union1d(compressed.texels, stretched.texels)
        self.places = [np.searchsorted(self.reached, basis.texels) for basis in self.bases]

    def design(self, tension: Float32) -> Float32:
        """(K_com + K_str + 1, T) of (B, B) tension, on the T texels that a basis reaches: what coefficients
        multiply, t+ B_com and t- B_str, and in the last row what the means give."""
        t = tension.ravel()
        counts = [len(basis.components) for basis in self.bases]
        rows = np.zeros((sum(counts) + 1, len(self.reached)), np.float32)
        start = 0
        for basis, place, sign in zip(self.bases, self.places, (1.0, -1.0)):
            here = np.maximum(np.float32(sign) * t[basis.texels], 0.0)
            end = start + len(basis.components)
            rows[start:end, place] = basis.components * here
            rows[-1, place] += basis.mean * here
            start = end
        return rows

    def of(self, tension: Float32, truth: Float32) -> DynamicEnergy:
        """Of one expression: (B, B) tension, and (B, B) mm true dynamic detail."""
        rows = self.design(tension)
        weight = self.mask[self.reached]
        wanted = truth.ravel().astype(np.float32)
        wanted[self.reached] -= rows[-1]
        components, here = rows[:-1], wanted[self.reached]
        weighted = components * weight
        return DynamicEnergy(weighted @ components.T, weighted @ here, float((self.mask * wanted) @ wanted))
