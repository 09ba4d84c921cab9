"""All detail of a head from a photo: whole, plausible, the same every time; what the settings change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from detail_heads import face_model, head_of
from facewright.config import assets_dir
from facewright.displacement.make_detail import DetailInputs, DetailSettings, make_detail
from facewright.dynamic_detail.detail_maps import KEYS, DetailMaps
from facewright.errors import ModelFileInvalid, TopologyMismatch
from facewright.face_model.base import HeadGeometry
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES
from facewright.mesh.texel_map import uv_sampler
from facewright.texture.skin_in_photo import skin_in_photo
from painted_head import painted_head
from small_head import small_head

SIZE = 512
TRAINED = {
    "network": ("displacement.onnx",),
    "bases": ("sd_detail_bases.npz", "sd_detail_static.onnx", "sd_detail_dynamic.onnx"),
}


@pytest.fixture(scope="module")
def inputs() -> DetailInputs:
    """The mean head in a picture of itself, with a sampled person's blendshapes."""
    model = face_model()
    painted = painted_head(model)
    head = HeadGeometry(painted.head.neutral, head_of().blendshapes)
    skin = skin_in_photo(painted.photo, painted.fit, model.topology, head, painted.landmarks, SIZE, model.embedding)
    texture = np.full((SIZE, SIZE, 3), (200, 150, 130), np.uint8)
    return DetailInputs(skin, head, model.blendshape_names, painted.fit.expression, texture, 5)


@pytest.fixture(scope="module")
def detail(inputs: DetailInputs) -> DetailMaps:
    return make_detail(inputs, DetailSettings(SIZE))


def arrays(detail: DetailMaps) -> dict[str, np.ndarray]:
    return {name: value for name, value in vars(detail).items() if isinstance(value, np.ndarray)}


def spread(values: np.ndarray) -> float:
    """Range of depths without the outermost, mm."""
    low, high = np.percentile(values, (0.2, 99.8))
    return float(high - low)


def test_shapes_and_numbers(detail: DetailMaps) -> None:
    count = face_model().topology.vertex_count
    assert detail.size == SIZE
    for values in (detail.static, detail.pores, detail.compressed, detail.stretched):
        assert values.shape == (SIZE, SIZE)
    assert detail.dynamic.shape == (KEYS, SIZE, SIZE)
    assert detail.activation.shape == (52, count) and detail.key_weights.shape == (KEYS, 52)
    assert detail.tension.shape == (KEYS, count) and detail.regions.shape == (6, count)
    for name, values in arrays(detail).items():
        assert np.isfinite(values).all(), name
        assert values.dtype == (np.float64 if name == "key_weights" else np.float32), name


def test_expressions_wrinkle_what_they_squeeze(detail: DetailMaps) -> None:
    """Raised brows the forehead and not the chin; a smile the cheeks and not the forehead."""
    sampler = uv_sampler(face_model().topology, "skin", SIZE)
    forehead, _, _, cheeks, _, chin = (sampler.image(mask) > 0.9 for mask in detail.regions)
    raised, smile = (detail.dynamic[KEY_EXPRESSION_NAMES.index(name) - 1] for name in ("brow_raiser", "smile"))
    assert spread(raised) > 0.4 and spread(smile) > 0.4
    assert np.std(raised[forehead]) > 10.0 * np.std(raised[chin])
    assert np.std(smile[cheeks]) > 5.0 * np.std(smile[forehead])


def test_static_detail_is_quiet_where_the_photo_shows_no_lines(detail: DetailMaps) -> None:
    """The painted face has soft blotches and no wrinkle."""
    assert spread(detail.static) < 0.2
    face = uv_sampler(face_model().topology, "skin", SIZE).image(detail.regions[3]) > 0.9
    assert 0.008 < detail.pores[face].std() < 0.04


def test_tension_explains_the_dynamic_maps(detail: DetailMaps) -> None:
    """HiFace's pair, driven by the tension of a key expression, resembles the key expression's map."""
    sampler = uv_sampler(face_model().topology, "skin", SIZE)
    for name in ("smile", "brow_raiser", "grin"):
        key = KEY_EXPRESSION_NAMES.index(name) - 1
        tension = sampler.image(detail.tension[key])
        pair = np.maximum(tension, 0) * detail.compressed + np.maximum(-tension, 0) * detail.stretched
        assert np.corrcoef(pair.ravel(), detail.dynamic[key].ravel())[0, 1] > 0.7, name


def test_the_same_whatever_the_threads(inputs: DetailInputs, detail: DetailMaps) -> None:
    again = make_detail(inputs, DetailSettings(SIZE), threads=1)
    for name, values in arrays(detail).items():
        np.testing.assert_array_equal(getattr(again, name), values, err_msg=name)
    assert again.record == detail.record


def test_another_person_has_other_lines_and_pores(inputs: DetailInputs, detail: DetailMaps) -> None:
    other = make_detail(inputs._replace(seed=6), DetailSettings(SIZE))
    raised = KEY_EXPRESSION_NAMES.index("brow_raiser") - 1
    for ours, theirs in ((detail.dynamic[raised], other.dynamic[raised]), (detail.pores, other.pores)):
        assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] < 0.9
    np.testing.assert_array_equal(other.activation, detail.activation)


def test_age_deepens(inputs: DetailInputs) -> None:
    young, old = (make_detail(inputs, DetailSettings(SIZE, age_years=years)) for years in (20.0, 75.0))
    assert old.dynamic.std() > 1.3 * young.dynamic.std()
    assert old.record["age"]["from"] == "given" and old.record["age"]["years"] == 75.0
    assert old.record["age"]["factor"] > young.record["age"]["factor"]


def test_record_is_plain(detail: DetailMaps) -> None:
    record = detail.record
    assert record["source"] == "mechanics" and record["seed"] == 5
    assert record["age"]["from"] in ("photo", "average")
    for entry in record["lines"].values():
        assert set(entry) == {"rest_mm", "gain"}


@pytest.mark.parametrize("wrong", [{"size": 1000}, {"source": "magic"}, {"age_years": 0.0}, {"age_years": np.nan}])
def test_settings_that_there_are_not(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no"):
        replace(DetailSettings(), **wrong)


def test_heads_of_other_meshes_are_refused(inputs: DetailInputs) -> None:
    topology, head = small_head()
    surface = replace(inputs.photo.surface, topology=topology)
    with pytest.raises(TopologyMismatch):
        make_detail(inputs._replace(photo=inputs.photo._replace(surface=surface), head=head))


@pytest.mark.parametrize("source", ["network", "bases"])
def test_learned_sources(inputs: DetailInputs, detail: DetailMaps, source: str) -> None:
    """Other maps, from the trained files; masks, pores and age are the same as ever."""
    if not all((assets_dir() / name).is_file() for name in TRAINED[source]):
        pytest.skip(f"assets/{TRAINED[source][0]} has not been trained")
    learned = make_detail(inputs, DetailSettings(SIZE, source))
    assert learned.record["source"] == source and "lines" not in learned.record
    for name in ("activation", "key_weights", "tension", "regions", "pores"):
        np.testing.assert_array_equal(getattr(learned, name), getattr(detail, name), err_msg=name)
    for name in ("static", "dynamic", "compressed", "stretched"):
        ours, theirs = getattr(detail, name), getattr(learned, name)
        assert theirs.shape == ours.shape and theirs.dtype == np.float32 and np.isfinite(theirs).all(), name
    raised = KEY_EXPRESSION_NAMES.index("brow_raiser") - 1
    forehead = uv_sampler(face_model().topology, "skin", SIZE).image(detail.regions[0]) > 0.9
    assert spread(learned.dynamic[raised][forehead]) > 0.1


@pytest.mark.parametrize("source", ["network", "bases"])
def test_learned_sources_without_their_files(
    inputs: DetailInputs, source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("facewright.displacement.network.assets_dir", lambda: tmp_path)
    monkeypatch.setattr("facewright.displacement.sd_detail.assets_dir", lambda: tmp_path)
    with pytest.raises(ModelFileInvalid, match=TRAINED[source][0]):
        make_detail(inputs, DetailSettings(SIZE, source))
