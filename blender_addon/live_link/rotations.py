"""Which way the angles of a take turn, as rotations of a head that looks along -Y.

The app documents no signs. They were read off recorded takes and off programs that follow the app live:

- Head: radians. Pitch is positive looking up, yaw turning to the subject's left, roll tilting the crown to the
  subject's right. With the phone held across (landscape) nod and turn come out the other way round, hence the
  three flips of the import.
- Eyes: radians, pitch positive looking down. In takes of the app the columns LeftEye* belong to the eye whose
  blendshapes are called Right, and yaw is positive towards the subject's right; other programs that write this
  file do it otherwise. A take can tell by itself: its eyeLook weights say where each eye looks. ``eye_columns``
  asks them, and takes the app's way where the eyes hardly move.

Left and right of blendshapes are always the subject's, as ARKit has them; nothing is mirrored.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backend_door import ARKIT_NAMES
from .take import Take

YAW, PITCH, ROLL = 0, 1, 2
# Below this the gaze hardly moves (standard deviation of eyeLook weights) and cannot tell signs.
TELLING_GAZE = 0.02


class EyeColumns(NamedTuple):
    """``swapped``: LeftEye* are the right eye's. Signs turn yaw and pitch into turns about Blender's Z and X."""

    swapped: bool
    yaw_sign: float
    pitch_sign: float


APP = EyeColumns(True, -1.0, 1.0)


def head_rotations(angles: NDArray[np.float64], flips: tuple[bool, bool, bool]) -> NDArray[np.float64]:
    """Unit quaternions (T, 4) w x y z of head angles (T, 3); NaN stay. ``flips``: nod, turn, tilt."""
    nod, turn, tilt = (-1.0 if flip else 1.0 for flip in flips)
    return _quaternions(-nod * angles[:, PITCH], turn * angles[:, YAW], tilt * angles[:, ROLL])


def eye_rotations(take: Take) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Unit quaternions (T, 4) of the subject's left and right eye relative to the head, or None."""
    if take.left_eye is None or take.right_eye is None:
        return None
    columns = eye_columns(take)
    pair = (take.right_eye, take.left_eye) if columns.swapped else (take.left_eye, take.right_eye)
    # An eyeball's roll is what is left over from the app's order of turns: it comes with yaw's sign.
    turned = [
        _quaternions(columns.pitch_sign * e[:, PITCH], columns.yaw_sign * e[:, YAW], columns.yaw_sign * e[:, ROLL])
        for e in pair
    ]
    return turned[0], turned[1]


def eye_columns(take: Take) -> EyeColumns:
    """Which columns are whose, and their signs, by the eyeLook weights of the same frames."""
    assert take.left_eye is not None and take.right_eye is not None
    left, right = gaze_weights(take.weights)
    seen = np.isfinite(left).all(1) & np.isfinite(take.left_eye).all(1) & np.isfinite(take.right_eye).all(1)
    if seen.sum() < 3:
        return APP
    up_down = _agreement(take.left_eye[seen, PITCH], left[seen, 1])
    pitch_sign = APP.pitch_sign if up_down == 0.0 else -np.sign(up_down)
    fits = {}
    for swapped, (first, second) in ((False, (left, right)), (True, (right, left))):
        fits[swapped] = _agreement(
            np.concatenate([take.left_eye[seen, YAW], take.right_eye[seen, YAW]]),
            np.concatenate([first[seen, 0], second[seen, 0]]),
        )
    swapped = abs(fits[True]) >= abs(fits[False])
    yaw_sign = APP.yaw_sign if fits[swapped] == 0.0 else np.sign(fits[swapped])
    return EyeColumns(bool(swapped), float(yaw_sign), float(pitch_sign))


def gaze_weights(weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where each eye looks by its blendshapes: (T, 2) to the subject's left and up, for the left and right eye."""
    look = {name[7:]: weights[:, k] for k, name in enumerate(ARKIT_NAMES) if name.startswith("eyeLook")}
    left = np.stack([look["OutLeft"] - look["InLeft"], look["UpLeft"] - look["DownLeft"]], 1)
    right = np.stack([look["InRight"] - look["OutRight"], look["UpRight"] - look["DownRight"]], 1)
    return left, right


def _agreement(angle: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """Correlation of angle and weight about zero, -1 to 1; 0 where the gaze hardly moves."""
    if weight.std() < TELLING_GAZE or angle.std() == 0.0:
        return 0.0
    return float(angle @ weight / np.sqrt((angle @ angle) * (weight @ weight)))


def _quaternions(
    down: NDArray[np.float64], left: NDArray[np.float64], right_tilt: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Turn left about Z, then down about X, then tilt to the subject's right about -Y, each in the turned frame.

    Blender's axes: x to the subject's left, -y out of the face, z up; radians. (T, 4) w x y z.
    """
    turn, nod, tilt = (_about(axis, angle) for axis, angle in (
        ((0.0, 0.0, 1.0), left), ((1.0, 0.0, 0.0), down), ((0.0, -1.0, 0.0), right_tilt),
    ))  # fmt: skip
    return multiply(multiply(turn, nod), tilt)


def _about(axis: tuple[float, float, float], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.concatenate([np.cos(angle / 2)[:, None], np.sin(angle / 2)[:, None] * np.array(axis)], 1)


def multiply(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hamilton product of quaternions (..., 4) w x y z: b's turn first, then a's."""
    w = a[..., :1] * b[..., :1] - (a[..., 1:] * b[..., 1:]).sum(-1, keepdims=True)
    v = a[..., :1] * b[..., 1:] + b[..., :1] * a[..., 1:] + np.cross(a[..., 1:], b[..., 1:])
    return np.concatenate([w, v], -1)


def conjugate(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """The opposite turn of unit quaternions (..., 4)."""
    return q * np.array([1.0, -1.0, -1.0, -1.0])


def continuous(q: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same turns (T, 4) with signs chosen so that neighbours lie close; starts with w >= 0."""
    flips = np.sign((q[1:] * q[:-1]).sum(1))
    signs = np.cumprod(np.concatenate([[1.0 if q[0, 0] >= 0 else -1.0], np.where(flips == 0, 1.0, flips)]))
    return q * signs[:, None]


def part_of(q: NDArray[np.float64], fraction: float) -> NDArray[np.float64]:
    """The turns (T, 4) by a fraction of their angles, about the same axes."""
    q = np.where(q[:, :1] < 0, -q, q)
    length = np.linalg.norm(q[:, 1:], axis=1)
    half = np.arctan2(length, q[:, 0])
    scale = np.where(length > 1e-12, np.sin(fraction * half) / np.maximum(length, 1e-12), fraction)
    return np.concatenate([np.cos(fraction * half)[:, None], scale[:, None] * q[:, 1:]], 1)
