"""Tucker decomposition: exact at full rank, close to optimal below it, independent of LAPACK's signs."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.training.decompose import TuckerRanks, decompose, sample_directions


def _tensor(seed: int = 0) -> np.ndarray:
    """(I, E, K) = (7, 5, 60) of multilinear rank (3, 4, 6), with falling energies."""
    rng = np.random.default_rng(seed)
    core = rng.standard_normal((3, 4, 6)) * 0.5 ** np.arange(6)
    factors = [rng.standard_normal((size, rank)) for size, rank in ((7, 3), (5, 4), (60, 6))]
    return np.einsum("abc,ia,eb,kc->iek", core, *factors).astype(np.float32)


def _rebuild(tucker, count: int) -> np.ndarray:
    return np.stack([tucker.offsets(direction) for direction in np.eye(count)])


def test_exact_at_the_tensors_own_rank():
    tensor = _tensor()
    tucker = decompose(tensor, TuckerRanks(vertex=6, blendshape=4, identity=3))
    assert tucker.core.shape == (6, 4, 3)
    assert np.abs(_rebuild(tucker, 7) - tensor).max() < 1e-4 * np.abs(tensor).max()


def test_factors_are_orthonormal():
    tucker = decompose(_tensor(), TuckerRanks(5, 3, 2))
    for factor in (tucker.vertex, tucker.blendshape, tucker.identity):
        assert np.abs(factor.T @ factor - np.eye(factor.shape[1])).max() < 1e-5


def test_truncation_error_is_bounded_by_the_discarded_energy():
    """De Lathauwer et al., Property 10: squared error at most the sum of all modes' discarded squared values."""
    tensor = _tensor(4).astype(np.float64)
    ranks = {0: 2, 1: 3, 2: 4}
    discarded = 0.0
    for mode, rank in ranks.items():
        unfolded = np.moveaxis(tensor, mode, 0).reshape(tensor.shape[mode], -1)
        discarded += (np.linalg.svd(unfolded, compute_uv=False)[rank:] ** 2).sum()
    tucker = decompose(tensor.astype(np.float32), TuckerRanks(vertex=4, blendshape=3, identity=2))
    error = ((_rebuild(tucker, 7) - tensor) ** 2).sum()
    assert 0 < error <= discarded * 1.001


def test_ranks_beyond_the_sizes_mean_everything():
    tensor = _tensor(1)
    tucker = decompose(tensor, TuckerRanks(500, 500, 500))
    assert tucker.blendshape.shape == (5, 5) and tucker.identity.shape == (7, 7)
    assert np.abs(_rebuild(tucker, 7) - tensor).max() < 1e-4 * np.abs(tensor).max()


def test_signs_do_not_depend_on_the_tensors_sign():
    first, second = decompose(_tensor(2), TuckerRanks()), decompose(-_tensor(2), TuckerRanks())
    assert np.allclose(first.identity[:, :3], second.identity[:, :3], atol=1e-4)
    assert np.allclose(first.blendshape[:, :4], second.blendshape[:, :4], atol=1e-4)


@pytest.mark.parametrize("dims", [3, 100])
def test_sample_directions_are_a_rotation(dims: int):
    rows = sample_directions(dims, seed=1)
    assert np.abs(rows @ rows.T - np.eye(dims)).max() < 1e-12
    assert np.array_equal(rows, sample_directions(dims, seed=1))
    # Typical faces: no sample exaggerates one mode.
    assert dims < 50 or np.abs(rows).max() * np.sqrt(dims) < 5.0
