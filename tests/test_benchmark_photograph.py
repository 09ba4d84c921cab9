"""From linear light to a photograph."""

from __future__ import annotations

import numpy as np
from facewright.evaluation.benchmark.lights import LIGHTS, Lamp, Light
from facewright.evaluation.benchmark.photograph import EVENED, head_mask, photograph
from facewright.head.shading import TO_LINEAR

QUIET = Light(
    (Lamp(0.0, 0.0, 1.0, 1.0, 1.0),), (0, 0, 0), (0, 0, 0), ((0.5, 0.5, 0.5),) * 2, exposure=0.4, noise=0.0
)


def rendered(value: float, size: int = 32) -> np.ndarray:
    """The left half is a head of this linear light, scaled by 0.25; nothing stands in the right half."""
    image = np.zeros((size, size, 4), np.uint16)
    image[:, : size // 2] = [round(value * 0.25 * 65535)] * 3 + [65535]
    return image


def linear_of(picture: np.ndarray) -> float:
    return float(TO_LINEAR[picture[8:-8, 4:12]].mean())


def test_light_of_the_expected_brightness_stays_as_it_is() -> None:
    assert abs(linear_of(photograph(rendered(0.4), 0.25, QUIET, 0)) - 0.4) < 0.005


def test_darker_skin_is_brightened_in_part() -> None:
    # gain = (0.4 / 0.1) ^ 0.4 = 1.741
    assert abs(linear_of(photograph(rendered(0.1), 0.25, QUIET, 0)) - 0.1 * 4.0**EVENED) < 0.005


def test_a_backdrop_stands_where_no_head_does() -> None:
    picture = photograph(rendered(0.4), 0.25, QUIET, 0)
    assert abs(float(picture[:, 20:].mean()) - 127.5) < 12.0
    mask = head_mask(rendered(0.4))
    assert (mask[:, :16] == 255).all() and (mask[:, 16:] == 0).all()


def test_white_balance_takes_most_of_a_tint_away() -> None:
    tint = np.array(LIGHTS["warm"].lamps[0].colour)
    image = rendered(1.0)
    image[:, :16, :3] = (0.3 * 0.25 * tint / tint.mean() * 65535).astype(np.uint16)
    seen = TO_LINEAR[photograph(image, 0.25, LIGHTS["warm"], 0)[8:-8, 4:12]].mean((0, 1))
    before, after = tint[0] / tint[2], seen[0] / seen[2]
    assert 1.0 < after < 0.7 * before


def test_noise_is_the_seed_s_and_nothing_else() -> None:
    one, two, other = (photograph(rendered(0.1), 0.25, LIGHTS["dim"], seed) for seed in (1, 1, 2))
    assert (one == two).all() and (one != other).any()


def test_an_empty_picture_is_backdrop() -> None:
    picture = photograph(np.zeros((16, 16, 4), np.uint16), 0.25, QUIET, 0)
    assert np.abs(picture.astype(int) - 128).max() < 30
