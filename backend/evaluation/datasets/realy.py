"""REALY (Chai et al. 2022): 100 scans of LYHM cut into four regions, with 85 keypoints, and rendered photographs.

    DATA/REALY_HIFI3D_keypoints/<n>.obj                       85 vertices; n = 1 .. 100
    DATA/REALY_scan_region/<n>/nose.obj mouth.obj forehead.obj cheek.obj
    DATA/metrical_scale.txt                                   a line per scan, millimetres per unit of its files; of
                                                              the folder ``data`` of github.com/czh-98/REALY
    DATA/REALY_image/crop_image_frontal_512x512/<n>.jpg       optional; a case is called by its photograph's stem
    DATA/REALY_image/crop_image_<other>/<n>_<view>.jpg        optional; cases <folder>/<stem>

Without photographs cases are called 1 .. 100. Read off the official main.py and README; of REALY_image only the
first folder's name is known from published code. Everything is turned into millimetres.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataSetInvalid, reason_of
from ..case import Case, DataSet, Truth
from ..surface import Surface
from .files import IMAGE_SUFFIXES, numbers, read_table, refuse_incomplete, true_surface
from .landmark_files import outer_eye_distance

Array = NDArray[np.float64]
KIND = "realy"
REGIONS = ("nose", "mouth", "forehead", "cheek")
SEVEN_OF_85 = (36, 39, 42, 45, 33, 48, 54)  # NOW_LANDMARKS; the first 68 keypoints are iBUG's
_KEYPOINTS, _SCANS, _IMAGES, _SCALES = (
    "REALY_HIFI3D_keypoints",
    "REALY_scan_region",
    "REALY_image",
    "metrical_scale.txt",
)
_FRONTAL = "crop_image_frontal_512x512"


def recognises(folder: Path) -> bool:
    """Whether REALY's keypoints or regions are here."""
    return (folder / _KEYPOINTS).is_dir() or (folder / _SCANS).is_dir()


def open_realy(folder: Path) -> DataSet:
    """REALY. Raises DataSetInvalid: regions, keypoints or scales are missing, or photographs of unknown scans."""
    scans = sorted((p.stem for p in (folder / _KEYPOINTS).glob("*.obj") if p.stem.isdecimal()), key=int)
    missing = [] if scans else [f"{_KEYPOINTS}/1.obj"]
    missing += [
        f"{_SCANS}/{scan}/{region}.obj"
        for scan in scans
        for region in REGIONS
        if not (folder / _SCANS / scan / f"{region}.obj").is_file()
    ]
    if not (folder / _SCALES).is_file():
        missing.append(f"{_SCALES}, which lies in data of REALY's repository")
    refuse_incomplete(folder, "REALY data set", missing, len(scans))
    scales = read_table(folder / _SCALES, 1)[:, 0]
    if int(scans[-1]) > len(scales) or int(scans[0]) < 1:
        raise DataSetInvalid(f"{folder / _SCALES} has {len(scales)} lines, and there are keypoints of {scans[-1]}.")
    truths = {scan: partial(_truth, folder, scan, float(scales[int(scan) - 1])) for scan in scans}
    cases = []
    for name, image in _photographs(folder) or [(scan, None) for scan in scans]:
        scan = name.rpartition("/")[2].partition("_")[0]
        if scan not in truths:
            raise DataSetInvalid(
                f"The REALY data set {folder} has a photograph {name} of a scan that is not there."
            )
        view = name.partition("/")[0] if "/" in name else _FRONTAL
        cases.append(Case(name, scan, image, None, truths[scan], tags={"view": view}))
    return DataSet("REALY", folder, tuple(cases), ("realy", "now", "dense"))


def _photographs(folder: Path) -> list[tuple[str, Path | None]]:
    found: list[tuple[str, Path | None]] = []
    for place in sorted((folder / _IMAGES).glob("crop_image_*")):
        start = "" if place.name == _FRONTAL else f"{place.name}/"
        paths = [p for p in place.glob("*") if p.suffix.lower() in IMAGE_SUFFIXES]
        found += [(start + path.stem, path) for path in sorted(paths, key=_number)]
    return found


def _number(path: Path) -> tuple[int, str]:
    start = path.stem.partition("_")[0]
    return (int(start) if start.isdecimal() else 0, path.stem)


def _truth(folder: Path, scan: str, scale: float) -> Truth:
    path = folder / _KEYPOINTS / f"{scan}.obj"
    keypoints = scale * numbers(_obj_vertices(path), (85, 3), f"The keypoints in {path}")
    parts = {region: true_surface(folder / _SCANS / scan / f"{region}.obj") for region in REGIONS}
    parts = {region: part.moved(part.vertices * scale) for region, part in parts.items()}
    surface, regions = _joined(parts)
    seven = keypoints[list(SEVEN_OF_85)]
    return Truth(
        surface,
        seven,
        None,
        None,
        outer_eye_distance(seven, path),
        regions,
        parts,
        keypoints,
    )


def _joined(parts: dict[str, Surface]) -> tuple[Surface, dict[str, NDArray[np.bool_]]]:
    """One surface of all regions, and which of its triangles are which region's."""
    starts = np.cumsum([0, *(len(part.vertices) for part in parts.values())])
    triangles = [part.triangles + int(start) for part, start in zip(parts.values(), starts)]
    owner = np.repeat(np.arange(len(parts)), [len(part) for part in triangles])
    surface = Surface(
        np.concatenate([part.vertices for part in parts.values()]), np.concatenate(triangles).astype(np.int32)
    )
    return surface, {region: owner == number for number, region in enumerate(parts)}


def _obj_vertices(path: Path) -> list[list[float]]:
    """Vertices of an .obj file that has no faces."""
    try:
        lines = path.read_text("utf-8").splitlines()
        return [[float(cell) for cell in line.split()[1:4]] for line in lines if line.startswith("v ")]
    except (OSError, ValueError) as error:
        raise DataSetInvalid(f"{path} cannot be read: {reason_of(error)}.") from error
