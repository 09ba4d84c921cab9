"""Train the displacement network of FaceScape Sec. 4.2: ``facewright train-displacement``.

One readable script, top to bottom: data, network, stage 1, stage 2, measurement, export.

    stage 1   masked L2 between displacement maps (HiFace Eq. 10), of heights and of slopes
    stage 2   LSGAN on three scales with feature matching (FaceScape Eq. 5) beside the same L2

OUT/log.jsonl gets a line every few steps; OUT/checkpoint.pt lets a training that was stopped go on exactly where it
was; last come the ONNX file, OUT/card.json (settings, measurements on held-out heads) and OUT/curves.png.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..config import assets_dir
from ..errors import FaceError, ModelFileInvalid
from ..face_model.key_expressions import KEY_EXPRESSION_NAMES
from ..face_model.load import load_face_model
from ..mesh.topology import Topology
from .crops import Crops, CropSource, seen_texture
from .detail_metrics import agreement, texel_metric
from .detail_samples import PopulationSettings, make_samples
from .displacement_export import export_onnx
from .displacement_network import (
    UNIT_MM,
    Discriminators,
    DisplacementNetwork,
    NetworkSettings,
    adversarial_loss,
    assemble,
    assemble_quickly,
    feature_matching_loss,
)
from .displacement_settings import UNTOUCHED, TrainSettings
from .loss_curves import draw_curves, read_log
from .sample_store import Samples

SLOPE_UNIT = 0.35
"""Tenths of a millimetre per texel that count as much as one of height: lines of about 6 mm weigh the same."""
WARM_UP = 0.03  # of the steps
LOG, CHECKPOINT, CARD, CURVES = "log.jsonl", "checkpoint.pt", "card.json", "curves.png"
Progress = Callable[[str, float], None]


class Trainer:
    """A training with all its state; ``run`` goes on from wherever it is."""

    def __init__(self, settings: TrainSettings, data: Path, out: Path, progress: Progress | None = None) -> None:
        """Make or open the samples in ``data``; go on with the checkpoint in ``out`` if there is one.

        Raises ModelFileInvalid where the checkpoint belongs to another training.
        """
        self.settings, self.out = settings, out
        self._progress = progress or (lambda stage, fraction: None)
        if settings.threads:
            torch.set_num_threads(settings.threads)
        population = PopulationSettings(size=settings.size, seed=settings.data_seed)
        samples = make_samples(
            data, settings.train_heads, settings.held_out_heads, population, settings.processes, progress
        )
        self.held_out = samples.part("held_out")
        self.source = CropSource(samples.part("train"), settings.crop, settings.keys, settings.seed)

        self.device = settings.device
        if settings.device == "auto":
            self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.halved = settings.precision == "bfloat16" or (
            settings.precision == "auto" and _has_bfloat16(self.device)
        )
        torch.manual_seed(settings.seed)
        self.network = DisplacementNetwork(network_settings(settings)).to(self.device)
        self.critics = Discriminators().to(self.device)
        self.optimiser = torch.optim.Adam(self.network.parameters(), settings.rate, (0.9, 0.99))
        self.critics_optimiser = torch.optim.Adam(self.critics.parameters(), settings.gan_rate, (0.5, 0.99))
        self.step = 0
        out.mkdir(parents=True, exist_ok=True)
        if (out / CHECKPOINT).is_file():
            self._resume()
        elif settings.start:
            self._start_from(Path(settings.start))

    def run(self) -> None:
        """Train until all steps are done."""
        settings = self.settings
        recent: list[dict[str, float]] = []
        began = time.monotonic()
        while self.step < settings.all_steps:
            first = self.step < settings.steps
            crops = self._tensors(self.source.draw(self.step, settings.batch))
            losses = self._stage_1(crops) if first else self._stage_2(crops)
            recent.append({name: value.item() for name, value in losses.items()})
            self.step += 1
            if self.step % settings.report == 0 or self.step in (settings.steps, settings.all_steps):
                means = {name: float(np.mean([each[name] for each in recent])) for name in recent[0]}
                pace = round((time.monotonic() - began) / len(recent), 4)
                stage = "1 masked L2" if first else "2 LSGAN"
                self._log({"stage": stage, "step": self.step, **means, "seconds_a_step": pace})
                self._progress("training", self.step / settings.all_steps)
                recent, began = [], time.monotonic()
            if self.step % settings.evaluate == 0:
                self._log({"measured": self.step, **self.measure(settings.evaluate_heads)})
                began = time.monotonic()
            if self.step % settings.checkpoint == 0 or self.step == settings.all_steps:
                self._save()

    def _stage_1(self, crops: dict[str, Any]) -> dict[str, Tensor]:
        """One step of masked L2."""
        self._set_rate(self.settings.rate * _schedule(self.step / self.settings.steps))
        with self._autocast():
            height, slope = self._reconstruction(self._generate(crops), crops["truth"])
            loss = height + self.settings.slope_weight * slope
        self._descend(self.optimiser, loss)
        return {"loss": loss, "height": height, "slope": slope}

    def _stage_2(self, crops: dict[str, Any]) -> dict[str, Tensor]:
        """One step of FaceScape Eq. (5) beside the masked L2: discriminators, then generator."""
        settings = self.settings
        done = (self.step - settings.steps) / max(settings.gan_steps, 1)
        self._set_rate(settings.gan_rate * (1.0 - done))
        texture, real = crops["texture"], crops["truth"] / UNIT_MM
        with self._autocast():
            maps = self._generate(crops)
            made = maps / UNIT_MM
            critics = 0.5 * adversarial_loss(self.critics(real, texture), True)
            critics = critics + 0.5 * adversarial_loss(self.critics(made.detach(), texture), False)
        self._descend(self.critics_optimiser, critics)
        with self._autocast():
            verdicts, wanted = self.critics(made, texture), self.critics(real, texture)
            matching = feature_matching_loss(verdicts, wanted)
            adversarial = adversarial_loss(verdicts, True)
            height, slope = self._reconstruction(maps, crops["truth"])
            fooling = adversarial + settings.feature_weight * matching
            loss = height + settings.slope_weight * slope + settings.adversarial_weight * fooling
        self._descend(self.optimiser, loss)
        return {
            "loss": loss,
            "height": height,
            "slope": slope,
            "critics": critics,
            "adversarial": adversarial,
            "matching": matching,
        }

    def _generate(self, crops: dict[str, Any]) -> Tensor:
        return assemble_quickly(*self.network(crops["texture"], crops["deforming"], crops["keys"], crops["corner"]))

    def _reconstruction(self, maps: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Mean squared errors of heights and of slopes, in units where both are of order 1."""
        error = (maps.float() - truth) / UNIT_MM
        down, across = error[..., 1:, :] - error[..., :-1, :], error[..., 1:] - error[..., :-1]
        return (error**2).mean(), (((down / SLOPE_UNIT) ** 2).mean() + ((across / SLOPE_UNIT) ** 2).mean())

    def _descend(self, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_([p for group in optimiser.param_groups for p in group["params"]], 1.0)
        optimiser.step()

    def _set_rate(self, rate: float) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device, dtype=torch.bfloat16, enabled=self.halved)

    def _tensors(self, crops: Crops) -> dict[str, Any]:
        tensors: dict[str, Any] = {
            name: torch.from_numpy(values).to(self.device, non_blocking=True)
            for name, values in crops._asdict().items()
            if name != "corner"
        }
        return {**tensors, "corner": crops.corner}

    def predict(self, samples: Samples, index: int) -> NDArray[np.float32]:
        """(20, S, S) mm for one whole head."""
        texture = torch.from_numpy(seen_texture(samples, index)[None]).to(self.device)
        deforming = torch.from_numpy(samples.raw(index, "deforming").astype(np.float32)[None]).to(self.device)
        self.network.eval()
        with torch.no_grad():
            keys = torch.arange(len(KEY_EXPRESSION_NAMES), device=self.device)
            maps = assemble(*self.network(texture, deforming, keys))[0]
        self.network.train()
        return np.asarray(maps.float().cpu().numpy())

    def measure(self, heads: int) -> dict[str, float]:
        """Mean agreement on held-out heads: of the static maps and of the key expressions' dynamic ones."""
        topology: Topology = load_face_model(None).topology
        static, dynamic = [], []
        for index in range(min(heads, len(self.held_out))):
            maps = self.predict(self.held_out, index)
            metric = texel_metric(topology, self.held_out.raw(index, "neutral"), self.settings.size)
            static.append(agreement(maps[0], self.held_out.displacement(index, "static"), metric))
            truth = self.held_out.displacement(index, "dynamic")
            dynamic += [agreement(made, true, metric) for made, true in zip(maps[1:], truth)]
        return {
            "static_correlation": float(np.nanmean([one.correlation for one in static])),
            "dynamic_correlation": float(np.nanmean([one.correlation for one in dynamic])),
            "dynamic_rmse_um": 1e3 * float(np.mean([one.rmse_mm for one in dynamic])),
            "dynamic_normal_degrees": float(np.mean([one.normal_degrees for one in dynamic])),
            "dynamic_flat_normal_degrees": float(np.mean([one.flat_normal_degrees for one in dynamic])),
        }

    def _log(self, facts: dict[str, Any]) -> None:
        with (self.out / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")

    def _save(self) -> None:
        state = {
            "step": self.step,
            "settings": asdict(self.settings),
            "network": self.network.state_dict(),
            "critics": self.critics.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "critics_optimiser": self.critics_optimiser.state_dict(),
        }
        beside = self.out / f"{CHECKPOINT}.part"
        torch.save(state, beside)
        beside.replace(self.out / CHECKPOINT)

    def _start_from(self, path: Path) -> None:
        try:
            self.network.load_state_dict(self._read(path)["network"])
        except (RuntimeError, KeyError, TypeError) as error:
            raise ModelFileInvalid(f"{path} holds no network that this training could start from.") from error

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            return dict(torch.load(path, map_location=self.device, weights_only=True))
        except Exception as error:  # a damaged file raises nearly anything, also what nobody may import here
            raise ModelFileInvalid(f"{path} holds no network: it is missing or damaged.") from error

    def _resume(self) -> None:
        state = self._read(self.out / CHECKPOINT)
        now = asdict(self.settings)
        changed = [name for name in now if name not in UNTOUCHED and now[name] != state["settings"].get(name)]
        if changed:
            flags = ", ".join(f"--{name.replace('_', '-')}" for name in changed)
            raise ModelFileInvalid(
                f"{self.out} holds a training with another {flags}; give it a folder of its own."
            )
        self.step = state["step"]
        self.network.load_state_dict(state["network"])
        self.critics.load_state_dict(state["critics"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.critics_optimiser.load_state_dict(state["critics_optimiser"])


def network_settings(settings: TrainSettings) -> NetworkSettings:
    """The network that some flags ask for."""
    width = settings.width
    return NetworkSettings(
        size=settings.size,
        widths=(width, 3 * width // 2, 2 * width, 3 * width),
        patterns=settings.patterns,
        deforming=settings.without != "deforming",
        texture=settings.without != "texture",
    )


def train(
    settings: TrainSettings, data: Path, out: Path, onnx: Path | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Train, measure on all held-out heads, export.

    Parameters
    ----------
    settings : TrainSettings
    data : folder of the synthetic heads, made where they are missing
    out : folder of log, checkpoint, card and curves
    onnx : where the network goes (default: the installed asset)

    Returns
    -------
    what the card says

    Raises
    ------
    FaceError
    """
    trainer = Trainer(settings, data, out, progress)
    trainer.run()
    file = onnx or assets_dir() / "displacement.onnx"
    measured = trainer.measure(settings.held_out_heads)
    if not math.isfinite(measured["dynamic_rmse_um"]):
        raise FaceError("The training diverged: the network says no numbers; try a lower --rate.")
    facts = {"settings": asdict(settings), "held_out": measured, **export_onnx(trainer.network, file)}
    (out / CARD).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    draw_curves([entry for entry in read_log(out / LOG) if "loss" in entry], out / CURVES)
    return facts


def _schedule(done: float) -> float:
    """Factor of the learning rate when ``done`` (0 to 1) of the steps are taken: warms up, falls as a cosine."""
    if done < WARM_UP:
        return (done + 1e-4) / WARM_UP
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * (done - WARM_UP) / (1.0 - WARM_UP)))


def _has_bfloat16(device: str) -> bool:
    """Whether a device computes in bfloat16, and does not only convert to it, which takes longer than float32."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    try:
        return "avx512_bf16" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # no Linux: PyTorch has no public way to ask
        return False
