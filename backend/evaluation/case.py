"""What every data set and every program's results are turned into, so that metrics and runner know no format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..fitting.camera import Camera
from .surface import Surface

Array = NDArray[np.float64]

NOW_LANDMARKS = (
    "right_eye_outer", "right_eye_inner", "left_eye_inner", "left_eye_outer", "nose_bottom",
    "mouth_right", "mouth_left",
)  # fmt: skip
"""NoW's seven points; left and right are the subject's."""


@dataclass(frozen=True)
class WeakCamera:
    """Scaled orthography: u = cx + scale x, v = cy - scale y. Pixels as for ``fitting.camera.Camera``.

    Camera frame: millimetres, x right, y up, z towards the camera. ``scale`` in pixels per millimetre.
    """

    width: int
    height: int
    scale: float
    cx: float
    cy: float

    def project(self, points_cam: Array) -> Array:
        """(..., 3) mm in the camera frame to (..., 2) pixels."""
        points = np.asarray(points_cam, np.float64)
        result: Array = np.stack([self.cx + self.scale * points[..., 0], self.cy - self.scale * points[..., 1]], -1)
        return result


AnyCamera = Camera | WeakCamera


@dataclass(frozen=True)
class Truth:
    """True geometry of one image, millimetres.

    Attributes
    ----------
    surface : in the frame of the case's camera where the case has one, else in the scan's own
    seven : (7, 3) NOW_LANDMARKS on it, same frame; None where the data set has none
    head_centre : (3,) a point on the vertical axis of the head, same frame; FaceScape's cylinder stands there
    head_rotation : (3, 3) X_frame = head_rotation @ X_head, X_head: x to the left, y up, z out of the face
    outer_eye_distance : mm, between the outer corners of the eyes; None where not known
    regions : name -> (T,) bool over the surface's triangles, the data set's own regions; {} where it has none
    region_scans : name -> surface of a region, REALY's nose, mouth, forehead and cheek, mm; {} elsewhere
    keypoints : (K, 3) REALY's 85 on the scan, or None
    model_vertices : (V, 3) the whole mesh in the face model's own vertex order, same frame; None for real scans
    """

    surface: Surface
    seven: Array | None
    head_centre: Array | None
    head_rotation: Array | None
    outer_eye_distance: float | None = None
    regions: dict[str, NDArray[np.bool_]] = field(default_factory=dict)
    region_scans: dict[str, Surface] = field(default_factory=dict)
    keypoints: Array | None = None
    model_vertices: Array | None = None


@dataclass(frozen=True)
class Case:
    """One image of a data set with its truth, which is read only when ``truth()`` is called.

    Attributes
    ----------
    id : unique in the data set, also the stem of a prediction's files; may contain "/"
    subject : who it is; confidence intervals resample subjects, not images
    image : the photograph, or None where the set comes without
    camera : None where the scan does not stand in the photograph's camera (NoW, Stirling, MICC, REALY)
    neutral_truth : the scan shows the neutral face whatever the photograph shows: neutralised meshes are compared
    yaw_degrees : of the head against the camera, positive to the subject's left; None where not known
    tags : further columns to make tables of, such as {"focal": "50 mm", "light": "studio", "expression": "smile"}
    """

    id: str
    subject: str
    image: Path | None
    camera: AnyCamera | None
    truth: Callable[[], Truth]
    neutral_truth: bool = False
    yaw_degrees: float | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DataSet:
    """Cases in a fixed order. ``protocols``: which of "facescape", "now", "realy", "dense" the set allows."""

    name: str
    folder: Path
    cases: tuple[Case, ...]
    protocols: tuple[str, ...]
    note: str = ""


class Prediction(NamedTuple):
    """What a program made of one image, millimetres.

    Attributes
    ----------
    surface : in the program's own camera frame (x right, y up, z towards the camera)
    camera : that camera, of the image's size; None means that the mesh stands in the data set's camera already
    neutral : the same person without expression, in any frame; None where the program gave none
    seven : (7, 3) NOW_LANDMARKS on ``surface``, or None
    neutral_seven : (7, 3) the same on ``neutral``, or None
    keypoints : (85, 3) REALY's on ``neutral``, rows of NaN for those that it lacks, or None
    """

    surface: Surface
    camera: AnyCamera | None
    neutral: Surface | None = None
    seven: Array | None = None
    neutral_seven: Array | None = None
    keypoints: Array | None = None
