"""NoW (Sanyal et al. 2019): photographs of 100 people and one neutral scan of each, validation part (20 people).

    NoW_Dataset/imagepathsvalidation.txt                  one photograph a line, <subject>/<challenge>/<photo>.jpg
    .../iphone_pictures/<subject>/<challenge>/<photo>.jpg optional; challenges are multiview_neutral,
                                                          multiview_expressions, multiview_occlusions, selfie
    .../scans/<subject>/*.obj                             one scan, millimetres, a frame of its own
    .../scans_lmks_onlypp/<subject>/*.pp                  its seven landmarks, MeshLab's picked points

Folders lie in NoW_Dataset or in NoW_Dataset/final_release_version; both are looked at. Read off the official
compute_error.py and README of github.com/soubhiksanyal/now_evaluation. The scan shows the neutral face whatever the
photograph shows, so neutralised meshes are compared. The scans of the test part are not published.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath

from ...errors import DataSetInvalid, reason_of
from ..case import Case, DataSet, Truth
from .files import only_file, refuse_incomplete, true_surface
from .landmark_files import outer_eye_distance, read_picked_points

KIND = "now"
LIST = "imagepathsvalidation.txt"
_TEST_LIST = "imagepathstest.txt"
_RELEASE = "final_release_version"


def recognises(folder: Path) -> bool:
    """Whether one of NoW's lists of photographs is here."""
    return any(_place(folder, name) is not None for name in (LIST, _TEST_LIST))


def open_now(folder: Path) -> DataSet:
    """NoW's validation part. Raises DataSetInvalid: list, scans, landmarks or listed photographs are missing."""
    path = _place(folder, LIST)
    if path is None:
        why = ": the scans of the test part are not published" if _place(folder, _TEST_LIST) else ""
        raise DataSetInvalid(f"The NoW data set {folder} lacks {LIST}{why}.")
    listed = _listed(path)
    scans, landmarks, pictures = (
        _place(folder, name) for name in ("scans", "scans_lmks_onlypp", "iphone_pictures")
    )
    missing = [name for name, place in (("scans", scans), ("scans_lmks_onlypp", landmarks)) if place is None]
    if pictures is not None:
        missing += [f"iphone_pictures/{name}" for name in listed if not (pictures / name).is_file()]
    refuse_incomplete(folder, "NoW data set", missing, len(listed))
    assert scans is not None and landmarks is not None
    truths = {
        subject: partial(
            _truth, only_file(scans / subject, (".obj",), "scan"), only_file(landmarks / subject, (".pp",), "file")
        )
        for subject in sorted({name.parts[0] for name in listed})
    }
    cases = tuple(
        Case(
            name.with_suffix("").as_posix(),
            name.parts[0],
            None if pictures is None else pictures / name,
            None,
            truths[name.parts[0]],
            neutral_truth=True,
            tags={"challenge": name.parts[1]},
        )
        for name in listed
    )
    return DataSet("NoW", folder, cases, ("now", "dense"), "Validation part.")


def _place(folder: Path, name: str) -> Path | None:
    return next((place / name for place in (folder, folder / _RELEASE) if (place / name).exists()), None)


def _listed(path: Path) -> list[PurePosixPath]:
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise DataSetInvalid(f"{path} cannot be read: {reason_of(error)}.") from error
    found = []
    for line in filter(None, (line.strip() for line in lines)):
        parts = PurePosixPath(line).parts[-3:]
        if len(parts) < 3 or ".." in parts:
            raise DataSetInvalid(f"{path} should list subject/challenge/photo, and it lists {line!r}.")
        found.append(PurePosixPath(*parts))
    return found


def _truth(scan: Path, points: Path) -> Truth:
    seven = read_picked_points(points)
    return Truth(true_surface(scan), seven, None, None, outer_eye_distance(seven, points))
