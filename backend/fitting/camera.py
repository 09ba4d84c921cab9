"""The pinhole camera: camera frame in millimetres to pixels and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..photo.exif import focal_px_of

FILM_WIDTH_MM = 36.0  # long side of a frame of 35 mm film


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion.

    Camera frame: millimetres, x right, y up, looking along -z. Pixels: origin at the top left corner of the image,
    pixel centres at +0.5.

    Attributes
    ----------
    width, height : image size in pixels
    fx, fy : focal lengths in pixels
    cx, cy : principal point in pixels
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    @classmethod
    def centred(cls, image_size: tuple[int, int], focal_px: float) -> Camera:
        """Square pixels, principal point in the middle of an image of (width, height) pixels."""
        width, height = image_size
        return cls(int(width), int(height), float(focal_px), float(focal_px), width / 2.0, height / 2.0)

    def project(self, points_cam: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """(..., 3) mm in the camera frame, z < 0, to (..., 2) pixels: u = cx - fx X/Z, v = cy + fy Y/Z."""
        points = np.asarray(points_cam, dtype=np.float64)
        result: NDArray[np.float64] = np.stack(
            [
                self.cx - self.fx * points[..., 0] / points[..., 2],
                self.cy + self.fy * points[..., 1] / points[..., 2],
            ],
            axis=-1,
        )
        return result

    def rays(self, pixels: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """(..., 2) pixels to (..., 3) directions in the camera frame with z = -1: depth times ray is the point."""
        pixels = np.asarray(pixels, dtype=np.float64)
        result: NDArray[np.float64] = np.stack(
            [
                (pixels[..., 0] - self.cx) / self.fx,
                (self.cy - pixels[..., 1]) / self.fy,
                np.full(pixels.shape[:-1], -1.0),
            ],
            axis=-1,
        )
        return result

    def projection_jacobian(self, points_cam: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., 3) points to (..., 2, 3) derivatives of ``project`` in pixels per mm."""
        x, y, z = points_cam[..., 0], points_cam[..., 1], points_cam[..., 2]
        jacobian = np.zeros((*points_cam.shape[:-1], 2, 3))
        jacobian[..., 0, 0] = -self.fx / z
        jacobian[..., 0, 2] = self.fx * x / z**2
        jacobian[..., 1, 1] = self.fy / z
        jacobian[..., 1, 2] = -self.fy * y / z**2
        return jacobian

    @property
    def focal_length_35mm(self) -> float:
        """35 mm equivalent by the diagonal, in millimetres: the inverse of ``photo.exif.focal_px_of``."""
        return self.fx / focal_px_of(1.0, self.width, self.height)
