"""MICC Florence 2D/3D (Bagdanov et al. 2011): 53 people, neutral scans, videos in three settings.

    DATA/subject_01/Model/frontal1/obj/<number>.obj     as published: neutral scans, millimetres; frontal2 a second
    DATA/subject_01/Model/frontal1/landmarks.json       ours: {"points": 7 x 3}, NoW's landmarks on that scan, or
                          frontal1/obj/<number>.pp      the same as MeshLab's picked points
    DATA/subject_01/Indoor-Cooperative/*.jpg            frames of the published videos, likewise PTZ-Indoor and
                                                        PTZ-Outdoor

The set comes with videos instead of photographs and without landmarks, and every paper cut and marked its own, so
their numbers do not compare unless frames and landmarks are shared. The scan frontal1 is used, frontal2 where only
that is marked. Names of folders are as in published code that reads the set; they could not be checked against it.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataSetInvalid
from ..case import Case, DataSet, Truth
from .files import IMAGE_SUFFIXES, numbers, only_file, read_json, refuse_incomplete, true_surface
from .landmark_files import outer_eye_distance, read_picked_points

KIND = "florence"
SETTINGS = ("Indoor-Cooperative", "PTZ-Indoor", "PTZ-Outdoor")
SCANS = ("frontal1", "frontal2")


def recognises(folder: Path) -> bool:
    """Whether there are subjects with the published folders of scans."""
    return next(folder.glob("subject_*/Model/frontal*"), None) is not None


def open_florence(folder: Path) -> DataSet:
    """MICC Florence. Raises DataSetInvalid: frames, scans or landmarks are missing."""
    subjects = sorted(path for path in folder.glob("subject_*") if path.is_dir())
    frames = {
        subject: sorted(
            path
            for setting in SETTINGS
            for path in (subject / setting).glob("*")
            if path.suffix.lower() in IMAGE_SUFFIXES
        )
        for subject in subjects
    }
    shown = [subject for subject in subjects if frames[subject]]
    if subjects and not shown:
        raise DataSetInvalid(
            f"The Florence data set {folder} lacks frames of its videos, such as "
            f"{subjects[0].name}/{SETTINGS[0]}/0001.jpg."
        )
    marked = {subject: _marked_scan(subject) for subject in shown}
    missing = [f"{subject.name}/Model/{SCANS[0]}/landmarks.json" for subject in shown if marked[subject] is None]
    refuse_incomplete(folder, "Florence data set", missing, len(shown))
    cases = tuple(
        Case(
            path.relative_to(folder).with_suffix("").as_posix(),
            subject.name,
            path,
            None,
            partial(_truth, *scan),
            neutral_truth=True,
            tags={"setting": path.parent.name},
        )
        for subject, scan in marked.items()
        if scan is not None
        for path in frames[subject]
    )
    return DataSet("MICC Florence", folder, cases, ("now", "dense"))


def _marked_scan(subject: Path) -> tuple[Path, Path] | None:
    """A subject's scan and its landmarks."""
    for name in SCANS:
        place = subject / "Model" / name
        if (place / "landmarks.json").is_file():
            return only_file(place / "obj", (".obj",), "scan"), place / "landmarks.json"
        if next((place / "obj").glob("*.pp"), None) is not None:
            return only_file(place / "obj", (".obj",), "scan"), only_file(place / "obj", (".pp",), "file")
    return None


def _truth(scan: Path, points: Path) -> Truth:
    seven = read_picked_points(points) if points.suffix == ".pp" else _points_of_json(points)
    return Truth(true_surface(scan), seven, None, None, outer_eye_distance(seven, points))


def _points_of_json(path: Path) -> NDArray[np.float64]:
    content = read_json(path)
    return numbers(content.get("points") if isinstance(content, dict) else None, (7, 3), f"points in {path}")
