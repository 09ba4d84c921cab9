"""Faces of a photo with 478 landmarks each: detector, mesh network twice, iris network.

The first mesh pass sees the square that the detector gives, the second the one that the first pass's landmarks
give: that makes the result nearly independent of the detector's box. With the same squares the result is that of
MediaPipe's own pipeline (hundredths of a pixel), except where a large photo is reduced by an area filter first.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import NoFaceFound
from .crop import Region, cut_out
from .detect import (
    MESH_REGION_SCALE,
    Detection,
    FaceDetector,
    full_range_anchors,
    intersection_over_union,
    short_range_anchors,
    tiles,
)
from .landmark_sets import (
    LEFT_EYE,
    LEFT_EYE_CONTOUR,
    LEFT_EYE_CORNERS,
    LEFT_IRIS,
    LIPS,
    OUTER_CANTHI,
    RIGHT_EYE,
    RIGHT_EYE_CONTOUR,
    RIGHT_EYE_CORNERS,
    RIGHT_IRIS,
)
from .model_files import NETWORKS, Progress, checked_network, find_models
from .onnx_session import open_session

IRIS_REGION_SCALE = 2.3
SURE_INSTABILITY = 0.03
SURE_SCORE = 0.85
SURE_ROLL_DEGREES = 60.0
SAME_FACE_OVERLAP = 0.3


@dataclass(frozen=True)
class DetectorSettings:
    """Settings of this stage.

    min_confidence   face flag of the mesh network below which a detection is dropped, 0..1
    max_instability  disagreement of the two mesh passes above which a detection is dropped (see Face)
    detector_shrink  photo px per network px above which the photo is reduced by an area filter for the detectors;
                     below it they see what MediaPipe's would
    mesh_shrink      the same for mesh and irises. Measured on enlarged, noisy photos: the filter halves the
                     landmarks' error and their dependence on the crop
    """

    min_confidence: float = 0.5
    max_instability: float = 0.1
    detector_shrink: float = 24.0
    mesh_shrink: float = 3.0


class Face(NamedTuple):
    """One face; all in px of the picture that was given, origin top left, pixel centres at +0.5.

    box         (4,) x, y, width, height of the 468 mesh landmarks
    score       the detector's, 0..1
    landmarks   (478, 3); z in px too, smaller is nearer, by the network's own reckoning; 468..477 are the irises,
                from the iris network where it saw the eye, z from the lids
    iris        "left" and "right": (5, 2) centre, then the rim at the image's right, top, left and bottom
    confidence  the mesh network's belief that this is a face, 0..1
    instability how far the landmarks moved from the first to the second pass, mean, relative to the distance of the
                outer eye corners: 0.005 to 0.02 for faces, 0.04 and more for what is not one or is upside down
    Left and right are the subject's.
    """

    box: NDArray[np.float64]
    score: float
    landmarks: NDArray[np.float64]
    iris: dict[str, NDArray[np.float64]]
    confidence: float
    instability: float


class LandmarkDetector:
    """Holds the networks.

    Parameters
    ----------
    models_dir : folder with the converted networks; by default they are looked for and, once, fetched
    threads : of onnxruntime; results do not depend on it
    progress : told what happens while networks are fetched
    settings : DetectorSettings

    Raises
    ------
    MissingDependency, ModelFileInvalid
    """

    def __init__(
        self,
        models_dir: Path | None = None,
        threads: int = 2,
        progress: Progress | None = None,
        settings: DetectorSettings | None = None,
    ) -> None:
        self.settings = settings or DetectorSettings()
        folder = find_models(models_dir, progress)
        sessions = {name: _session(folder, name, threads) for name in NETWORKS}
        shrink = self.settings.detector_shrink
        self._short_range = FaceDetector(sessions["short_range"], short_range_anchors(), shrink)
        self._full_range = FaceDetector(sessions["full_range"], full_range_anchors(), shrink)
        self._mesh, self._iris = sessions["mesh"], sessions["iris"]

    def faces(self, pixels: NDArray[np.uint8]) -> list[Face]:
        """All faces, largest first.

        Parameters
        ----------
        pixels : (H, W, 3) uint8 sRGB, upright

        Raises
        ------
        NoFaceFound
        """
        height, width = pixels.shape[:2]
        upright = self._faces_as_they_stand(pixels)
        if upright and _upright_beyond_doubt(upright[0]):
            return upright
        # A face that lies on its side or stands on its head is found too, with a wrong mesh and full confidence.
        # What gives it away is a lower score and that the two passes disagree. So all four turns compete.
        candidates = [(0, upright)] if upright else []
        for turns in (1, 3, 2):
            found = self._faces_as_they_stand(np.ascontiguousarray(np.rot90(pixels, turns)))
            if found:
                candidates.append((turns, found))
        if not candidates:
            raise NoFaceFound("There is no face in the photo that can be used.")
        turns, best = max(candidates, key=lambda candidate: _uprightness(candidate[1][0]))
        return [_turned_back(face, turns, width, height) for face in best]

    def _faces_as_they_stand(self, pixels: NDArray[np.uint8]) -> list[Face]:
        """Faces that are more or less upright, largest first.

        The full range detector adds the smaller faces that the short range one misses; only where both find nothing
        are tiles searched.
        """
        height, width = pixels.shape[:2]
        found: list[tuple[Detection, Face]] = []
        for detector in (self._short_range, self._full_range):
            self._add_faces(pixels, detector.detect(pixels), found)
        if not found:
            for tile in tiles(width, height):
                self._add_faces(pixels, self._full_range.detect(pixels, tile), found)
        return sorted((face for _, face in found), key=lambda face: -float(face.box[2] * face.box[3]))

    def _add_faces(
        self, pixels: NDArray[np.uint8], detections: list[Detection], found: list[tuple[Detection, Face]]
    ) -> None:
        """Append the faces of those detections that are not in ``found`` already, best first."""
        for detection in detections:
            if any(_overlap(detection.box, other.box) > SAME_FACE_OVERLAP for other, _ in found):
                continue
            face = self._face(pixels, detection)
            if face is not None and not any(_overlap(face.box, f.box) > SAME_FACE_OVERLAP for _, f in found):
                found.append((detection, face))

    def _face(self, pixels: NDArray[np.uint8], detection: Detection) -> Face | None:
        """Mesh and irises of a detection, or None where the mesh network sees no face there."""
        first, confidence = self.mesh(pixels, detection.region())
        if confidence < self.settings.min_confidence:
            return None
        landmarks, confidence = self.mesh(pixels, region_of_landmarks(first))
        if confidence < self.settings.min_confidence:
            return None
        right, left = landmarks[list(OUTER_CANTHI)]
        moved = float(np.linalg.norm((landmarks - first)[:468, :2], axis=1).mean())
        instability = moved / max(1e-6, float(np.linalg.norm(left - right)))
        if instability > self.settings.max_instability:
            return None
        iris = {}
        for side, corners, contour, indices in (
            ("left", LEFT_EYE_CORNERS, LEFT_EYE_CONTOUR, LEFT_IRIS),
            ("right", RIGHT_EYE_CORNERS, RIGHT_EYE_CONTOUR, RIGHT_IRIS),
        ):
            iris[side] = self._iris_points(pixels, landmarks[list(corners), :2], mirrored=side == "left")
            landmarks[list(indices), :2] = iris[side]
            landmarks[list(indices), 2] = landmarks[list(contour), 2].mean()
        low, high = landmarks[:468, :2].min(0), landmarks[:468, :2].max(0)
        box = np.concatenate([low, high - low])
        return Face(box, detection.score, landmarks, iris, confidence, instability)

    def mesh(self, pixels: NDArray[np.uint8], region: Region) -> tuple[NDArray[np.float64], float]:
        """One pass of the attention mesh: (478, 3) landmarks in px and the face flag (0..1).

        The irises are the attention mesh's own here.
        """
        out, size = self._run(self._mesh, pixels, region)
        points = np.zeros((478, 3))
        points[:468] = out["output_mesh_identity"].reshape(468, 3)
        # The network calls eyes by their side in the image.
        subsets: tuple[tuple[str, tuple[int, ...]], ...]
        subsets = (("lips", LIPS), ("left_eye", RIGHT_EYE), ("right_eye", LEFT_EYE))
        for name, indices in subsets:
            points[list(indices), :2] = out["output_" + name].reshape(-1, 2)
        for name, iris, contour in (
            ("left_iris", RIGHT_IRIS, RIGHT_EYE_CONTOUR),
            ("right_iris", LEFT_IRIS, LEFT_EYE_CONTOUR),
        ):
            points[list(iris), :2] = out["output_" + name].reshape(5, 2)
            points[list(iris), 2] = points[list(contour), 2].mean()
        flag = float(out["conv_faceflag"].reshape(-1)[0])
        confidence = 1.0 / (1.0 + math.exp(-max(-50.0, min(50.0, flag))))
        return region.to_photo(points / size), confidence

    def _iris_points(
        self, pixels: NDArray[np.uint8], corners: NDArray[np.float64], *, mirrored: bool
    ) -> NDArray[np.float64]:
        """(5, 2) px iris of the eye between its outer and inner corner (2, 2) px.

        The network knows only the subject's right eye; the left one is shown to it in a mirror.
        """
        across = corners[0] - corners[1] if mirrored else corners[1] - corners[0]  # to the right in the image
        centre = corners.mean(0)
        side = IRIS_REGION_SCALE * float(np.abs(across).max())
        region = Region(float(centre[0]), float(centre[1]), side, math.atan2(float(across[1]), float(across[0])))
        out, size = self._run(self._iris, pixels, region, mirrored=mirrored)
        points = out["output_iris"].reshape(5, 3)[:, :2].astype(np.float64)
        if mirrored:
            points = points[[0, 3, 2, 1, 4]]
            points[:, 0] = size - points[:, 0]
        return region.to_photo(points / size)

    def _run(
        self, session: Any, pixels: NDArray[np.uint8], region: Region, *, mirrored: bool = False
    ) -> tuple[dict[str, NDArray[np.float32]], int]:
        """Outputs by name of a network that looks at a region, and the side of its input in px."""
        source = session.get_inputs()[0]
        size = int(source.shape[1])
        image = cut_out(
            pixels, region, size, replicate_border=True, max_bilinear_shrink=self.settings.mesh_shrink
        )
        values = (image[:, ::-1] if mirrored else image).astype(np.float32) / 255.0
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, {source.name: values[None]}))), size


def region_of_landmarks(landmarks: NDArray[np.float64]) -> Region:
    """Square for a further mesh pass: 1.5 times the landmarks' box, turned by the line of the outer eye corners."""
    low, high = landmarks[:468, :2].min(0), landmarks[:468, :2].max(0)
    across = landmarks[LEFT_EYE_CORNERS[0], :2] - landmarks[RIGHT_EYE_CORNERS[0], :2]
    centre = (low + high) / 2
    angle = math.atan2(float(across[1]), float(across[0]))
    return Region(float(centre[0]), float(centre[1]), MESH_REGION_SCALE * float((high - low).max()), angle)


def _roll_degrees(face: Face) -> float:
    """Angle of the line of the eyes, 0 when the face is upright."""
    return abs(math.degrees(region_of_landmarks(face.landmarks).angle))


def _upright_beyond_doubt(face: Face) -> bool:
    """Measured on photos turned in steps of 30 degrees: no face that is upside down passes."""
    steady = face.instability <= SURE_INSTABILITY and face.score >= SURE_SCORE
    return steady and _roll_degrees(face) <= SURE_ROLL_DEGREES


def _uprightness(face: Face) -> float:
    """Higher is better; weights chosen on photos turned in steps of 30 degrees, with a wide margin."""
    return face.score - 3.0 * face.instability - 0.002 * _roll_degrees(face)


def _overlap(box: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Intersection over union of two boxes (x, y, width, height)."""
    corners = [np.concatenate([b[:2], b[:2] + b[2:]]) for b in (box, other)]
    return float(intersection_over_union(corners[0], corners[1][None])[0])


def _turned_back(face: Face, turns: int, width: int, height: int) -> Face:
    """A face found in ``np.rot90(pixels, turns)``, in the (height, width) picture itself."""
    if turns == 0:
        return face

    def back(points: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = points[:, 0], points[:, 1]
        place = {1: (width - y, x), 2: (width - x, height - y), 3: (y, height - x)}[turns]
        return np.concatenate([np.stack(place, -1), points[:, 2:]], axis=1)

    landmarks = back(face.landmarks)
    low, high = landmarks[:468, :2].min(0), landmarks[:468, :2].max(0)
    return face._replace(
        box=np.concatenate([low, high - low]),
        landmarks=landmarks,
        iris={side: back(points) for side, points in face.iris.items()},
    )


def _session(folder: Path, name: str, threads: int) -> Any:
    return open_session(checked_network(folder, name), folder / NETWORKS[name].file, threads)
