"""What head.json says. Numbers are rounded to what they mean, so that a person can read the file.

Everything in it but ``timings`` follows from the photo, the settings and the versions: the same photo, settings and
versions give the same bytes. ``timings`` (seconds per stage, peak memory) is measured and differs from run to run.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..fitting.camera import Camera
from .bundle import FORMAT, FORMAT_VERSION
from .scale import HeadScale

PACKAGES = ("numpy", "scipy", "opencv-python-headless", "onnxruntime", "Pillow")


def versions() -> dict[str, str]:
    """Our version and those of what the numbers depend on; a package without metadata is left out."""
    found = {"facewright": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            # Inside Blender numpy is Blender's own and the wheels may come without metadata.
            continue
    return found


def head_of_record() -> dict[str, Any]:
    """The entries that every head.json starts with."""
    return {"format": FORMAT, "format_version": FORMAT_VERSION, "versions": versions()}


def rounded(values: NDArray[np.floating[Any]] | Sequence[float], decimals: int) -> list[Any]:
    """Nested lists of floats rounded to ``decimals``, without negative zeros."""
    array = np.round(np.asarray(values, np.float64), decimals) + 0.0
    result: list[Any] = array.tolist()
    return result


def settings_entry(settings: Any) -> dict[str, Any]:
    """A stage's frozen dataclass of settings as JSON values."""
    result: dict[str, Any] = json.loads(json.dumps(asdict(settings), allow_nan=False))
    return result


def camera_entry(camera: Camera, focal_source: str) -> dict[str, Any]:
    """``camera``: pixels to a thousandth; where the focal length comes from; its 35 mm equivalent."""
    return {
        "width": camera.width,
        "height": camera.height,
        **{name: round(float(getattr(camera, name)), 3) for name in ("fx", "fy", "cx", "cy")},
        "focal_length_35mm": round(camera.focal_length_35mm, 1),
        "focal_source": focal_source,
    }


def pose_entry(rotation: NDArray[np.float64], translation_mm: NDArray[np.float64]) -> dict[str, Any]:
    """``pose``: X_cam = rotation @ X_model + translation_mm."""
    return {"rotation": rounded(rotation, 8), "translation_mm": rounded(translation_mm, 4)}


def expression_entry(names: Sequence[str], weights: NDArray[np.float64]) -> dict[str, float]:
    """``expression``: every blendshape's weight in the photo."""
    return dict(zip(names, rounded(weights, 4), strict=True))


def residual_entry(residual_px: NDArray[np.float64], relative: float) -> dict[str, float]:
    """``residual``: distances between the photo's landmarks and the fitted head's, in pixels.

    ``relative`` is their mean divided by the distance between the outer corners of the eyes.
    """
    return {
        "mean_px": round(float(np.mean(residual_px)), 3),
        "median_px": round(float(np.median(residual_px)), 3),
        "p95_px": round(float(np.percentile(residual_px, 95)), 3),
        "max_px": round(float(np.max(residual_px)), 3),
        "relative": round(float(relative), 5),
    }


def scale_entry(scale: HeadScale) -> dict[str, Any]:
    """``scale``: the factor that gave the fitted head its likely real size; every file has it applied."""
    iris = scale.iris_diameter_mm
    return {
        "factor": round(scale.factor, 5),
        "relative_sd": round(scale.relative_sd, 4),
        "pupil_distance_mm": round(scale.pupil_distance_mm, 2),
        "iris_diameter_mm": None if iris is None else round(iris, 2),
        "source": scale.source,
    }


def timings_entry(seconds: Mapping[str, float], peak_memory_mb: float | None) -> dict[str, Any]:
    """``timings``: seconds per stage and the process's peak memory."""
    return {
        "seconds": {name: round(value, 3) for name, value in seconds.items()},
        "peak_memory_mb": peak_memory_mb,
    }
