"""``train-bases`` from synthetic fields to the three files, and from real synthetic heads to its examples."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch")

from facewright.__main__ import main  # noqa: E402
from facewright.displacement.sd_detail import SEEN_CHANNELS, TEXTURE_PER_MAP, SdDetail  # noqa: E402
from facewright.errors import FaceError  # noqa: E402
from facewright.face_model.base import ARKIT_NAMES  # noqa: E402
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES, key_expression_weights  # noqa: E402
from facewright.face_model.load import load_face_model  # noqa: E402
from facewright.training.detail_bases import BasisSettings  # noqa: E402
from facewright.training.detail_examples import (  # noqa: E402
    DetailExamples,
    examples_from,
    joined,
    mirrored,
    mirrored_blendshapes,
    mirrored_keys,
)
from facewright.training.detail_fit import StageSettings  # noqa: E402
from facewright.training.detail_regressor import RegressorSettings  # noqa: E402
from facewright.training.detail_samples import PopulationSettings, make_samples  # noqa: E402
from facewright.training.train_bases import TrainBasesSettings, train_bases  # noqa: E402

SIZE = 16
SMALL = TrainBasesSettings(
    basis=BasisSettings(size=SIZE, static=3, dynamic=3),
    regressor=RegressorSettings(widths=(6, 8, 8), channels=4, features=6, hidden=16),
    static=StageSettings(20, 4, 3e-3, report=10),
    dynamic=StageSettings(60, 8, 5e-3, report=20),
)


def fields(count: int = 10, seed: int = 0) -> DetailExamples:
    """People whose lines at rest are seen, and deepen by tension."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    modes = np.stack([np.sin(12 * y), np.cos(12 * x), np.sin(9 * (x + y))])
    static = np.einsum("nk,kyx->nyx", rng.normal(size=(count, 3)) * [0.2, 0.1, 0.05], modes)
    tension = rng.uniform(-0.3, 0.3, (count, 19, 1, 1)) * np.ones((1, 1, SIZE, SIZE))
    compressed, stretched = 4.0 * static, -1.0 * static
    dynamic = np.maximum(tension, 0) * compressed[:, None] + np.maximum(-tension, 0) * stretched[:, None]
    seen = np.ones((count, SEEN_CHANNELS, TEXTURE_PER_MAP * SIZE, TEXTURE_PER_MAP * SIZE))
    seen[:, :2] = 5.0 * static[:, None].repeat(TEXTURE_PER_MAP, -2).repeat(TEXTURE_PER_MAP, -1)
    expressions = np.repeat(key_expression_weights()[None, 1:], count, 0)
    maps = [a.astype(np.float16) for a in (seen, static, compressed, stretched, dynamic, tension)]
    return DetailExamples(*maps, expressions.astype(np.float32), np.ones((SIZE, SIZE), np.float32))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """These networks are so small that threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bases")
    train_bases(fields(), folder / "work", folder / "out", SMALL)
    return folder


def test_what_was_trained_says_what_the_report_says(trained: Path) -> None:
    report = json.loads((trained / "work" / "report.json").read_text())
    assert report["components"] == {"static": 3, "compressed": 3, "stretched": 3}
    assert report["energy_of_unseen_heads"]["static"]["basis"] > 0.97
    assert max(report["onnx_disagreement"].values()) < 1e-3
    assert {path.name for path in (trained / "out").iterdir()} == set(report["files"])
    network = SdDetail.load(trained / "out")
    assert network.texture_size == TEXTURE_PER_MAP * SIZE


def test_log_and_curves_show_both_stages(trained: Path) -> None:
    lines = [json.loads(line) for line in (trained / "work" / "log.jsonl").read_text().splitlines()]
    assert [(line["stage"], line["step"]) for line in lines] == [
        ("static", 10), ("static", 20), ("dynamic", 20), ("dynamic", 40), ("dynamic", 60)
    ]  # fmt: skip
    assert lines[-1]["held"] < lines[2]["held"] < 1.5
    picture = np.asarray(Image.open(trained / "work" / "curves.png").convert("RGB")).astype(int)
    blue, orange = (np.abs(picture - colour).sum(2) < 90 for colour in ((31, 98, 180), (205, 92, 30)))
    assert blue[:, :380].sum() > 50 and orange[:, 380:].sum() > 50


def test_the_same_seed_gives_the_same_files(trained: Path, tmp_path: Path) -> None:
    train_bases(fields(), tmp_path / "work", tmp_path / "out", SMALL)
    for path in (trained / "out").iterdir():
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes(), path.name


def test_finished_stages_are_not_trained_again(trained: Path, tmp_path: Path) -> None:
    before = (trained / "work" / "log.jsonl").read_text()
    train_bases(fields(), trained / "work", tmp_path / "out", SMALL)
    assert (trained / "work" / "log.jsonl").read_text() == before


def test_too_few_heads_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FaceError, match="3 heads are too few"):
        train_bases(fields(3), tmp_path, tmp_path, SMALL)


def test_a_mirrored_head_swaps_sides_everywhere() -> None:
    keys, shapes = mirrored_keys(), mirrored_blendshapes()
    names = KEY_EXPRESSION_NAMES[1:]
    assert names[keys[names.index("jaw_left")]] == "jaw_right"
    assert names[keys[names.index("smile")]] == "smile"
    assert ARKIT_NAMES[shapes[ARKIT_NAMES.index("mouthLeft")]] == "mouthRight"
    assert (keys[keys] == np.arange(19)).all() and (shapes[shapes] == np.arange(52)).all()
    people = fields(2)
    one = mirrored(people, 1)
    left, right = names.index("mouth_left"), names.index("mouth_right")
    np.testing.assert_array_equal(one.dynamic[0, left], people.dynamic[1, right][:, ::-1])
    # The list of key expressions is symmetric, so that the mirrored head performs the very same one.
    np.testing.assert_array_equal(one.expressions[0], people.expressions[1])


def test_populations_are_joined_head_by_head() -> None:
    both = joined([fields(2, 0), fields(3, 1)])
    assert len(both.static) == len(both.expressions) == 5
    np.testing.assert_array_equal(both.dynamic[2], fields(3, 1).dynamic[0])
    np.testing.assert_array_equal(both.mask, fields(2).mask)


def test_examples_of_real_synthetic_heads(tmp_path: Path) -> None:
    samples = make_samples(tmp_path / "samples", 1, 0, PopulationSettings(size=256))
    examples = examples_from(samples, load_face_model(None).topology, 64)
    assert examples.seen.shape == (1, SEEN_CHANNELS, 128, 128)
    assert examples.dynamic.shape == examples.tension.shape == (1, 19, 64, 64)
    truth = samples[0]
    brow_raiser = KEY_EXPRESSION_NAMES.index("brow_raiser") - 1
    reduced = truth.dynamic[brow_raiser].reshape(64, 4, 64, 4).mean((1, 3))
    np.testing.assert_allclose(examples.dynamic[0, brow_raiser], reduced, atol=1e-3)
    # Where the maps are deep the skin is compressed, and on the face.
    deep = np.abs(reduced) > 0.5 * np.abs(reduced).max()
    assert np.median(examples.tension[0, brow_raiser][deep]) > 0.03
    assert examples.mask[deep].min() == 1.0
    assert 0.5 < examples.mask.mean() < 0.95


@pytest.mark.parametrize(("flags", "words"), [
    (["--size", "0"], "--size takes a number from 1"),
    ([], "There are no detail samples"),
])  # fmt: skip
def test_command_names_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: list[str], words: str
) -> None:
    code = main(["train-bases", "--samples", str(tmp_path / "none"), "--work", str(tmp_path), *flags])
    assert code == 1
    assert words in capsys.readouterr().err


def test_missing_torch_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.delitem(sys.modules, "facewright.training.train_bases", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["train-bases", "--samples", str(tmp_path), "--work", str(tmp_path)]) == 1
    assert "Training needs torch" in capsys.readouterr().err
