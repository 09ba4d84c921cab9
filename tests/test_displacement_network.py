"""The displacement network and its training: shapes, learning, resuming, ONNX, the command."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from facewright.__main__ import main
from facewright.displacement.network import predict_key_maps, texture_channels
from facewright.errors import ModelFileInvalid
from facewright.training.displacement_settings import TrainSettings
from synthetic_samples import SIZE, wavy_sample, wavy_samples

torch = pytest.importorskip("torch", reason="training needs the 'train' extra")

from facewright.training.crops import CropSource, mirrored_keys  # noqa: E402
from facewright.training.displacement_export import export_onnx  # noqa: E402
from facewright.training.displacement_network import (  # noqa: E402
    Discriminators,
    DisplacementNetwork,
    NetworkSettings,
    adversarial_loss,
    assemble,
    assemble_quickly,
    feature_matching_loss,
)
from facewright.training.sample_store import open_samples  # noqa: E402
from facewright.training.train_displacement import CARD, CHECKPOINT, CURVES, LOG, Trainer  # noqa: E402

TINY = NetworkSettings(size=SIZE, widths=(8, 12, 16, 24), patterns=3, gain_width=8, position=2, position_nodes=4)
SETTINGS = TrainSettings(
    train_heads=3, held_out_heads=1, size=SIZE, steps=12, batch=2, crop=32, keys=4, width=16, report=1,
    evaluate=1000, checkpoint=4, device="cpu", precision="float32", threads=1, rate=3e-3,
)  # fmt: skip


@pytest.fixture
def network() -> Any:
    torch.manual_seed(1)
    return DisplacementNetwork(TINY)


def _inputs(side: int = SIZE, keys: int = 20, batch: int = 1) -> tuple[Any, Any, Any]:
    generator = torch.Generator().manual_seed(3)
    texture = torch.randn(batch, 3, side, side, generator=generator)
    deforming = 0.1 * torch.randn(batch, keys, 6, side // 4, side // 4, generator=generator)
    return texture, deforming, torch.arange(keys)


def test_shapes_of_whole_and_crop(network: Any) -> None:
    base, patterns, gains = network(*_inputs())
    assert base.shape == (1, SIZE, SIZE) and patterns.shape == (1, 3, SIZE, SIZE)
    assert gains.shape == (1, 20, 3, SIZE // 8, SIZE // 8)
    assert assemble(base, patterns, gains).shape == (1, 20, SIZE, SIZE)
    crop = network(*_inputs(32, 4, 2), [(0, 32), (32, 0)])
    assert assemble(*crop).shape == (2, 4, 32, 32)


def test_an_expression_that_moves_like_neutral_adds_nothing(network: Any) -> None:
    texture, deforming, keys = _inputs()
    deforming[:, 7] = deforming[:, 0]
    maps = assemble(*network(texture, deforming, keys))
    assert maps[0, 7].abs().max() < 1e-6
    assert maps[0, 8].abs().max() > 1e-4


def test_quick_assembly_is_the_same_for_smooth_gains(network: Any) -> None:
    base, patterns, _ = network(*_inputs())
    ramp = torch.linspace(0.0, 1.0, SIZE // 8)
    gains = (ramp[None] + ramp[:, None]).expand(1, 20, 3, -1, -1)
    exact, quick = assemble(base, patterns, gains), assemble_quickly(base, patterns, gains)
    assert (exact - quick).abs().max() < 0.15 * exact.abs().max()


@pytest.mark.parametrize("blind", ["deforming", "texture"])
def test_ablations_do_not_see_what_they_leave_out(blind: str) -> None:
    torch.manual_seed(2)
    network = DisplacementNetwork(dataclasses.replace(TINY, **{blind: False}))
    texture, deforming, keys = _inputs()
    before = assemble(*network(texture, deforming, keys))
    other = (texture, 2.0 * deforming, keys) if blind == "deforming" else (2.0 * texture, deforming, keys)
    assert torch.equal(before, assemble(*network(*other)))


def test_losses_of_the_second_stage() -> None:
    torch.manual_seed(4)
    critics = Discriminators(width=4)
    texture, maps = torch.randn(1, 3, 64, 64), torch.randn(1, 2, 64, 64)
    verdicts = critics(maps, texture)
    assert [scale[-1].shape[-1] for scale in verdicts] == [8, 4, 2]
    assert feature_matching_loss(verdicts, verdicts).item() == 0.0
    assert feature_matching_loss(critics(maps + 1.0, texture), verdicts).item() > 0.0
    sure = [[torch.ones(1, 1, 2, 2)]] * 3
    assert adversarial_loss(sure, True).item() == 0.0 and adversarial_loss(sure, False).item() == 1.0


def test_onnx_says_what_pytorch_says(network: Any, tmp_path: Path) -> None:
    facts = export_onnx(network, tmp_path / "tiny.onnx")
    assert facts["difference_mm"] <= 1e-3
    sample = wavy_sample(0, "train")
    said = predict_key_maps(sample.texture, sample.trust / 255.0, sample.deforming, tmp_path / "tiny.onnx")
    seen = torch.from_numpy(texture_channels(sample.texture, sample.trust / 255.0))[None]
    with torch.no_grad():
        expected = assemble(*network(seen, torch.from_numpy(sample.deforming)[None], torch.arange(20)))[0].numpy()
    assert said.shape == (20, SIZE, SIZE)
    assert np.abs(expected).max() > 0.01
    assert np.abs(said - expected).max() <= 1e-3


@pytest.mark.parametrize("blind", ["deforming", "texture"])
def test_ablations_are_exported_too(blind: str, tmp_path: Path) -> None:
    torch.manual_seed(6)
    network = DisplacementNetwork(dataclasses.replace(TINY, **{blind: False}))
    assert export_onnx(network, tmp_path / "blind.onnx")["difference_mm"] <= 1e-3


def test_crops_are_repeatable_and_mirror_what_lies_on_the_other_side(tmp_path: Path) -> None:
    samples = open_samples(wavy_samples(tmp_path)).part("train")
    source = CropSource(samples, 32, 5, seed=1)
    one, same, other = source.draw(3, 2), source.draw(3, 2), source.draw(4, 2)
    assert np.array_equal(one.texture, same.texture) and np.array_equal(one.truth, same.truth)
    assert not np.array_equal(one.texture, other.texture)
    assert one.keys[0] == 0 and one.truth.shape == (2, 5, 32, 32) and one.deforming.shape == (2, 5, 6, 8, 8)
    mirror = mirrored_keys()
    assert np.array_equal(mirror[mirror], np.arange(20)) and (mirror != np.arange(20)).sum() == 4


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    data = wavy_samples(tmp_path / "heads")
    trainer = Trainer(dataclasses.replace(SETTINGS, steps=60), data, tmp_path / "out")
    before = _error(trainer)
    trainer.run()
    assert _error(trainer) < 0.8 * before
    lines = [json.loads(line) for line in (tmp_path / "out" / LOG).read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 61)) and "slope" in lines[0]


def _error(trainer: Trainer) -> float:
    """Mean squared error, mm^2, on a whole held-out head."""
    maps = trainer.predict(trainer.held_out, 0)
    truth = np.concatenate([trainer.held_out[0].static[None], trainer.held_out[0].dynamic])
    return float(((maps - truth) ** 2).mean())


def test_going_on_gives_what_going_through_gives(tmp_path: Path) -> None:
    data = wavy_samples(tmp_path / "heads")
    both = dataclasses.replace(SETTINGS, steps=6, gan_steps=4)
    through = Trainer(both, data, tmp_path / "through")
    through.run()
    first = Trainer(both, data, tmp_path / "halves")
    first.settings = dataclasses.replace(both, gan_steps=-2)  # stops after four steps, on the same schedule
    first.run()
    assert first.step == 4
    halves = Trainer(both, data, tmp_path / "halves")
    assert halves.step == 4
    halves.run()
    for one, other in zip(through.network.parameters(), halves.network.parameters()):
        assert torch.equal(one, other)


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    data = wavy_samples(tmp_path / "heads")
    Trainer(dataclasses.replace(SETTINGS, steps=4), data, tmp_path / "out").run()
    assert (tmp_path / "out" / CHECKPOINT).is_file()
    with pytest.raises(ModelFileInvalid, match="--keys"):
        Trainer(dataclasses.replace(SETTINGS, keys=5), data, tmp_path / "out")


def test_a_training_can_start_from_another_network(tmp_path: Path) -> None:
    data = wavy_samples(tmp_path / "heads")
    first = Trainer(dataclasses.replace(SETTINGS, steps=4), data, tmp_path / "first")
    first.run()
    onwards = dataclasses.replace(SETTINGS, start=str(tmp_path / "first" / CHECKPOINT))
    second = Trainer(onwards, data, tmp_path / "second")
    assert second.step == 0
    for one, other in zip(first.network.parameters(), second.network.parameters()):
        assert torch.equal(one, other)
    (tmp_path / "none.pt").write_bytes(b"nothing")
    for missing in ("gone.pt", "none.pt"):
        with pytest.raises(ModelFileInvalid, match="no network"):
            Trainer(dataclasses.replace(SETTINGS, start=str(tmp_path / missing)), data, tmp_path / "third")


@pytest.mark.parametrize(
    "wrong", [{"crop": 40}, {"without": "photo"}, {"keys": 1}, {"steps": 0}, {"precision": "?"}]
)
def test_settings_that_contradict_each_other(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        TrainSettings(**wrong)


def test_the_command_makes_heads_trains_measures_and_exports(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--train-heads", "1", "--held-out-heads", "1", "--size", "256", "--steps", "2", "--gan-steps", "1",
                 "--batch", "1", "--crop", "64", "--keys", "3", "--width", "8", "--threads", "1"]  # fmt: skip
    done = main(["train-displacement", "--out", str(tmp_path), "--onnx", str(tmp_path / "net.onnx"), *arguments])
    assert done == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == json.loads((tmp_path / CARD).read_text())
    assert (tmp_path / CURVES).read_bytes().startswith(b"\x89PNG")
    assert facts["bytes"] == (tmp_path / "net.onnx").stat().st_size
    assert 0.0 < facts["held_out"]["dynamic_flat_normal_degrees"] < 20.0
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert lines[-1]["step"] == 3 and "matching" in lines[-1]


def test_flags_that_do_not_go_together_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train-displacement", "--out", str(tmp_path), "--crop", "40"]) == 1
    assert "multiple of 32" in capsys.readouterr().err


def test_without_pytorch_one_sentence_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    for name in [name for name in sys.modules if name.startswith("facewright.training.train_displacement")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["train-displacement", "--out", str(tmp_path)]) == 1
    assert "PyTorch" in capsys.readouterr().err
