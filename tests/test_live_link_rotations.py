"""Which way recorded angles turn head and eyes. Axes: x to the subject's left, -y out of the face, z up."""

from __future__ import annotations

import numpy as np
import pytest
from live_link_takes import speech, take_lines, write_take

from blender_addon.live_link.rotations import (
    APP,
    continuous,
    eye_columns,
    eye_rotations,
    gaze_weights,
    head_rotations,
    multiply,
    part_of,
)
from blender_addon.live_link.take import Take, read_take

FORWARD, LEFT, UP = np.array([0.0, -1.0, 0.0]), np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, 1.0])
NO_FLIPS = (False, False, False)


def turned(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """(T, 3) where a direction goes."""
    pure = np.concatenate([np.zeros((len(q), 1)), np.repeat(v[None], len(q), 0)], 1)
    return multiply(multiply(q, pure), q * [1, -1, -1, -1])[:, 1:]


def head(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, flips: tuple = NO_FLIPS) -> np.ndarray:
    return head_rotations(np.array([[yaw, pitch, roll]]), flips)


@pytest.fixture(scope="module")
def take(tmp_path_factory: pytest.TempPathFactory) -> Take:
    return read_take(write_take(tmp_path_factory.mktemp("t") / "take.csv", take_lines(*speech(4.0))))


def test_head_signs() -> None:
    assert turned(head(yaw=0.3), FORWARD)[0] @ LEFT == pytest.approx(np.sin(0.3))
    assert turned(head(pitch=0.3), FORWARD)[0] @ UP == pytest.approx(np.sin(0.3))
    assert turned(head(roll=0.3), UP)[0] @ LEFT == pytest.approx(-np.sin(0.3))  # crown to the right shoulder
    assert head()[0] == pytest.approx([1, 0, 0, 0])


def test_flips() -> None:
    for k, name in enumerate(("pitch", "yaw", "roll")):
        flips = tuple(i == k for i in range(3))
        assert head(**{name: 0.3}, flips=flips)[0] == pytest.approx(head(**{name: -0.3})[0])


def test_turn_comes_before_nod() -> None:
    gaze = turned(head(yaw=np.pi / 2, pitch=0.4), FORWARD)[0]
    assert gaze == pytest.approx(np.cos(0.4) * LEFT + np.sin(0.4) * UP)


def test_eyes_look_where_their_shapes_look(take: Take) -> None:
    left, right = eye_rotations(take)
    weights = gaze_weights(take.weights)
    assert eye_columns(take).yaw_sign == APP.yaw_sign
    for q, looks in zip((left, right), weights):
        direction = turned(q, FORWARD)
        assert np.corrcoef(direction @ LEFT, looks[:, 0])[0, 1] > 0.99
        assert np.corrcoef(direction @ UP, looks[:, 1])[0, 1] > 0.99


def test_eye_columns_of_another_program_are_found(take: Take) -> None:
    t = np.linspace(0, 4, len(take.seconds))
    weights = take.weights.copy()
    # The left eye looks further than the right one, so that the sides can be told apart.
    weights[:, 2:4] *= 1.6
    gaze_left, gaze_right = gaze_weights(weights)
    noise = 0.002 * np.sin(40 * t)
    angles = [np.stack([0.6 * g[:, 0] + noise, 0.6 * g[:, 1], 0 * t], 1) for g in (gaze_left, gaze_right)]
    other = take._replace(weights=weights, left_eye=angles[0], right_eye=angles[1])
    assert eye_columns(other) == (False, 1.0, -1.0)
    app = take._replace(weights=weights, left_eye=-angles[1], right_eye=-angles[0])
    assert eye_columns(app) == APP


def test_still_eyes_take_the_apps_way(take: Take) -> None:
    still = take._replace(weights=np.zeros_like(take.weights))
    assert eye_columns(still) == APP
    assert eye_rotations(take._replace(left_eye=None)) is None


def test_lost_rows_do_not_disturb(take: Take) -> None:
    eyes = [eye.copy() for eye in (take.left_eye, take.right_eye)]
    weights = take.weights.copy()
    for array in (*eyes, weights):
        array[20:40] = np.nan
    assert eye_columns(take._replace(weights=weights, left_eye=eyes[0], right_eye=eyes[1])) == eye_columns(take)


def test_parts_of_a_turn_make_the_whole() -> None:
    rng = np.random.default_rng(7)
    q = head_rotations(rng.uniform(-1.2, 1.2, (50, 3)), NO_FLIPS)
    whole = multiply(part_of(q, 0.4), part_of(q, 0.6))
    assert np.abs((whole * q).sum(1)) == pytest.approx(1.0, abs=1e-12)
    assert part_of(q, 0.0)[:, 0] == pytest.approx(1.0) and part_of(np.array([[1.0, 0, 0, 0]]), 0.3)[0, 0] == 1.0


def test_signs_are_made_continuous() -> None:
    q = head_rotations(np.stack([np.linspace(0, 7, 100), np.zeros(100), np.zeros(100)], 1), NO_FLIPS)
    mixed = q * np.where(np.random.default_rng(8).random(100) < 0.5, -1, 1)[:, None]
    steps = np.linalg.norm(np.diff(continuous(mixed), axis=0), axis=1)
    assert steps.max() < 0.05
