"""Training of SD-DeTail's two networks: HiFace Eq. (10), stage by stage, each resumable.

L_sta is taken between maps before they are projected on the basis (see detail_regressor.py). L_com and L_str are
taken between coefficients: with an orthogonal basis and a mask that leaves it whole, the squared difference of two
maps is that of their coefficients, weighted by the components' energies, plus what no coefficient can change. To
Eq. (10) comes L_dyn, the same square after Eq. (9): what one sees of D_com and D_str is only ever their product
with tension, and through it xi learns which states suit which expression.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .detail_bases import DynamicEnergy
from .detail_regressor import DynamicMapper, StaticEncoder

Float32 = NDArray[np.float32]
Log = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class StageSettings:
    """steps; batch; rate: of Adam at its highest, it warms up over a twentieth and falls along a cosine;
    decay: of weights; report: steps between two lines of the log; seed."""

    steps: int
    batch: int
    rate: float
    decay: float = 1e-4
    report: int = 50
    seed: int = 0


class StaticData(NamedTuple):
    """seen (n, C, 2B, 2B) network input; static (n, B, B) mm; mask (B, B) 0..1, HiFace's M_detail."""

    seen: Tensor
    static: Tensor
    mask: Tensor


class DynamicData(NamedTuple):
    """n people, K coefficients of both bases, E expressions.

    static        (n, K_sta) coefficients that the encoder says
    quadratic     (n, E, K, K), linear (n, E, K), constant (n, E): ``detail_bases.DynamicEnergy``, mm^2
    polarised     (n, K) true coefficients of D_com and D_str
    energies      (K,) mm^2 of each component, by which differences of coefficients count
    expressions   (n, E, 52) xi, as each person performed them
    """

    static: Tensor
    quadratic: Tensor
    linear: Tensor
    constant: Tensor
    polarised: Tensor
    energies: Tensor
    expressions: Tensor


def dynamic_data(
    static: Float32,
    energies: list[list[DynamicEnergy]],
    polarised: Float32,
    component_energies: Float32,
    expressions: NDArray[np.floating[Any]],
) -> DynamicData:
    """Stack what ``detail_bases.DynamicEnergies`` measured for every person and expression."""

    def stacked(name: str) -> Tensor:
        return torch.tensor(np.array([[getattr(e, name) for e in person] for person in energies], np.float32))

    return DynamicData(
        torch.tensor(static), stacked("quadratic"), stacked("linear"), stacked("constant"),
        torch.tensor(polarised), torch.tensor(component_energies), torch.tensor(expressions, dtype=torch.float32),
    )  # fmt: skip


def static_loss(encoder: StaticEncoder, data: StaticData) -> Tensor:
    """L_sta of Eq. (10), as the share of the true energy that is missed."""
    said = encoder(data.seen)[:, 0]
    weight = data.mask / (data.mask * data.static.square()).mean().clamp_min(1e-12)
    loss: Tensor = (weight * (said - data.static).square()).mean()
    return loss


def augmented(data: StaticData, chosen: Tensor, generator: torch.Generator) -> StaticData:
    """Some people, at random mirrored, with random contrast (skin reflects differently) and noise."""
    seen, static = data.seen[chosen].float(), data.static[chosen].float()
    flip = torch.rand(len(chosen), generator=generator) < 0.5
    seen = torch.where(flip[:, None, None, None], seen.flip(-1), seen)
    static = torch.where(flip[:, None, None], static.flip(-1), static)
    gain = torch.exp(0.2 * torch.randn(len(chosen), 1, 1, 1, generator=generator))
    grain = 0.1 * torch.rand(len(chosen), 1, 1, 1, generator=generator)
    noise = torch.randn(seen[:, :-2].shape, generator=generator) * grain
    bands, trust, tension = seen[:, :-2], seen[:, -2:-1], seen[:, -1:]
    bands = (bands * gain + noise) * trust
    return StaticData(torch.cat([bands, trust, tension], 1), static, data.mask)


def dynamic_loss(mapper: DynamicMapper, data: DynamicData, people: Tensor, polarised_share: float) -> Tensor:
    """L_dyn at every expression, and ``polarised_share`` of L_com + L_str at xi = 0; as shares of true energy."""
    static, xi = data.static[people], data.expressions[people]
    said = mapper(static[:, None], torch.cat([torch.zeros_like(xi[:, :1]), xi], 1))
    neutral, keys = said[:, 0], said[:, 1:]
    shown = data._replace(
        quadratic=data.quadratic[people], linear=data.linear[people], constant=data.constant[people]
    )
    # ``constant`` is the energy that the means miss: 1 is as good as the mean states.
    dynamic = missed_energy(shown, keys) / shown.constant.sum()
    wanted = data.polarised[people]
    states = (data.energies * (neutral - wanted).square()).sum() / (data.energies * wanted.square()).sum()
    loss: Tensor = dynamic + polarised_share * states
    return loss


def missed_energy(data: DynamicData, said: Tensor) -> Tensor:
    """Squared error, mm^2 summed over people, expressions and texels, of coefficients ``said`` (n, E, K)."""
    quadratic = torch.einsum("nek,nekl,nel->ne", said, data.quadratic, said)
    missed: Tensor = (data.constant - 2.0 * (said * data.linear).sum(-1) + quadratic).sum()
    return missed


class Stage:
    """One network in training: steps, the log, and a file from which it goes on exactly where it stopped.

    What a step draws at random depends on seed and step alone. The state that does best on the people held back for
    validation is the one that is kept.
    """

    def __init__(self, name: str, network: nn.Module, settings: StageSettings, checkpoint: Path | None) -> None:
        self.name, self.network, self.settings, self.checkpoint = name, network, settings, checkpoint
        self.optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
        self.step = 0
        self.best = math.inf
        self.best_state = _copied(network)
        if checkpoint is not None and checkpoint.is_file():
            state = torch.load(checkpoint, weights_only=True)
            network.load_state_dict(state["network"])
            self.optimiser.load_state_dict(state["optimiser"])
            self.step, self.best, self.best_state = state["step"], state["best"], state["best_state"]

    def run(
        self, loss_of: Callable[[torch.Generator], Tensor], validation: Callable[[], float], log: Log
    ) -> float:
        """Train until ``steps``; leaves the best state in the network and returns its validation loss.

        Parameters
        ----------
        loss_of : the loss of one random batch, drawn with the generator
        validation : the loss on people that training does not see
        log : takes one line, plain data
        """
        started, total = time.monotonic(), 0.0
        while self.step < self.settings.steps:
            rate = self.rate(self.step)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + self.step)
            self.network.train()
            loss = loss_of(generator)
            self.optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
            self.optimiser.step()
            total += float(loss.detach())
            self.step += 1
            if self.step % self.settings.report == 0 or self.step == self.settings.steps:
                held = self._validated(validation)
                count = (self.step - 1) % self.settings.report + 1
                log({"stage": self.name, "step": self.step, "loss": round(total / count, 6), "held": round(held, 6),
                     "rate": round(rate, 8), "seconds": round(time.monotonic() - started, 1)})  # fmt: skip
                total = 0.0
                self.save()
        self.network.load_state_dict(self.best_state)
        return self.best

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        warm = max(self.settings.steps // 20, 1)
        cosine = 0.5 + 0.5 * math.cos(math.pi * min(step / max(self.settings.steps, 1), 1.0))
        return self.settings.rate * min((step + 1) / warm, 1.0) * max(cosine, 0.02)

    def _validated(self, validation: Callable[[], float]) -> float:
        self.network.eval()
        with torch.no_grad():
            held = validation()
        if held < self.best:
            self.best, self.best_state = held, _copied(self.network)
        return held

    def save(self) -> None:
        """Write the checkpoint; a file that is half written is never in its place."""
        if self.checkpoint is None:
            return
        self.checkpoint.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "network": self.network.state_dict(), "optimiser": self.optimiser.state_dict(), "step": self.step,
            "best": self.best, "best_state": self.best_state,
        }  # fmt: skip
        unfinished = self.checkpoint.with_suffix(".unfinished")
        torch.save(state, unfinished)
        unfinished.replace(self.checkpoint)


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: values.detach().clone() for name, values in network.state_dict().items()}


def json_log(path: Path) -> Log:
    """A log that appends one JSON object per line to ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def write(entry: dict[str, Any]) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    return write
