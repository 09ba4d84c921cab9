"""Stirling/ESRC as in the benchmark of Feng et al. (2018): photographs of good and poor quality, neutral scans.

    DATA/F_3D_N/ M_3D_N/        neutral scans of women and men, <scan>.obj, millimetres, as pics.stir.ac.uk has them
    DATA/annotations/F_3D_N/    <scan>.lnd, seven lines "number x y z" in NoW's order, and M_3D_N: the folder
                                ``annotations`` of github.com/patrikhuber/fg2018-competition
    DATA/HQ/ LQ/                photographs; a name starts with the person, such as F1001 in F1001_xyz.jpg

A scan belongs to the person that its name starts with (capital letters or not, up to the first "_"); of several the
shortest name counts. Annotations were looked at, and the order of points is that of the repository's
run_example.py; names of folders with photographs and scans are ours, since the archives could not be looked at. The
scan is neutral whatever the photograph shows.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ...errors import DataSetInvalid
from ..case import Case, DataSet, Truth
from .files import IMAGE_SUFFIXES, refuse_incomplete, true_surface
from .landmark_files import outer_eye_distance, read_numbered_points

KIND = "stirling"
SEXES = ("F_3D_N", "M_3D_N")
QUALITIES = ("HQ", "LQ")
_ANNOTATIONS = "annotations"


def recognises(folder: Path) -> bool:
    """Whether the benchmark's annotations are here, or its scans."""
    return any((folder / place / sex).is_dir() for sex in SEXES for place in ("", _ANNOTATIONS))


def open_stirling(folder: Path) -> DataSet:
    """The benchmark of 2018. Raises DataSetInvalid: annotations, scans or photographs are missing."""
    marks = {path.stem: path for sex in SEXES for path in sorted((folder / _ANNOTATIONS / sex).glob("*.lnd"))}
    scans = {path.stem: path for sex in SEXES for path in sorted((folder / sex).glob("*.obj"))}
    images = sorted(
        path
        for quality in QUALITIES
        for path in (folder / quality).glob("*")
        if path.suffix.lower() in IMAGE_SUFFIXES
    )
    groups = (
        (f"{_ANNOTATIONS}/*_3D_N/*.lnd", marks),
        ("scans in F_3D_N or M_3D_N", scans),
        ("photographs in HQ or LQ", images),
    )
    refuse_incomplete(folder, "Stirling data set", [name for name, found in groups if not found], len(images))
    chosen: dict[str, str] = {}
    for stem in sorted(scans, key=lambda name: (len(name), name)):
        chosen.setdefault(_person(stem), stem)
    lacking = sorted({f"a scan of {_person(p.stem)}" for p in images if _person(p.stem) not in chosen})
    used = sorted({chosen[_person(p.stem)] for p in images if _person(p.stem) in chosen})
    lacking += [f"{_ANNOTATIONS}/{scans[stem].parent.name}/{stem}.lnd" for stem in used if stem not in marks]
    refuse_incomplete(folder, "Stirling data set", lacking, len(images))
    cases = tuple(
        Case(
            f"{path.parent.name}/{path.stem}",
            _person(path.stem),
            path,
            None,
            partial(_truth, scans[chosen[_person(path.stem)]], marks[chosen[_person(path.stem)]]),
            neutral_truth=True,
            tags={"quality": path.parent.name},
        )
        for path in images
    )
    return DataSet("Stirling/ESRC", folder, cases, ("now", "dense"))


def _person(stem: str) -> str:
    person = stem.partition("_")[0].upper()
    if not person[:1].isalpha() or not person[1:2].isdecimal():
        raise DataSetInvalid(f"{stem} should start with a person's number, such as F1001.")
    return person


def _truth(scan: Path, points: Path) -> Truth:
    seven = read_numbered_points(points)
    return Truth(true_surface(scan), seven, None, None, outer_eye_distance(seven, points))
