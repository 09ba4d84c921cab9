"""The synthetic population: deterministic, resumable, split by identity, and true to what it says."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from facewright.errors import ModelFileInvalid, OutputUnwritable
from facewright.face_model.base import FaceModel
from facewright.training.detail_metrics import agreement, texel_metric
from facewright.training.detail_samples import FIRST_HELD_OUT, PopulationSettings, make_sample, make_samples
from facewright.training.sample_store import STEP_MM, DetailSample, begin, open_samples
from facewright.training.skin_photograph import Studio, open_studio, photograph
from fit_model import builtin_model  # noqa: F401  (fixture)
from synthetic_samples import wavy_samples

SETTINGS = PopulationSettings(size=256)


@pytest.fixture(scope="module")
def studio(builtin_model: FaceModel) -> Studio:  # noqa: F811
    return open_studio(builtin_model)


@pytest.fixture(scope="module")
def sample(builtin_model: FaceModel, studio: Studio) -> DetailSample:  # noqa: F811
    return make_sample(builtin_model, studio, "train", 2, SETTINGS)


def test_a_head_is_always_the_same(builtin_model: FaceModel, studio: Studio, sample: DetailSample) -> None:  # noqa: F811
    again = make_sample(builtin_model, studio, "train", 2, SETTINGS)
    for one, other in zip(sample[:-1], again[:-1]):
        assert np.array_equal(one, other)
    assert again.about == sample.about


def test_shapes_and_amounts(builtin_model: FaceModel, sample: DetailSample) -> None:  # noqa: F811
    vertices = builtin_model.topology.vertex_count
    assert sample.texture.shape == (256, 256, 3) and sample.trust.shape == (256, 256)
    assert sample.dynamic.shape == (19, 256, 256) and sample.deforming.shape == (20, 6, 64, 64)
    assert sample.tension.shape == (19, vertices) and sample.source.shape == (vertices, 3)
    assert 0.2 < np.abs(sample.dynamic).max() < 5.0
    assert 0.003 < sample.static.std() < 0.2
    shown = sample.trust > 200
    assert 0.1 < shown.mean() < 0.9
    assert 25.0 < sample.texture[shown].mean() < 230.0


def test_deforming_maps_lead_from_the_photo_to_the_keys(sample: DetailSample) -> None:
    """Where the photo shows the neutral face, neutral is no way off; where it does not, it is."""
    moved = np.abs(sample.deforming[0, :3]).max()
    shown = np.abs(np.array(sample.about["source_weights"])).max()
    assert (moved < 1e-3) == (shown == 0.0)
    assert np.abs(sample.deforming[1:, :3]).max((1, 2, 3)).min() > 0.1


def test_tension_and_detail_belong_together(builtin_model: FaceModel, sample: DetailSample) -> None:  # noqa: F811
    """Compressed and stretched detail explain most of the 19 maps through the tension."""
    from facewright.displacement.tension_maps import explained_energy
    from facewright.mesh.texel_map import uv_sampler

    images = np.moveaxis(uv_sampler(builtin_model.topology, "skin", 256).image(sample.tension.T), 2, 0)
    share = explained_energy(sample.dynamic, images, sample.compressed, sample.stretched)
    energy = (sample.dynamic**2).sum((1, 2))
    assert (share * energy).sum() / energy.sum() > 0.5


def test_the_photograph_shows_the_lines(builtin_model: FaceModel, studio: Studio) -> None:  # noqa: F811
    """Only relief differs between two photographs: it is what makes the difference, and mostly dark is deep."""
    head = builtin_model.neutral(np.zeros(builtin_model.identity_dims))
    y = np.arange(256, dtype=np.float32)[:, None]
    lines = np.broadcast_to(0.2 * np.cos(2 * np.pi * y / 8.0), (256, 256)).astype(np.float32)
    topology = builtin_model.topology
    flat, deep = (
        photograph(topology, head, relief, studio, np.random.default_rng(5), SETTINGS.photograph)
        for relief in (np.zeros_like(lines), lines)
    )
    assert np.array_equal(flat.trust[128:, 64:192] > 0, deep.trust[128:, 64:192] > 0)
    shown = np.minimum(flat.trust, deep.trust) > 200
    change = deep.texture.astype(np.float64).mean(2) - flat.texture.astype(np.float64).mean(2)
    # Shading of slopes is a quarter of a wave off: its power at this wavelength counts, whatever its phase.
    wave = np.exp(2j * np.pi * np.broadcast_to(y, (256, 256)) / 8.0)
    here, elsewhere = (abs((change * carrier)[shown].mean()) for carrier in (wave, wave.T))
    assert here > 5.0 * elsewhere and here > 0.5


def test_a_population_is_gone_on_with_and_split(tmp_path: Path) -> None:
    made = make_samples(tmp_path, 1, 1, SETTINGS)
    before = (tmp_path / "0000" / "dynamic.npy").stat().st_mtime_ns
    assert made.splits == ("train", "held_out") and made.numbers == (0, FIRST_HELD_OUT)
    (tmp_path / f"{FIRST_HELD_OUT:04d}").rename(tmp_path / "elsewhere")
    again = make_samples(tmp_path, 1, 1, SETTINGS)
    assert (tmp_path / "0000" / "dynamic.npy").stat().st_mtime_ns == before
    assert len(again) == 2 and len(again.part("held_out")) == 1
    first, second = again[0], again[1]
    assert first.about["identity"] != second.about["identity"]
    assert np.abs(first.dynamic - again.displacement(0, "dynamic")).max() == 0.0
    assert np.abs(first.dynamic).max() > 100 * STEP_MM
    with pytest.raises(OutputUnwritable):
        make_samples(tmp_path, 1, 1, replace(SETTINGS, seed=7))


def test_folders_without_samples(tmp_path: Path) -> None:
    with pytest.raises(ModelFileInvalid):
        open_samples(tmp_path / "nothing")
    begin(tmp_path, asdict(SETTINGS), 256)
    with pytest.raises(ModelFileInvalid):
        open_samples(tmp_path)
    wavy_samples(tmp_path / "some")
    (tmp_path / "some" / "samples.json").write_text("{")
    with pytest.raises(ModelFileInvalid):
        open_samples(tmp_path / "some")


def test_agreement_with_itself_with_half_and_with_nothing(
    builtin_model: FaceModel, sample: DetailSample  # noqa: F811
) -> None:  # fmt: skip
    metric = texel_metric(builtin_model.topology, sample.neutral, 256)
    truth = sample.static + sample.dynamic[0]
    same, half = agreement(truth, truth, metric), agreement(0.5 * truth, truth, metric)
    nothing = agreement(np.zeros_like(truth), truth, metric)
    assert same.correlation == pytest.approx(1.0) and same.rmse_mm == 0.0 and same.normal_degrees < 0.05
    assert half.correlation == pytest.approx(1.0) and half.rmse_mm == pytest.approx(0.5 * nothing.rmse_mm)
    assert nothing.correlation == 0.0 and nothing.normal_degrees == pytest.approx(nothing.flat_normal_degrees)
    assert half.normal_degrees < nothing.normal_degrees


def test_slopes_are_those_of_the_surface(builtin_model: FaceModel, sample: DetailSample) -> None:  # noqa: F811
    """A displacement that grows with the height of the skin is as steep as the skin is upright."""
    from facewright.mesh.texel_map import uv_sampler
    from facewright.training.detail_metrics import slopes

    metric = texel_metric(builtin_model.topology, sample.neutral, 256)
    height = uv_sampler(builtin_model.topology, "skin", 256).image(sample.neutral[:, 1])
    steep = np.linalg.norm(slopes(0.1 * height, metric), axis=1)
    assert 0.09 < np.percentile(steep, 90) <= 0.105
