"""A small report with invented numbers, for tests of everything that writes reports."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from facewright.evaluation.case import Case, Truth
from facewright.evaluation.report.contents import (
    Curve,
    Failure,
    MetricSummary,
    NameSummary,
    Paired,
    Pooled,
    Report,
    TableCell,
    file_stem,
)
from facewright.evaluation.surface import Surface, checked_surface
from facewright.fitting.camera import Camera

NAMES = ("ours", "a <b>program</b> & \"co\"", "mean")
METRICS = ("cd", "mne", "cr", "now_median", "region_nose", "region_mouth")
CAMERA = Camera.centred((96, 96), 160.0)
HEAD_CENTRE = np.array([0.0, 0.0, -460.0])


def face_surface(columns: int = 25) -> Surface:
    """The front of an ellipsoid as large as a face, 460 mm before the camera; counter-clockwise from outside."""
    rows = columns + 4
    v, u = (a.ravel() for a in np.mgrid[:rows, :columns])
    around, up = np.pi * (0.05 + 0.9 * u / (columns - 1)) - np.pi / 2, np.pi * (v / (rows - 1) - 0.5) * 0.85
    vertices = np.stack([70 * np.sin(around) * np.cos(up), 95 * np.sin(up), 90 * np.cos(around) * np.cos(up)], 1)
    r, c = (a.ravel() for a in np.mgrid[: rows - 1, : columns - 1])
    first = r * columns + c
    next_row = first + columns
    triangles = np.concatenate(
        [np.stack([first, first + 1, next_row + 1], 1), np.stack([first, next_row + 1, next_row], 1)]
    )
    return checked_surface(vertices + HEAD_CENTRE, triangles, "The example face")


def seven_of(surface: Surface) -> np.ndarray:
    """Seven places at the front that lie about where NoW's landmarks do, (7, 3)."""
    wanted = np.array([[-44, 30], [-17, 30], [17, 30], [44, 30], [0, -12], [-25, -45], [25, -45]], np.float64)
    plane = surface.vertices[:, :2] - HEAD_CENTRE[:2]
    nearest = np.linalg.norm(plane[None] - wanted[:, None], axis=2).argmin(1)
    return np.array(surface.vertices[nearest])


def truth() -> Truth:
    """The example face as ground truth."""
    surface = face_surface()
    return Truth(surface, seven_of(surface), HEAD_CENTRE.copy(), np.eye(3), 88.0)


def example_report(folder: Path) -> Report:
    """Four images of two subjects, three names (one with HTML in it), one failure; pairs/ lies in ``folder``."""
    rng = np.random.default_rng(5)
    cases = []
    for index in range(4):
        image = folder / f"photo_{index}.png"
        cv2.imwrite(str(image), np.full((96, 96, 3), 60 + 30 * index, np.uint8))
        tags = {"focal": f"{(50, 85)[index % 2]} mm", "light": "<studio>"}
        subject = f"s{index // 2}"
        cases.append(Case(f"{subject}/img_{index}", subject, image, CAMERA, truth, False, 18.0 * index, tags))
    failures = (Failure(cases[3].id, NAMES[1], "There is no result: neither <x>.obj nor a head bundle."),)
    failed = {(failure.id, failure.name) for failure in failures}
    scores: dict[str, dict[str, dict[str, float]]] = {case.id: {} for case in cases}
    surface = face_surface()
    report_pairs = folder / "pairs"
    for case in cases:
        for rank, name in enumerate(NAMES):
            if (case.id, name) in failed:
                continue
            scale = 1.0 + 0.25 * rank
            values = {metric: round(float(scale * rng.uniform(1.0, 2.0)), 6) for metric in METRICS}
            scores[case.id][name] = values | {"cr": round(0.95 / scale, 6), "mne": round(0.06 * scale, 6)}
            file = report_pairs / file_stem(name) / f"{file_stem(case.id)}.npz"
            file.parent.mkdir(parents=True, exist_ok=True)
            radius = np.full((256, 256), np.nan, np.float32)
            radius[60:190, 64:192] = 85.0
            np.savez_compressed(
                file,
                points=surface.vertices.astype(np.float32),
                distance=(scale * np.abs(rng.normal(0, 1.5, len(surface.vertices)))).astype(np.float32),
                metrical_distance=(scale * np.abs(rng.normal(0, 2.0, len(surface.vertices)))).astype(np.float32),
                cylinder_truth=radius,
                cylinder_error=np.where(np.isfinite(radius), scale, np.nan).astype(np.float16),
            )
    summary = {name: _summary(scores, name, len(cases)) for name in NAMES}
    curve_x = tuple(float(x) for x in np.linspace(0, 7, 15))
    curves = {
        name: Curve(curve_x, tuple(float(1 - np.exp(-x / (1 + rank))) for x in curve_x), 0.8 - 0.1 * rank)
        for rank, name in enumerate(NAMES)
    }
    tables = {
        kind: tuple(
            _cell(group, metric, rank) for group in groups for metric in chosen for rank in range(len(NAMES))
        )
        for kind, groups, chosen in (
            ("yaw", ("0 to 10°", "10 to 25°"), ("now_median", "cd")),
            ("focal", ("50 mm", "85 mm"), ("now_median", "cd")),
            ("light", ("<studio>",), ("now_median", "cd")),
            ("region", ("nose", "mouth"), ("region",)),
        )
    }  # fmt: skip
    return Report(
        data={"name": "example", "folder": "example", "note": "Invented numbers.", "images": 4, "subjects": 2,
              "protocols": ["facescape", "now"]},
        settings={"samples": 5000, "seed": 0},
        names=NAMES,
        reference="mean",
        cases=tuple(cases),
        scores=scores,
        summary=summary,
        tables=tables,
        paired=tuple(_paired(name, metric) for name in NAMES[:2] for metric in METRICS),
        curves={"now": curves, "metrical": curves},
        failures=failures,
        pairs=report_pairs,
    )  # fmt: skip


def _summary(scores: dict[str, dict[str, dict[str, float]]], name: str, images: int) -> NameSummary:
    rows = [row[name] for row in scores.values() if name in row]
    metrics = {}
    for metric in METRICS:
        values = np.array([row[metric] for row in rows])
        metrics[metric] = MetricSummary(
            float(values.mean()), float(np.median(values)), float(values.std()), len(values),
            (float(values.min()), float(values.max())),
        )  # fmt: skip
    pooled = {kind: Pooled(1.1, 1.4, 1.2, 2900) for kind in ("now", "metrical")}
    return NameSummary(images, len(rows), metrics, pooled)


def _cell(group: str, metric: str, rank: int) -> TableCell:
    paired = None if NAMES[rank] == "mean" else _paired(NAMES[rank], metric)
    return TableCell(group, metric, NAMES[rank], 2, 1.0 + rank, (0.5, 1.5 + rank), paired)


def _paired(name: str, metric: str) -> Paired:
    shared = 3 if name == NAMES[1] else 4  # it failed on the fourth image
    removed = (None, None) if metric == "cr" else (0.18, (0.06, 0.29))
    return Paired(name, "mean", metric, shared, -0.31, (-0.52, -0.11), 0.82, (0.71, 0.94), 3, *removed)
