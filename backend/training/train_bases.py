"""``facewright train-bases``: HiFace's SD-DeTail from a folder of synthetic heads, top to bottom.

    1. examples    heads of the population, reduced to the bases' size; some are held back for validation
    2. bases       PCA of static, compressed and stretched detail, Eq. (5), (7); packed as they ship
    3. static      the encoder: texture to static detail, L_sta of Eq. (10)
    4. dynamic     the mapper: static to dynamic coefficients, by expression, Eq. (6), L_com, L_str, L_dyn
    5. export      two ONNX files beside the bases, and a check that ONNX says what torch says

Everything is written into the work folder: a checkpoint per stage, from which a run that was stopped goes on, one
log line of JSON per report, and a report with the numbers of the model card.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..displacement.detail_basis import PARTS, DetailBasis, load_bases, save_bases
from ..displacement.sd_detail import BASES_FILE, DYNAMIC_FILE, STATIC_FILE
from ..errors import FaceError
from ..face_model.load import load_face_model
from .detail_bases import BasisSettings, DynamicEnergies, held_energy, learn_basis, with_mirrored
from .detail_examples import DetailExamples, examples_from, joined, mirrored
from .detail_fit import (
    DynamicData,
    Log,
    Stage,
    StageSettings,
    StaticData,
    augmented,
    dynamic_data,
    dynamic_loss,
    json_log,
    missed_energy,
    static_loss,
)
from .detail_regressor import DynamicMapper, RegressorSettings, StaticEncoder
from .loss_curves import draw_curves, read_log
from .sample_store import open_samples

Float32 = NDArray[np.float32]
Progress = Callable[[str, float], None]
OPSET = 17
EXAMPLES = 5  # expressions at which the exported mapper is compared
LARGEST_DISAGREEMENT = 1e-3
"""Of ONNX and torch: mm for the encoder, standard deviations for the mapper."""


@dataclass(frozen=True)
class TrainBasesSettings:
    """validation: share of the training heads that training does not see; polarised: weight of L_com + L_str;
    jitter: standard deviations of noise on the static coefficients that the mapper learns from (the encoder errs by
    about as much; without it the mapper knows its few hundred people by heart and misses 5 % more of others)."""

    basis: BasisSettings = field(default_factory=BasisSettings)
    regressor: RegressorSettings = field(default_factory=RegressorSettings)
    static: StageSettings = field(default_factory=lambda: StageSettings(2000, 4, 2e-3))
    dynamic: StageSettings = field(default_factory=lambda: StageSettings(1200, 32, 3e-3, decay=1e-2))
    validation: float = 0.125
    polarised: float = 0.3
    jitter: float = 0.3
    seed: int = 0


def train_bases(
    examples: DetailExamples,
    work: Path,
    out: Path,
    settings: TrainBasesSettings,
    progress: Progress = lambda stage, fraction: None,
) -> dict[str, Any]:
    """Learn bases and networks and write the three files into ``out``.

    Parameters
    ----------
    examples : the training heads
    work : checkpoints, log.jsonl, curves.png and report.json
    out : where BASES_FILE, STATIC_FILE and DYNAMIC_FILE go
    settings : all that influences the result
    progress : told stage and fraction

    Returns
    -------
    the report: settings, shares of energy, losses, sizes and hashes

    Raises
    ------
    FaceError where the population is too small, or ONNX and torch disagree.
    """
    count = len(examples.static)
    held = max(round(settings.validation * count), 1)
    if count - held < 3:
        raise FaceError(f"{count} heads are too few to learn from: at least 4 are needed.")
    work.mkdir(parents=True, exist_ok=True)
    log = json_log(work / "log.jsonl")
    order = np.random.default_rng(settings.seed).permutation(count)
    train, validation = examples.people(np.sort(order[held:])), examples.people(np.sort(order[:held]))

    progress("bases", 0.0)
    bases = learn_bases(train, settings.basis)
    out.mkdir(parents=True, exist_ok=True)
    save_bases(out / BASES_FILE, bases)
    bases = load_bases(out / BASES_FILE)
    energy = {part: held_energy(bases[part], getattr(validation, part).astype(np.float32)) for part in PARTS}
    progress("bases", 1.0)

    encoder, static_best = _fit_encoder(train, validation, settings, work, log, progress)
    mapper, missed = _fit_mapper(encoder, bases, train, validation, settings, work, log, progress)
    disagreement = {
        "static": export_encoder(encoder, examples.seen.shape[1:], out / STATIC_FILE),
        "dynamic": export_mapper(mapper, len(bases["static"].components), out / DYNAMIC_FILE),
    }
    if max(disagreement.values()) > LARGEST_DISAGREEMENT:
        raise FaceError(f"The exported networks say something else than the trained ones: {disagreement}.")
    draw_curves(read_log(work / "log.jsonl"), work / "curves.png")
    report = {
        "heads": len(train.static),
        "validation_heads": len(validation.static),
        "settings": asdict(settings),
        "components": {part: len(bases[part].components) for part in PARTS},
        "energy_of_unseen_heads": {part: each._asdict() for part, each in energy.items()},
        "missed": {
            "static": static_best,
            "static_on_basis": _missed_on_basis(encoder, bases["static"], validation),
            **missed,
        },
        "parameters": {"static": _parameters(encoder), "dynamic": _parameters(mapper)},
        "onnx_disagreement": disagreement,
        "files": {name: _described(out / name) for name in (BASES_FILE, STATIC_FILE, DYNAMIC_FILE)},
    }
    (work / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    return report


def learn_bases(examples: DetailExamples, settings: BasisSettings) -> dict[str, DetailBasis]:
    """Bases of all parts from heads and their mirror images."""
    components = {"static": settings.static, "compressed": settings.dynamic, "stretched": settings.dynamic}
    return {
        part: learn_basis(
            with_mirrored(getattr(examples, part).astype(np.float32) * examples.mask), components[part],
            settings.floor_mm,
        )
        for part in PARTS
    }  # fmt: skip


def _fit_encoder(
    train: DetailExamples, validation: DetailExamples, settings: TrainBasesSettings, work: Path, log: Log,
    progress: Progress,
) -> tuple[StaticEncoder, float]:  # fmt: skip
    """Stage 3; returns the network in its best state and the share of static energy that it misses."""
    torch.manual_seed(settings.seed)
    scale = float(np.sqrt((train.static.astype(np.float32) ** 2).mean())) * 4.0
    encoder = StaticEncoder(settings.regressor.widths, scale)
    seen, unseen = _static_data(train), _static_data(validation)
    unseen = StaticData(unseen.seen.float(), unseen.static.float(), unseen.mask)
    stage = Stage("static", encoder, replace(settings.static, seed=settings.seed), work / "static.pt")

    def batch_loss(generator: torch.Generator) -> Tensor:
        chosen = torch.randint(0, len(seen.static), (settings.static.batch,), generator=generator)
        return static_loss(encoder, augmented(seen, chosen, generator))

    def validate() -> float:
        return float(static_loss(encoder, unseen))

    best = stage.run(batch_loss, validate, _reporting(log, progress, settings.static.steps))
    return encoder.eval(), best


def _missed_on_basis(encoder: StaticEncoder, basis: DetailBasis, examples: DetailExamples) -> float:
    """Share of static energy that is missed after what the encoder says was projected: D_sta of Eq. (5).

    The projection can lose lines that the encoder sees and the population has never had in this place.
    """
    missed = energy = 0.0
    for seen, truth in zip(examples.seen, examples.static.astype(np.float32)):
        with torch.no_grad():
            said = encoder(torch.from_numpy(seen[None]).float())[:, 0].numpy()
        shown = basis.maps(basis.coefficients(said))[0]
        missed += float((examples.mask * (shown - truth) ** 2).sum())
        energy += float((examples.mask * truth**2).sum())
    return missed / energy


def _static_data(examples: DetailExamples) -> StaticData:
    return StaticData(*(torch.from_numpy(values) for values in (examples.seen, examples.static, examples.mask)))


def _fit_mapper(
    encoder: StaticEncoder, bases: dict[str, DetailBasis], train: DetailExamples, validation: DetailExamples,
    settings: TrainBasesSettings, work: Path, log: Log, progress: Progress,
) -> tuple[DynamicMapper, dict[str, float]]:  # fmt: skip
    """Stage 4; returns the network in its best state and the shares of the validation heads' dynamic energy that
    are missed by it, by the mean states, and by the best coefficients that the bases have for each expression."""
    known = mapper_data(encoder, bases, train, with_mirrored=True)
    unknown = mapper_data(encoder, bases, validation, with_mirrored=False)
    torch.manual_seed(settings.seed + 1)
    mapper = DynamicMapper(
        known.static.shape[1], known.expressions.shape[2], known.polarised.shape[1], settings.regressor
    )
    stage = Stage("dynamic", mapper, replace(settings.dynamic, seed=settings.seed + 1), work / "dynamic.pt")
    everyone = torch.arange(len(unknown.static))

    def batch_loss(generator: torch.Generator) -> Tensor:
        people = torch.randint(0, len(known.static), (settings.dynamic.batch,), generator=generator)
        noise = settings.jitter * torch.randn(known.static.shape, generator=generator)
        return dynamic_loss(mapper, known._replace(static=known.static + noise), people, settings.polarised)

    def validate() -> float:
        return float(dynamic_loss(mapper, unknown, everyone, settings.polarised))

    stage.run(batch_loss, validate, _reporting(log, progress, settings.dynamic.steps))
    with torch.no_grad():
        said = mapper.eval()(unknown.static[:, None], unknown.expressions)
    everything = float((validation.mask * np.square(validation.dynamic, dtype=np.float32)).sum())
    ridge = torch.eye(said.shape[-1])  # of one standard deviation to one mm^2: keys without tension tell nothing
    best = torch.linalg.solve(unknown.quadratic + ridge, unknown.linear)
    return mapper, {
        "dynamic": float(missed_energy(unknown, said)) / everything,
        "dynamic_mean_states": float(unknown.constant.sum()) / everything,
        "dynamic_best_states": float(missed_energy(unknown, best)) / everything,
    }


def mapper_data(
    encoder: StaticEncoder, bases: dict[str, DetailBasis], examples: DetailExamples, with_mirrored: bool
) -> DynamicData:
    """What the mapper learns from: coefficients as the encoder says them, and the energies of every expression."""
    com, stretch = bases["compressed"], bases["stretched"]
    people = [examples.people(np.array([head])) for head in range(len(examples.static))]
    if with_mirrored:
        people += [mirrored(examples, head) for head in range(len(people))]
    measured = DynamicEnergies(com, stretch, examples.mask)
    static, polarised, energies = [], [], []
    for one in people:
        with torch.no_grad():
            said = encoder(torch.from_numpy(one.seen).float())[:, 0].numpy()
        static.append(bases["static"].coefficients(said)[0])
        polarised.append(
            np.concatenate([
                basis.coefficients(maps.astype(np.float32))[0]
                for basis, maps in ((com, one.compressed), (stretch, one.stretched))
            ])
        )
        energies.append([
            measured.of(tension.astype(np.float32), detail.astype(np.float32))
            for detail, tension in zip(one.dynamic[0], one.tension[0])
        ])
    strength = np.concatenate([(basis.components**2).sum(1) for basis in (com, stretch)])
    expressions = np.concatenate([one.expressions for one in people])
    return dynamic_data(np.array(static), energies, np.array(polarised), strength, expressions)


def _reporting(log: Log, progress: Progress, steps: int) -> Log:
    def report(entry: dict[str, Any]) -> None:
        log(entry)
        progress(entry["stage"], entry["step"] / max(steps, 1))

    return report


def export_encoder(encoder: StaticEncoder, shape: tuple[int, ...], path: Path) -> float:
    """Write the ONNX file; returns the largest difference to torch on random input, mm."""
    example = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0))
    return _exported(encoder, {"texture": example}, "static", path, {})


def export_mapper(mapper: DynamicMapper, static: int, path: Path) -> float:
    """Write the ONNX file, for any number of expressions; returns the largest difference to torch."""
    generator = torch.Generator().manual_seed(0)
    expressions = mapper.affine[0].in_features
    assert isinstance(expressions, int)
    inputs = {
        "static": torch.randn(1, static, generator=generator),
        "expression": torch.rand(EXAMPLES, expressions, generator=generator),
    }
    return _exported(mapper, inputs, "dynamic", path, {"expression": {0: "n"}, "dynamic": {0: "n"}})


def _exported(
    network: torch.nn.Module, inputs: dict[str, Tensor], output: str, path: Path, axes: dict[str, dict[int, str]]
) -> float:
    arguments = tuple(inputs.values())
    # The tracing exporter: torch's new one needs one package more (onnxscript).
    torch.onnx.export(
        network.eval(), arguments, str(path), input_names=list(inputs), output_names=[output], dynamic_axes=axes,
        opset_version=OPSET, dynamo=False,
    )  # fmt: skip
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (said,) = session.run(None, {name: values.numpy() for name, values in inputs.items()})
    with torch.no_grad():
        return float(np.abs(said - network(*arguments).numpy()).max())


def _parameters(network: torch.nn.Module) -> int:
    return sum(values.numel() for values in network.parameters())


def _described(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def train_from_folders(
    folders: Sequence[Path], work: Path, out: Path, settings: TrainBasesSettings, progress: Progress
) -> dict[str, Any]:
    """``train_bases`` on the training heads of folders of samples (``detail_samples``), of any size of maps."""
    topology = load_face_model(None).topology
    populations = [open_samples(folder).part("train") for folder in folders]
    examples = [examples_from(samples, topology, settings.basis.size, progress) for samples in populations]
    return train_bases(joined(examples), work, out, settings, progress)


def use_threads(count: int) -> None:
    """Let torch use so many processor cores in this process."""
    torch.set_num_threads(count)


def settings_of(options: argparse.Namespace) -> TrainBasesSettings:
    """Settings from the flags of ``cli_train_bases``; what is None there has its default."""

    def changed(settings: Any, **values: Any) -> Any:
        return replace(settings, **{name: value for name, value in values.items() if value is not None})

    default = TrainBasesSettings()
    basis = changed(
        default.basis, size=options.size, static=options.static_components, dynamic=options.dynamic_components
    )
    static = changed(default.static, steps=options.static_steps, batch=options.batch)
    dynamic = changed(default.dynamic, steps=options.dynamic_steps)
    result: TrainBasesSettings = changed(default, basis=basis, static=static, dynamic=dynamic, seed=options.seed)
    return result
