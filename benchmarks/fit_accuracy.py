"""How near the coarse fit comes to heads of known shape: NoW-style distances, normals, and the mean face beside it.

    python benchmarks/fit_accuracy.py DATA [--subjects dev08 dev09 ...] [--model FILE] [--json OUT]

The data are folders with ``image.png``, ``camera.json`` (K, width, height), ``gt.npz`` (vertices in mm in the
camera's frame, faces) and ``landmarks.json`` (NoW's seven points on the true surface). Protocol: align by the seven
points with scale, refine scale, rotation and translation so that the squared distances from points spread
evenly over the true surface to the fitted one become least, report the distances; "metrical" is the same
without scale. Normal error: true angle between the true normal and that of the nearest place.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import igl
import numpy as np
from facewright.face_model.base import FaceModel
from facewright.face_model.load import load_face_model
from facewright.fitting.coarse import Fit, FitSettings, fit_landmarks
from facewright.fitting.detector_error import DetectorError
from facewright.fitting.pose import angles_from_rotation
from facewright.photo.landmarks import LandmarkDetector
from numpy.typing import NDArray

Array = NDArray[np.float64]
NOW_LANDMARKS = (33, 133, 362, 263, 2, 61, 291)  # in the order of landmarks.json


class Truth(NamedTuple):
    """One rendered photograph with its geometry; mm, camera frame."""

    name: str
    pixels: NDArray[np.uint8]
    focal_px: float
    points: Array
    normals: Array
    seven: Array
    yaw: float


class Score(NamedTuple):
    """Distances in mm, angle in degrees."""

    median: float
    mean: float
    normal_degrees: float
    metrical_median: float
    metrical_mean: float


def spread_points(vertices: Array, faces: NDArray[np.int64], count: int = 5000) -> tuple[Array, Array]:
    """Points spread evenly over a surface, (count, 3), and its normals there.

    A mesh's own vertices crowd at nostrils, lids and lips; a scan's do not. Deterministic.
    """
    corner = vertices[faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    area = np.linalg.norm(normal, axis=1)
    ends = np.cumsum(area)
    chosen = np.searchsorted(ends, (np.arange(count) + 0.5) / count * ends[-1])
    root, second = np.sqrt(np.random.default_rng(0).random((2, count))) ** [[1.0], [2.0]]
    weights = np.stack([1.0 - root, root * (1.0 - second), root * second], 1)
    smooth = igl.per_vertex_normals(vertices, faces)
    directions = np.einsum("nci,nc->ni", smooth[faces[chosen]], weights)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return np.einsum("nci,nc->ni", corner[chosen], weights), directions


def read_truth(folder: Path) -> Truth:
    """Read one folder."""
    with np.load(folder / "gt.npz", allow_pickle=False) as data:
        vertices, faces = data["vertices"].astype(np.float64), data["faces"].astype(np.int64)
    camera = json.loads((folder / "camera.json").read_text())
    seven = json.loads((folder / "landmarks.json").read_text())["points"]
    meta = json.loads((folder / "meta.json").read_text())
    points, normals = spread_points(vertices, faces)
    return Truth(
        folder.name,
        cv2.cvtColor(cv2.imread(str(folder / "image.png")), cv2.COLOR_BGR2RGB),
        camera["K"][0][0],
        points,
        normals,
        np.array(seven, dtype=np.float64),
        float(meta["yaw"]),
    )


def similarity(source: Array, target: Array, scaled: bool) -> tuple[float, Array, Array]:
    """Umeyama 1991: s, R, t that minimise |s R source + t - target|^2."""
    a, b = source - source.mean(0), target - target.mean(0)
    left, singular, right = np.linalg.svd(b.T @ a)
    sign = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    rotation = (left * sign) @ right
    scale = float((singular * sign).sum() / (a**2).sum()) if scaled else 1.0
    return scale, rotation, target.mean(0) - scale * rotation @ source.mean(0)


def score_surface(truth: Truth, vertices: Array, triangles: NDArray[np.int64], seven: Array) -> Score:
    """Compare a surface in the camera frame with the truth, with and without scale."""
    found = {}
    for scaled in (True, False):
        scale, rotation, translation = similarity(truth.seven, seven, scaled)
        moved = scale * truth.points @ rotation.T + translation
        turned = truth.normals @ rotation.T
        for _ in range(10):
            squared, face, nearest = igl.point_mesh_squared_distance(moved, vertices, triangles)[:3]
            away = moved - nearest
            distance = np.sqrt(squared)
            direction = away / np.maximum(distance, 1e-9)[:, None]
            # Distance to the surface under a small similarity: direction . (omega x p + t + s p).
            centre = moved.mean(0)
            arm = moved - centre
            jacobian = np.column_stack([np.cross(arm, direction), direction, (arm * direction).sum(1)])
            step = np.zeros(7)
            used = 7 if scaled else 6
            step[:used] = np.linalg.lstsq(jacobian[:, :used], -distance, rcond=None)[0]
            turn = cv2.Rodrigues(step[:3])[0]
            moved = (1.0 + step[6]) * arm @ turn.T + centre + step[3:6]
            scale *= 1.0 + step[6]
            turned = turned @ turn.T
            if np.abs(step[:6]).max() < 1e-4:
                break
        squared, face, _ = igl.point_mesh_squared_distance(moved, vertices, triangles)[:3]
        corner = vertices[triangles[face]]
        normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)
        angle = np.degrees(np.arccos(np.clip((normal * turned).sum(1), -1, 1)))
        # Millimetres of the truth, not of the aligned copy.
        found[scaled] = np.sqrt(squared) / scale, float(angle.mean())
    relative, absolute = found[True][0], found[False][0]
    return Score(
        float(np.median(relative)), float(relative.mean()), found[True][1],
        float(np.median(absolute)), float(absolute.mean()),
    )  # fmt: skip


def posed(model: FaceModel, fit: Fit, identity: Array, expression: Array) -> tuple[Array, NDArray[np.int64], Array]:
    """Skin and eyeballs in the camera frame: vertices, triangles, NoW's seven points."""
    vertices = model.neutral(identity) + np.tensordot(expression, model.blendshapes(identity), 1)
    vertices = vertices @ fit.rotation.T + fit.translation_mm
    triangles = np.concatenate([model.topology.triangles(name)[0] for name in ("skin", "eye")]).astype(np.int64)
    rows = [int(np.flatnonzero(model.embedding.landmark == k)[0]) for k in NOW_LANDMARKS]
    return vertices, triangles, model.embedding.points(vertices)[rows]


def measure(
    model: FaceModel,
    truths: list[Truth],
    landmarks: list[tuple[Array, dict[str, Array]]],
    settings: FitSettings,
    detector_error: DetectorError | None = None,
    know_focal: bool = True,
) -> list[dict[str, Any]]:
    """Fit every photograph; scores of the fit and of the mean face in the fit's pose."""
    rows = []
    for truth, (points, iris) in zip(truths, landmarks):
        height, width = truth.pixels.shape[:2]
        began = time.perf_counter()
        focal = truth.focal_px if know_focal else None
        fit = fit_landmarks(model, points, iris, (width, height), focal, settings, detector_error)
        seconds = time.perf_counter() - began
        fitted = score_surface(truth, *posed(model, fit, fit.identity, fit.expression))
        mean = score_surface(truth, *posed(model, fit, 0 * fit.identity, 0 * fit.expression))
        rows.append(
            {
                "name": truth.name, "yaw": truth.yaw, "seconds": seconds, "iterations": fit.iterations,
                "fit": fitted._asdict(), "mean_face": mean._asdict(), "residual_relative": fit.residual_relative,
                "focal_ratio": fit.camera.fx / truth.focal_px, "pitch": angles_from_rotation(fit.rotation).pitch,
                "identity_norm": float(np.linalg.norm(fit.identity)), "expression_sum": float(fit.expression.sum()),
            }
        )  # fmt: skip
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Plain text: means over photographs, by yaw, and a paired interval of the ratio to the mean face."""
    lines = [f"{'':10} {'n':>3} {'median':>13} {'mean':>13} {'normals':>13} {'metrical':>13}   fit / mean face"]
    yaw = np.abs([row["yaw"] for row in rows])
    groups = {"all": yaw >= 0, "yaw <= 10": yaw <= 10, "10 to 28": (yaw > 10) & (yaw <= 28), "yaw > 28": yaw > 28}
    for name, chosen in groups.items():
        part = [row for row, use in zip(rows, chosen) if use]
        if not part:
            continue
        cells = [
            "/".join(f"{np.mean([row[which][key] for row in part]):6.3f}" for which in ("fit", "mean_face"))
            for key in ("median", "mean", "normal_degrees", "metrical_median")
        ]
        lines.append(f"{name:10} {len(part):3d} " + " ".join(cells))
    subject = np.array([row["name"].split("_")[0] for row in rows])
    people = np.unique(subject)
    fit, mean = (np.array([row[which]["median"] for row in rows]) for which in ("fit", "mean_face"))
    sums = np.array([[fit[subject == p].mean(), mean[subject == p].mean()] for p in people])
    rng = np.random.default_rng(0)
    ratios = [np.divide(*sums[rng.integers(0, len(people), len(people))].sum(0)) for _ in range(2000)]
    low, high = np.percentile(ratios, [2.5, 97.5])
    lines.append(
        f"ratio to the mean face {fit.mean() / mean.mean():.3f}, 95 % interval over people {low:.3f} to {high:.3f}"
    )
    lines.append(
        f"landmark residual {100 * np.mean([row['residual_relative'] for row in rows]):.2f} % of the outer canthi, "
        f"{1000 * np.median([row['seconds'] for row in rows]):.0f} ms, "
        f"{np.mean([row['iterations'] for row in rows]):.1f} iterations"
    )
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--subjects", nargs="*", help="prefixes of folder names (all where not given)")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--unknown-focal", action="store_true", help="let the fit estimate the focal length")
    parser.add_argument("--json", type=Path, help="write every row here")
    options = parser.parse_args()
    folders = sorted(p.parent for p in options.data.glob("*/gt.npz"))
    if options.subjects:
        folders = [f for f in folders if f.name.startswith(tuple(options.subjects))]
    truths = [read_truth(folder) for folder in folders]
    detector = LandmarkDetector()
    faces = [detector.faces(truth.pixels)[0] for truth in truths]
    landmarks = [(np.asarray(face.landmarks, np.float64), face.iris) for face in faces]
    model = load_face_model(options.model)
    rows = measure(model, truths, landmarks, FitSettings(), know_focal=not options.unknown_focal)
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
