"""Synthetic takes for tests, in exactly the layout that the app Live Link Face writes.

The layout was read off takes of the app: one header line, PascalCase names in the app's own order (jawRight
before jawLeft, mouthRight before mouthLeft), ``BlendShapeCount`` 61, ten decimals, timecodes ``HH:MM:SS:FF.sss``
that count 60 frames a second, Unix line ends. The values are made here; no recording of a person is in
this repository.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from blender_addon.backend_door import ARKIT_NAMES

_SWAPPED = {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
APP_ORDER = tuple(_SWAPPED.get(name, name) for name in ARKIT_NAMES)
ANGLES = ("Yaw", "Pitch", "Roll")
ANGLE_COLUMNS = tuple(part + angle for part in ("Head", "LeftEye", "RightEye") for angle in ANGLES)


def pascal(name: str) -> str:
    """The app's spelling of an ARKit name."""
    return name[0].upper() + name[1:]


HEADER = ",".join(["Timecode", "BlendShapeCount", *map(pascal, APP_ORDER), *ANGLE_COLUMNS])


def timecode(row: int, step: int = 1, start: int = (12 * 3600 + 27 * 60 + 47) * 60 + 47) -> str:
    """Of a row, ``step`` sixtieths of a second after the one before."""
    seconds, frame = divmod(start + row * step, 60)
    return f"{seconds // 3600 % 24:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{frame:02d}.169"


def take_lines(
    channels: dict[str, np.ndarray], angles: dict[str, np.ndarray] | None = None, step: int = 1
) -> list[str]:
    """Header and rows. ``channels``: ARKit name -> (T,); ``angles``: column as HeadYaw -> (T,) radians."""
    angles = angles or {}
    rows = len(next(iter({**channels, **angles}.values())))
    still = np.zeros(rows)
    columns = [channels.get(name, still) for name in APP_ORDER]
    columns += [angles.get(name, still) for name in ANGLE_COLUMNS]
    lines = [HEADER]
    for row, values in enumerate(np.stack(columns, 1).tolist()):
        lines.append(f"{timecode(row, step)},61," + ",".join(f"{value:.10f}" for value in values))
    return lines


def write_take(path: Path, lines: list[str]) -> Path:
    """Write lines as the app does."""
    path.write_bytes(("\n".join(lines) + "\n").encode())
    return path


def bump(seconds: np.ndarray, middle: float, width: float) -> np.ndarray:
    """One raised cosine from 0 to 1 and back within ``width`` seconds, as a blink."""
    t = np.clip((seconds - middle) / width, -0.5, 0.5)
    return 0.5 + 0.5 * np.cos(2.0 * np.pi * t)


def speech(duration: float = 6.0, rate: float = 60.0) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Channels and angles of somebody who talks, blinks, smiles, looks about and turns the head."""
    t = np.arange(round(duration * rate) + 1) / rate
    ease = np.clip(t / 0.5, 0, 1) * np.clip((duration - t) / 0.5, 0, 1)
    jaw = ease * (0.22 + 0.2 * np.sin(2 * np.pi * 3.1 * t) * np.sin(2 * np.pi * 0.7 * t))
    blink = sum(bump(t, m, 0.2) for m in np.arange(0.8, duration, 1.7))
    gaze = ease * np.sin(2 * np.pi * t / duration)  # to the subject's left, then right
    smile = ease * np.clip(np.sin(np.pi * t / duration), 0, 1) ** 2
    channels = {
        "jawOpen": jaw, "mouthClose": 0.1 * jaw, "mouthFunnel": 0.3 * jaw * (np.sin(5 * t) > 0),
        "eyeBlinkLeft": blink, "eyeBlinkRight": 0.95 * blink,
        "eyeLookOutLeft": np.clip(0.5 * gaze, 0, None), "eyeLookInRight": np.clip(0.5 * gaze, 0, None),
        "eyeLookInLeft": np.clip(-0.5 * gaze, 0, None), "eyeLookOutRight": np.clip(-0.5 * gaze, 0, None),
        "eyeLookUpLeft": 0.2 * ease, "eyeLookUpRight": 0.2 * ease,
        "mouthSmileLeft": 0.7 * smile, "mouthSmileRight": 0.55 * smile, "browInnerUp": 0.4 * smile,
    }  # fmt: skip
    # The app's way: LeftEye* go with the shapes called Right, yaw to the subject's right, pitch down.
    angles = {
        "HeadYaw": 0.35 * gaze, "HeadPitch": 0.15 * np.sin(2 * np.pi * 0.5 * t) * ease, "HeadRoll": 0.1 * smile,
        "LeftEyeYaw": -0.3 * gaze, "RightEyeYaw": -0.3 * gaze, "LeftEyePitch": -0.12 * ease,
        "RightEyePitch": -0.12 * ease,
    }  # fmt: skip
    return channels, angles
