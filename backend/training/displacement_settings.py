"""Settings of ``facewright train-displacement``: every field is a flag, its help is here. Needs no PyTorch."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

WITHOUT = ("deforming", "texture")


def _flag(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class TrainSettings:
    """How the displacement network is trained; the defaults train it in full on a GPU, --help says what each is."""

    train_heads: int = _flag(80, "synthetic heads to train on; made if they are not there")
    held_out_heads: int = _flag(16, "synthetic heads to measure on")
    size: int = _flag(1024, "texels a side of the maps")
    data_seed: int = _flag(1, "seed of the synthetic population")
    steps: int = _flag(20000, "steps of stage 1, masked L2 (HiFace Eq. 10)")
    gan_steps: int = _flag(0, "steps of stage 2, LSGAN and feature matching (FaceScape Eq. 5)")
    batch: int = _flag(4, "crops a step")
    crop: int = _flag(256, "texels a side of a crop, a multiple of 32")
    keys: int = _flag(8, "key expressions a step, neutral always among them")
    rate: float = _flag(2e-3, "highest learning rate of Adam in stage 1; it warms up, then falls along a cosine")
    gan_rate: float = _flag(2e-4, "learning rate of stage 2, of generator and discriminators")
    slope_weight: float = _flag(5.0, "weight of the squared error of slopes beside that of heights")
    feature_weight: float = _flag(10.0, "lambda of FaceScape Eq. (5), weight of feature matching")
    adversarial_weight: float = _flag(0.05, "weight of FaceScape Eq. (5) beside the masked L2 in stage 2")
    patterns: int = _flag(8, "line patterns that the generator may combine at a texel")
    width: int = _flag(32, "channels of the generator's first level; the others follow 2:3:4:6")
    without: str = _flag("", f"ablation: leave out one input, {' or '.join(WITHOUT)}")
    start: str = _flag("", "checkpoint of another training whose network this one starts from")
    seed: int = _flag(0, "of the network's first weights and of the crops")
    report: int = _flag(50, "steps between two lines of the log")
    evaluate: int = _flag(1000, "steps between two measurements on held-out heads")
    evaluate_heads: int = _flag(4, "held-out heads of such a measurement")
    checkpoint: int = _flag(500, "steps between two checkpoints")
    device: str = _flag("auto", "cpu, cuda, or auto")
    precision: str = _flag("auto", "float32, bfloat16, or auto: bfloat16 where the device computes it")
    threads: int = _flag(0, "of the CPU; 0: as PyTorch likes")
    processes: int = _flag(1, "that make synthetic heads")

    def __post_init__(self) -> None:
        """Raises ValueError where settings contradict each other."""
        if self.crop % 32 or not 32 <= self.crop <= self.size:
            raise ValueError(f"a crop of {self.crop} texels is not a multiple of 32, or larger than the maps")
        if self.without not in ("", *WITHOUT):
            raise ValueError(f"--without takes {' or '.join(WITHOUT)}, not {self.without!r}")
        if self.precision not in ("auto", "float32", "bfloat16"):
            raise ValueError(f"--precision takes float32, bfloat16 or auto, not {self.precision!r}")
        for name in ("steps", "batch", "train_heads", "held_out_heads", "report", "evaluate", "checkpoint"):
            if getattr(self, name) < 1:
                raise ValueError(f"--{name.replace('_', '-')} must be at least 1")
        if not 2 <= self.keys <= 20:
            raise ValueError("--keys must be 2 to 20")

    @property
    def all_steps(self) -> int:
        """Of both stages."""
        return self.steps + self.gan_steps


UNTOUCHED = ("steps", "gan_steps", "report", "evaluate", "evaluate_heads", "checkpoint", "device", "precision",
             "threads", "processes")  # fmt: skip
"""What may differ when a training goes on; all else must be what it was."""


def add_flags(parser: argparse.ArgumentParser) -> None:
    """One flag for every setting."""
    for setting in fields(TrainSettings):
        parser.add_argument(
            f"--{setting.name.replace('_', '-')}", type=_kind(setting), default=setting.default,
            help=f"{setting.metadata['help']} (default: {setting.default!r})",
        )  # fmt: skip


def _kind(setting: Field[Any]) -> type:
    return type(setting.default)


def from_options(options: argparse.Namespace | Mapping[str, Any]) -> TrainSettings:
    """The settings among parsed arguments. Raises ValueError as TrainSettings does."""
    given = options if isinstance(options, Mapping) else vars(options)
    return TrainSettings(**{setting.name: given[setting.name] for setting in fields(TrainSettings)})
