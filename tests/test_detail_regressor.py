"""SD-DeTail's networks in training: they learn, what is resumed goes on, and ONNX says what torch says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from facewright.training.detail_bases import DynamicEnergies, learn_basis  # noqa: E402
from facewright.training.detail_fit import (  # noqa: E402
    DynamicData,
    Stage,
    StageSettings,
    StaticData,
    augmented,
    dynamic_data,
    dynamic_loss,
    static_loss,
)
from facewright.training.detail_regressor import DynamicMapper, RegressorSettings, StaticEncoder  # noqa: E402

SMALL = RegressorSettings(widths=(6, 8, 8), channels=4, features=6, hidden=16)
SIZE = 16
EXPRESSIONS = np.eye(5, 52)


def static_data(count: int = 12) -> StaticData:
    """Heads whose displacement is a blurred copy of what is seen: something that can be learned at once."""
    generator = torch.Generator().manual_seed(1)
    static = torch.nn.functional.interpolate(torch.randn(count, 1, 4, 4, generator=generator), scale_factor=4)[:, 0]
    seen = torch.ones(count, 4, 2 * SIZE, 2 * SIZE)
    seen[:, :2] = torch.nn.functional.interpolate(static[:, None], scale_factor=2)
    return StaticData(seen, 0.1 * static, torch.ones(SIZE, SIZE))


def encoder() -> StaticEncoder:
    torch.manual_seed(0)
    return StaticEncoder(SMALL.widths, 0.1)


def mapper(static: int = 3, dynamic: int = 4) -> DynamicMapper:
    torch.manual_seed(0)
    return DynamicMapper(static, 52, dynamic, SMALL)


@pytest.fixture(scope="module")
def people() -> DynamicData:
    """Six people whose dynamic detail follows from their static coefficients and from the expression."""
    rng = np.random.default_rng(2)
    maps = rng.normal(size=(9, SIZE, SIZE)).astype(np.float32)
    com, stretch = learn_basis(maps, 2, 0.0), learn_basis(maps[::-1] + 0.1, 2, 0.0)
    static = rng.normal(size=(6, 3)).astype(np.float32)
    polarised = np.stack([[s[0], -s[1], s[2], s[0] * s[1]] for s in static]).astype(np.float32)
    measured = DynamicEnergies(com, stretch, np.ones((SIZE, SIZE), np.float32))
    energies = []
    for person in range(6):
        row = []
        for key in range(len(EXPRESSIONS)):
            tension = rng.uniform(-0.3, 0.3, (SIZE, SIZE)).astype(np.float32)
            wanted = polarised[person] + (0.5 if key == 2 else 0.0)
            truth = np.maximum(tension, 0) * com.maps(wanted[None, :2])[0]
            truth += np.maximum(-tension, 0) * stretch.maps(wanted[None, 2:])[0]
            row.append(measured.of(tension, truth))
        energies.append(row)
    strength = np.concatenate([(b.components**2).sum(1) for b in (com, stretch)]).astype(np.float32)
    return dynamic_data(static, energies, polarised, strength, np.repeat(EXPRESSIONS[None], 6, 0))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """These networks are so small that threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def run_static(
    steps: int, network: StaticEncoder, checkpoint: Path | None = None, until: int | None = None
) -> float:
    data = static_data()
    settings = StageSettings(steps, 4, 3e-3, report=5)
    stage = Stage("static", network, settings, checkpoint)

    def batch_loss(generator: torch.Generator) -> torch.Tensor:
        chosen = torch.randint(0, len(data.seen), (4,), generator=generator)
        return static_loss(network, augmented(data, chosen, generator))

    def log(entry: dict[str, object]) -> None:
        """A run that is stopped after a report: its checkpoint is the one of the report."""
        if entry["step"] == until:
            stage.save()
            raise KeyboardInterrupt

    return stage.run(batch_loss, lambda: float(static_loss(network, data)), log)


def test_encoder_learns() -> None:
    assert run_static(120, encoder()) < 0.5  # 1 is what says nothing at all


def test_encoder_shapes() -> None:
    assert encoder()(torch.zeros(2, 4, 2 * SIZE, 2 * SIZE)).shape == (2, 1, SIZE, SIZE)


def test_a_resumed_stage_goes_on_as_if_it_had_not_stopped(tmp_path: Path) -> None:
    whole, cut = encoder(), encoder()
    run_static(20, whole)
    with pytest.raises(KeyboardInterrupt):
        run_static(20, cut, tmp_path / "stage.pt", until=10)
    resumed = encoder()
    run_static(20, resumed, tmp_path / "stage.pt")
    for one, other in zip(whole.parameters(), resumed.parameters()):
        torch.testing.assert_close(one, other)
    assert not all(torch.equal(one, other) for one, other in zip(whole.parameters(), encoder().parameters()))


def test_augmented_people_keep_truth_and_picture_together() -> None:
    data = static_data(4)
    data.static[:, :, : SIZE // 2] = 0.0
    data.seen[:, :2, :, :SIZE] = 0.0
    generator = torch.Generator().manual_seed(3)
    many = augmented(data, torch.arange(4).repeat(8), generator)
    left = many.static[:, :, : SIZE // 2].abs().amax((1, 2)) > 0
    assert 4 < int(left.sum()) < 28  # some are mirrored, some are not
    seen_left = many.seen[:, 0, :, : SIZE // 2].abs().mean((1, 2))
    seen_right = many.seen[:, 0, :, -SIZE // 2 :].abs().mean((1, 2))
    assert torch.equal(left, seen_left > seen_right)


def test_mapper_learns_person_and_expression(people: DynamicData) -> None:
    network = mapper()
    everyone = torch.arange(len(people.static))
    stage = Stage("dynamic", network, StageSettings(400, 6, 5e-3, report=100), None)
    entries: list[dict[str, float]] = []
    loss = stage.run(
        lambda g: dynamic_loss(network, people, everyone, 0.1),
        lambda: float(dynamic_loss(network, people, everyone, 0.1)),
        entries.append,
    )
    assert loss < 0.1  # 1 is what the mean states miss
    assert [entry["step"] for entry in entries] == [100, 200, 300, 400]
    with torch.no_grad():
        said = network(people.static[:1], people.expressions[0, :3])
    assert (said[2] - said[1]).abs().max() > 0.2  # expression 2 wants other states, and gets them


def test_the_dynamic_loss_of_the_truth_is_nothing(people: DynamicData) -> None:
    class Truth(torch.nn.Module):
        def forward(self, static: torch.Tensor, xi: torch.Tensor) -> torch.Tensor:
            states = people.polarised[:, None].repeat(1, xi.shape[1], 1)
            states[:, 1 + 2] += 0.5  # the first xi is 0, then the expressions
            return states

    everyone = torch.arange(len(people.static))
    assert float(dynamic_loss(Truth(), people, everyone, 1.0)) < 1e-4  # type: ignore[arg-type]


def test_adain_takes_mean_and_spread_from_the_expression() -> None:
    network = mapper()
    with torch.no_grad():
        one = network(torch.randn(1, 3), torch.zeros(1, 52))
        scaled = network.affine[-1]
        scaled.weight.zero_()
        scaled.bias.zero_()  # xi~ without spread: nothing of the person is left, Eq. (6)
        first, second = (network(torch.randn(1, 3), torch.zeros(1, 52)) for _ in range(2))
    assert one.shape == (1, 4)
    torch.testing.assert_close(first, second, atol=0.05, rtol=0.0)
