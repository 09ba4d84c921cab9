"""Displacement bases: what PCA finds, what the file keeps, and what it holds of maps that it has not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from facewright.displacement.detail_basis import PARTS, DetailBasis, load_bases, save_bases
from facewright.errors import ModelFileInvalid
from facewright.training.detail_bases import (
    DynamicEnergies,
    held_energy,
    learn_basis,
    with_mirrored,
)

SIZE = 32


def population(count: int, seed: int) -> np.ndarray:
    """(count, SIZE, SIZE) mm: a mean line and three independent ways to differ from it, on the left half only."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    modes = np.stack([np.sin(9 * y), np.cos(14 * x + 3 * y), np.sin(20 * x * y)]) * (x < 0.5)
    amounts = rng.normal(size=(count, 3)) * [0.3, 0.15, 0.05]
    mean = 0.4 * np.exp(-((y - 0.4) ** 2) / 0.01) * (x < 0.5)
    return (mean + np.einsum("nk,kyx->nyx", amounts, modes)).astype(np.float32)


@pytest.fixture(scope="module")
def basis() -> DetailBasis:
    return learn_basis(population(60, 1), 3, 0.001)


def test_a_basis_holds_unseen_maps_of_the_same_population(basis: DetailBasis) -> None:
    held = held_energy(basis, population(20, 2))
    assert held.basis > 0.999
    assert 0.2 < held.mean < 0.9


def test_fewer_components_hold_less(basis: DetailBasis) -> None:
    one = learn_basis(population(60, 1), 1, 0.001)
    assert held_energy(one, population(20, 2)).basis < held_energy(basis, population(20, 2)).basis - 0.05


def test_components_are_one_standard_deviation_and_orthogonal(basis: DetailBasis) -> None:
    known = population(60, 1)
    coefficients = basis.coefficients(known)
    np.testing.assert_allclose(coefficients.std(0, ddof=1), 1.0, atol=1e-3)
    gram = basis.components @ basis.components.T
    off = gram - np.diag(np.diag(gram))
    assert np.abs(off).max() < 1e-4 * gram.max()
    assert (np.diff(np.diag(gram)) < 0).all()  # strongest first


def test_coefficients_and_maps_are_inverse(basis: DetailBasis) -> None:
    wanted = np.random.default_rng(3).normal(size=(4, 3)).astype(np.float32)
    np.testing.assert_allclose(basis.coefficients(basis.maps(wanted)), wanted, atol=1e-4)


def test_texels_without_detail_stay_zero(basis: DetailBasis) -> None:
    maps = basis.maps(np.ones((1, 3), np.float32))
    assert (maps[0, :, SIZE // 2 :] == 0).all()
    assert np.abs(maps[0, :, : SIZE // 2]).max() > 0.1


def test_maps_are_resampled_without_a_shift(basis: DetailBasis) -> None:
    coefficients = np.zeros((1, 3), np.float32)
    small, large = basis.maps(coefficients)[0], basis.maps(coefficients, 4 * SIZE)[0]
    means = large.reshape(SIZE, 4, SIZE, 4).mean((1, 3))
    assert np.abs(means - small)[4:-4, 4 : SIZE // 2 - 4].max() < 0.02


def test_mirrored_population_has_a_symmetric_mean() -> None:
    mean = learn_basis(with_mirrored(population(30, 4)), 3, 0.0005).maps(np.zeros((1, 3), np.float32))[0]
    np.testing.assert_allclose(mean, mean[:, ::-1], atol=1e-6)


def test_a_population_of_equal_maps_has_a_mean_and_no_component() -> None:
    same = np.repeat(population(1, 5), 6, 0)
    flat = learn_basis(same, 3, 0.001)
    assert len(flat.components) == 0
    np.testing.assert_allclose(flat.maps(np.zeros((1, 0), np.float32))[0], same[0], atol=2e-3)


def test_file_keeps_the_bases_to_a_few_micrometres(basis: DetailBasis, tmp_path: Path) -> None:
    bases = {part: learn_basis(population(40, k), 3, 0.001) for k, part in enumerate(PARTS)}
    save_bases(tmp_path / "a.npz", bases)
    save_bases(tmp_path / "b.npz", bases)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    read = load_bases(tmp_path / "a.npz")
    coefficients = np.random.default_rng(6).normal(size=(8, 3)).astype(np.float32)
    for part in PARTS:
        off = read[part].maps(coefficients) - bases[part].maps(coefficients)
        assert np.sqrt((off**2).mean()) < 0.004, part


@pytest.mark.parametrize("damage", ["missing", "shape", "range", "text", "cut"])
def test_damaged_files_are_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "bases.npz"
    save_bases(path, {part: learn_basis(population(10, 0), 2, 0.001) for part in PARTS})
    with np.load(path) as data:
        arrays = dict(data)
    if damage == "missing":
        del arrays["stretched_step"]
    elif damage == "shape":
        arrays["static_mean"] = arrays["static_mean"][:-1]
    elif damage == "range":
        arrays["compressed_step"] = np.full_like(arrays["compressed_step"], np.nan)
    np.savez_compressed(path, **arrays)
    if damage == "text":
        path.write_text("not a file of bases")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ModelFileInvalid, match="not a file of detail bases"):
        load_bases(path)


def test_dynamic_energy_is_the_masked_squared_error_of_equation_9(basis: DetailBasis) -> None:
    rng = np.random.default_rng(7)
    stretched = learn_basis(population(40, 8), 2, 0.001)
    tension = rng.uniform(-0.3, 0.3, (SIZE, SIZE)).astype(np.float32)
    truth = rng.normal(size=(SIZE, SIZE)).astype(np.float32)
    mask = rng.uniform(0, 1, (SIZE, SIZE)).astype(np.float32)
    energies = DynamicEnergies(basis, stretched, mask)
    energy = energies.of(tension, truth)
    phi_com, phi_str = rng.normal(size=3), rng.normal(size=2)
    d_com, d_str = basis.maps(phi_com[None])[0], stretched.maps(phi_str[None])[0]
    said = np.maximum(tension, 0) * d_com + np.maximum(-tension, 0) * d_str
    expected = (mask * (said - truth) ** 2).sum()
    c = np.concatenate([phi_com, phi_str])
    polynomial = energy.constant - 2 * c @ energy.linear + c @ energy.quadratic @ c
    np.testing.assert_allclose(polynomial, expected, rtol=1e-4)
    assert len(energies.design(tension)) == 3 + 2 + 1
