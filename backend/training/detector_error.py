"""Learns how wrong the landmark network is: residuals on renders whose true landmarks are known."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..config import assets_dir
from ..face_model.base import FaceModel
from ..face_model.load import load_face_model
from ..fitting.detector_error import FILE_NAME, DetectorError
from ..fitting.face_frame import in_face_frame
from ..fitting.landmark_basis import LandmarkBasis
from ..fitting.landmark_symmetry import mirror_478
from ..fitting.pose import angles_from_rotation
from ..mesh.landmark_schemes import LANDMARKS_478
from .samples import Detector, Samples, SampleSettings, network_detector, render_samples

Array = NDArray[np.float64]


class DetectorErrorSettings(NamedTuple):
    """Yaw in degrees; ``overlap`` is how far each yaw range borrows from its neighbours; ``clip`` in robust
    standard deviations: failures of the network are the robust loss's business, not the covariance's."""

    renders: int = 2000
    seed: int = 7
    yaw_edges: tuple[float, ...] = (0.0, 12.0, 28.0, 90.0)
    overlap: float = 6.0
    rank: int = 60
    clip: float = 4.0


def residuals(model: FaceModel, samples: Samples) -> tuple[Array, Array]:
    """What the network says minus the truth, in the face's frame.

    Returns
    -------
    (n, 478, 2) mm, NaN for landmarks that the fit does not use; yaw (n,) degrees
    """
    basis = LandmarkBasis(model)
    result = np.full((len(samples.focal_px), LANDMARKS_478, 2), np.nan)
    yaw = np.empty(len(result))
    for k in range(len(result)):
        rotation, translation = samples.rotation[k], samples.translation_mm[k]
        points = basis.shape(samples.identity[k], samples.expression[k]).points
        angles = angles_from_rotation(rotation)
        frame = in_face_frame(
            points @ rotation.T + translation, samples.landmarks[k, basis.landmark], samples.camera(k), angles.roll
        )
        result[k, basis.landmark] = frame.residual
        yaw[k] = angles.yaw
    return result, yaw


def learn_detector_error(
    model: FaceModel,
    samples: Samples,
    settings: DetectorErrorSettings = DetectorErrorSettings(),  # noqa: B008
) -> DetectorError:
    """Second moments of the residuals about zero, by absolute yaw, as independent part plus low rank.

    About zero and not about the mean: what the network gets wrong on average on renders it may get right on photos,
    so that a bias counts as an uncertainty and is never subtracted. Mirrored residuals are used too.
    """
    error, yaw = residuals(model, samples)
    mirrored = error[:, mirror_478()] * [-1.0, 1.0]
    both = np.nan_to_num(np.concatenate([error, mirrored]).reshape(2 * len(error), -1))
    both_yaw = np.concatenate([yaw, -yaw])
    spread = 1.4826 * np.median(np.abs(both), 0)
    both = np.clip(both, -settings.clip * spread, settings.clip * spread)

    sd, low_rank = [], []
    for low, high in zip(settings.yaw_edges[:-1], settings.yaw_edges[1:]):
        chosen = both[(both_yaw >= low - settings.overlap) & (both_yaw < high + settings.overlap)]
        _, singular, right = np.linalg.svd(chosen / np.sqrt(len(chosen)), full_matrices=False)
        rank = min(settings.rank, len(singular))
        modes = right[:rank] * singular[:rank, None]
        rest = np.maximum((chosen**2).mean(0) - (modes**2).sum(0), 0.0)
        padded = np.zeros((settings.rank, chosen.shape[1]))
        padded[:rank] = modes
        sd.append(np.sqrt(rest).reshape(LANDMARKS_478, 2))
        low_rank.append(padded.T.reshape(LANDMARKS_478, 2, settings.rank))
    return DetectorError(np.array(settings.yaw_edges), np.array(sd), np.array(low_rank), len(error))


def build_detector_error(
    model: FaceModel,
    out: Path | None = None,
    detector: Detector | None = None,
    settings: DetectorErrorSettings = DetectorErrorSettings(),  # noqa: B008
    progress: Callable[[float], None] | None = None,
) -> DetectorError:
    """Render, detect, learn and, where ``out`` is given, write: the whole of it for one model."""
    detector = detector or network_detector()
    samples = render_samples(model, detector, settings.renders, settings.seed, SampleSettings(), progress)
    learned = learn_detector_error(model, samples, settings)
    if out is not None:
        learned.save(out)
    return learned


def main() -> None:
    """Learn the landmark network's error: ``python -m facewright.training.detector_error``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--model", type=Path, help="face model file (the built-in one where not given)")
    parser.add_argument("-o", "--output", type=Path, default=assets_dir() / FILE_NAME)
    options = parser.parse_args()
    build_detector_error(load_face_model(options.model), options.output)


if __name__ == "__main__":
    main()
