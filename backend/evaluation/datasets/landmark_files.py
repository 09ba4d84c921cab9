"""Landmarks as scans come with them: MeshLab's picked points, and tables of numbered points."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from ...errors import DataSetInvalid, reason_of
from .files import numbers, read_table

Array = NDArray[np.float64]
# Between the outer corners of the eyes; small children to the broadest of adults.
OUTER_EYES_MM = (55.0, 125.0)


def read_picked_points(path: Path) -> Array:
    """NoW's seven points of a MeshLab .pp file, (7, 3), in the order of the file. Raises DataSetInvalid."""
    try:
        points = [
            [float(point.attrib[axis]) for axis in "xyz"]
            for point in ElementTree.parse(path).getroot().iter("point")
        ]
    except FileNotFoundError as error:
        raise DataSetInvalid(f"{path} is missing.") from error
    except (OSError, ElementTree.ParseError, KeyError, ValueError) as error:
        raise DataSetInvalid(f"{path} is not a file of picked points: {reason_of(error)}.") from error
    return numbers(points, (7, 3), f"The picked points in {path}")


def read_numbered_points(path: Path) -> Array:
    """NoW's seven points of a table "number x y z", (7, 3), in the order of the numbers. Raises DataSetInvalid."""
    rows = numbers(read_table(path, 4), (7, 4), str(path))
    if sorted(rows[:, 0].tolist()) != list(range(1, 8)):
        raise DataSetInvalid(f"{path} should number its points from 1 to 7.")
    result: Array = rows[np.argsort(rows[:, 0]), 1:]
    return result


def outer_eye_distance(seven: Array, path: Path) -> float:
    """Millimetres between the eyes' outer corners. Raises DataSetInvalid where no face measures that."""
    distance = float(np.linalg.norm(seven[0] - seven[3]))
    least, most = OUTER_EYES_MM
    if not least <= distance <= most:
        raise DataSetInvalid(
            f"The landmarks {path} have the outer corners of the eyes {distance:.3g} mm apart: "
            f"a scan in millimetres has {least:g} to {most:g}."
        )
    return distance
