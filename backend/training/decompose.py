"""Tucker decomposition of the tensor of personalised blendshapes.

FaceScape (Zhu et al., TPAMI 2023) Sec. 3.4: the tensor vertices x blendshapes x identities becomes a small core and
a factor per mode, so that a person's blendshapes follow from the identity coefficients, Eq. (2) and (4).

Two things differ from the paper, both because our identities are sampled and not scanned. The mean blendshapes are
kept beside the tensor, which holds deviations from them only: the mean head keeps its source's expressions exactly.
And samples come in pairs +q, -q along orthogonal directions of the identity space, half of whose difference is the
part that is odd in identity: the whole linear part and nothing of the quadratic one. Identity coefficients then map
to the identity factor by a rotation, without a regression and its noise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class TuckerRanks(NamedTuple):
    """Columns of each factor. A rank beyond a mode's size means all of it."""

    vertex: int = 200
    blendshape: int = 48
    identity: int = 64


class Tucker(NamedTuple):
    """A decomposed tensor of K = 3 * vertices coordinates, E blendshapes and I identity directions.

    core (R_v, R_e, R_i); vertex (K, R_v) mm, blendshape (E, R_e), identity (I, R_i) with orthonormal columns; all
    float64. T[k, e, i] = sum_vfj core[v, f, j] vertex[k, v] blendshape[e, f] identity[i, j].
    """

    core: NDArray[np.float64]
    vertex: NDArray[np.float64]
    blendshape: NDArray[np.float64]
    identity: NDArray[np.float64]

    def offsets(self, direction: NDArray[np.float64]) -> NDArray[np.float64]:
        """(I,) identity direction to (E, K): FaceScape Eq. (4), B_i = C_r x w_exp^(i) x w_id."""
        contracted = (self.core @ (direction @ self.identity)) @ self.blendshape.T  # (R_v, E)
        result: NDArray[np.float64] = (self.vertex @ contracted).T
        return result


def sample_directions(identity_dims: int, seed: int) -> NDArray[np.float64]:
    """(I, I) orthonormal rows: the identity directions of the sampled pairs.

    A random rotation of the axes. Along the axes themselves each sample would exaggerate one mode (10 standard
    deviations of it for I = 100); along rotated ones every sample is a typical face of N(0, I).
    """
    matrix = np.random.default_rng(seed).standard_normal((identity_dims, identity_dims))
    orthogonal, triangular = np.linalg.qr(matrix)
    result: NDArray[np.float64] = orthogonal * np.sign(np.diag(triangular))
    return result


def decompose(tensor: NDArray[np.float32], ranks: TuckerRanks) -> Tucker:
    """Sequentially truncated higher-order SVD.

    L. De Lathauwer, B. De Moor and J. Vandewalle, "A Multilinear Singular Value Decomposition", SIAM J. Matrix
    Anal. Appl. 21(4), 2000; truncated mode after mode as in N. Vannieuwenhoven, R. Vandebril and K. Meerbergen,
    "A New Truncation Strategy for the Higher-Order Singular Value Decomposition", SIAM J. Sci. Comput. 34(2), 2012.

    Parameters
    ----------
    tensor : (I, E, K) float32 mm; identity first so that samples are written one after the other
    ranks : TuckerRanks

    Returns
    -------
    Tucker
    """
    identity_count, blendshape_count, coordinate_count = tensor.shape
    identity = _leading(tensor.reshape(identity_count, -1), ranks.identity)
    reduced = (identity.T.astype(np.float32) @ tensor.reshape(identity_count, -1)).reshape(
        -1, blendshape_count, coordinate_count
    )
    by_blendshape = reduced.transpose(1, 0, 2).reshape(blendshape_count, -1)
    blendshape = _leading(by_blendshape, ranks.blendshape)
    reduced = (blendshape.T.astype(np.float32) @ by_blendshape).reshape(-1, coordinate_count)  # (R_e R_i, K)
    # The vertex mode is long and what remains of the others short: its factor from the short side's Gram matrix.
    right = _leading(reduced, ranks.vertex)  # (R_e R_i, R_v)
    scaled = reduced.T.astype(np.float64) @ right  # columns orthogonal, lengths = singular values
    length = np.linalg.norm(scaled, axis=0)
    vertex = scaled / np.where(length > 0, length, 1.0)
    core = (length[:, None] * right.T).reshape(-1, blendshape.shape[1], identity.shape[1])
    return Tucker(core, vertex, blendshape, identity)


def _leading(rows: NDArray[np.float32], rank: int) -> NDArray[np.float64]:
    """(n, m) to (n, min(rank, n)): leading left singular vectors, their signs independent of LAPACK."""
    gram = np.zeros((len(rows), len(rows)))
    block = max(1, 2**26 // max(len(rows), 1))  # columns at a time: float64 sums without a float64 copy
    for start in range(0, rows.shape[1], block):
        part = rows[:, start : start + block]
        gram += (part @ part.T).astype(np.float64)
    vectors = np.linalg.eigh(gram)[1][:, ::-1][:, :rank]
    peak = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    result: NDArray[np.float64] = vectors * np.where(peak < 0, -1.0, 1.0)
    return result
