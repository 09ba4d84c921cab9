"""Blender as a renderer in a process of its own; see ``blender_addon/cli_render.py`` for what is said."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import FaceError
from ...fitting.camera import Camera
from ...head.blender_export import ADDON, blender_environment, require_blender
from ...head.npz import npz_bytes
from .lights import Light
from .plan import Shot
from .subject import Person

Array = NDArray[np.float64]
EXPOSURE = 0.25
"""As blender_addon/cli_render.py has it."""


class Renderer:
    """A running Blender; made by ``open_renderer``."""

    def __init__(self, process: subprocess.Popen[str], log: Path, threads: int) -> None:
        """``log``: where the process writes what it says on stderr."""
        self._process, self._log, self._threads = process, log, threads

    def picture(self, request: Mapping[str, Any]) -> NDArray[np.uint16]:
        """(H, W, 4) RGBA: linear light times EXPOSURE, of one request. Raises FaceError."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({**request, "threads": self._threads}) + "\n")
            self._process.stdin.flush()
        except OSError as error:
            raise self._failure() from error
        if not self._process.stdout.readline():
            raise self._failure()
        path = Path(request["out"])
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
        path.unlink()
        if pixels is None or pixels.dtype != np.uint16 or pixels.shape[2:] != (4,):
            raise FaceError("Blender wrote a picture that cannot be read.")
        return np.ascontiguousarray(pixels[..., [2, 1, 0, 3]]).astype(np.uint16)

    def _failure(self) -> FaceError:
        code = self._process.wait()
        said = [line.strip() for line in self._log.read_text(errors="replace").splitlines() if line.strip()]
        return FaceError(said[-1] if said and code == 1 else f"Blender stopped with code {code}.")


@contextmanager
def open_renderer(threads: int) -> Iterator[Renderer]:
    """Start Blender, and stop it at the end. ``threads``: of Cycles, 0 for all.

    Raises MissingDependency where Blender's module or the add-on is not installed.
    """
    place = require_blender()
    with tempfile.TemporaryDirectory(prefix="facewright-") as user:
        log = Path(user) / "log.txt"
        with log.open("w") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", f"{ADDON}.cli_render"],
                env=blender_environment(user),
                cwd=place,  # "-m" looks there first, whatever lies where the user stands
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
        try:
            yield Renderer(process, log, threads)
        finally:
            process.kill()
            process.communicate()


def write_mesh(path: Path, person: Person, shown: Array) -> None:
    """What Blender reads of a posed person. Raises OSError."""
    arrays: dict[str, NDArray[Any]] = {
        "vertices": shown.astype(np.float32),
        "quads": person.quads.astype(np.int32),
        "uv": person.uv.astype(np.float32),
        "material": person.material,
    }
    path.write_bytes(npz_bytes(arrays))


def request_of(
    shot: Shot, person: Person, mesh: Path, light: Light, target_mm: Array, samples: int, out: Path
) -> dict[str, Any]:
    """What Blender is asked for one picture. ``target_mm`` (3,): what lamps point at, model space."""
    rotation = shot.rotation
    return {
        "mesh": str(mesh),
        "materials": list(person.materials),
        "textures": {name: str(path) for name, path in person.textures.items()},
        "roughness": person.roughness,
        "camera": {
            **camera_entry(shot.camera),
            "rotation": rotation.tolist(),
            "translation_mm": shot.translation_mm.tolist(),
        },
        "light": {
            "lamps": [
                # Lamps stand about the camera, which turns round the head.
                {**lamp._asdict(), "direction": (rotation.T @ lamp.direction).tolist()}
                for lamp in light.lamps
            ],
            "target_mm": target_mm.tolist(),
            "sky": list(light.sky),
            "ground": list(light.ground),
        },
        "samples": samples,
        "seed": 0,
        "out": str(out),
    }


def camera_entry(camera: Camera) -> dict[str, float]:
    """Size, focal lengths and principal point in pixels."""
    return {name: getattr(camera, name) for name in ("width", "height", "fx", "fy", "cx", "cy")}
