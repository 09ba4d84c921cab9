"""How wrong the landmark network is, as learned from renders: the weight of the coarse fit.

Its errors are strongly correlated over the face, so that 478 landmarks know much less than 478 independent ones.
The error of a landmark lives in the *face's frame*: millimetres at the face's distance, x to the right of the
picture and y up after the head's roll is undone. Per yaw range the covariance of all coordinates is
 C = diag(s^2) + U U^T.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from ..config import assets_dir
from ..errors import DAMAGED_NPZ, ModelFileInvalid, reason_of
from ..mesh.landmark_schemes import LANDMARKS_478
from .landmark_symmetry import mirror_478

Array = NDArray[np.float64]
FILE_NAME = "detector_error.npz"


class Whitening(NamedTuple):
    """Inverse of C = diag(sd^2) + low_rank low_rank^T; ``sd`` (m,) and ``low_rank`` (m, r) in mm."""

    sd: Array
    low_rank: Array

    def weighted(self, weights: Array) -> Whitening:
        """Independent errors enlarged to sd / sqrt(weight): what a robust loss does to an outlier."""
        return Whitening(self.sd / np.sqrt(weights), self.low_rank)

    def normal_equations(self, jacobian: Array, residual: Array) -> tuple[Array, Array, float]:
        """J^T C^-1 J (p, p), J^T C^-1 r (p,) and r^T C^-1 r, by the Woodbury identity.

        C^-1 = D - D U (1 + U^T D U)^-1 U^T D with D = diag(1 / sd^2): the system solved is r x r, not m x m.
        """
        scaled: Array = np.column_stack([jacobian, residual]) / self.sd[:, None]
        if not self.low_rank.shape[1]:
            product: Array = scaled.T @ scaled
            return product[:-1, :-1], product[:-1, -1], float(product[-1, -1])
        factor = self.low_rank / self.sd[:, None]
        inner = scipy.linalg.cho_factor(np.eye(factor.shape[1]) + factor.T @ factor, check_finite=False)
        projected = factor.T @ scaled
        product = scaled.T @ scaled - projected.T @ scipy.linalg.cho_solve(inner, projected, check_finite=False)
        return product[:-1, :-1], product[:-1, -1], float(product[-1, -1])

    def squared_norm(self, residual: Array) -> float:
        """r^T C^-1 r."""
        return self.normal_equations(np.empty((len(residual), 0)), residual)[2]


class DetectorError:
    """Learned error covariance by yaw.

    Attributes
    ----------
    yaw_edges : (bins + 1,) degrees, of the absolute yaw
    sd : (bins, 478, 2) mm, independent part, for heads that turn to the right of the picture (yaw >= 0)
    low_rank : (bins, 478, 2, rank) mm
    renders : how many renders it was learned from
    """

    def __init__(self, yaw_edges: Array, sd: Array, low_rank: Array, renders: int) -> None:
        self.yaw_edges, self.sd, self.low_rank, self.renders = yaw_edges, sd, low_rank, renders

    @classmethod
    def load(cls, path: Path | None = None) -> DetectorError:
        """Read the file (the built-in one where ``path`` is None). Raises ModelFileInvalid."""
        path = path or assets_dir() / FILE_NAME
        try:
            with np.load(path, allow_pickle=False) as data:
                edges, sd = data["yaw_edges"].astype(np.float64), data["sd"].astype(np.float64)
                low_rank, renders = data["low_rank"].astype(np.float64), int(data["renders"])
        except (KeyError, *DAMAGED_NPZ) as error:
            raise ModelFileInvalid(f"{path} is not a detector error file: {reason_of(error)}.") from error
        bins = len(edges) - 1
        right_shape = sd.shape == (bins, LANDMARKS_478, 2) and low_rank.shape[:3] == sd.shape and low_rank.ndim == 4
        if bins < 1 or not right_shape or not np.isfinite(low_rank).all() or not (sd >= 0.0).all():
            raise ModelFileInvalid(f"{path} is not a detector error file: its arrays do not belong together.")
        return cls(edges, sd, low_rank, renders)

    def save(self, path: Path) -> None:
        """Write the file, half precision."""
        np.savez_compressed(
            path,
            yaw_edges=self.yaw_edges.astype(np.float32),
            sd=self.sd.astype(np.float16),
            low_rank=self.low_rank.astype(np.float16),
            renders=np.int64(self.renders),
        )

    def whitening(self, landmark: NDArray[np.int64], yaw: float, extra_sd_mm: float, scale: float) -> Whitening:
        """Covariance of some landmarks at a yaw.

        Parameters
        ----------
        landmark : (L,) indices into the 478
        yaw : degrees
        extra_sd_mm : added to the independent part: what renders do not show
        scale : factor on every standard deviation

        Returns
        -------
        Whitening of the 2 L coordinates, landmark by landmark
        """
        bins = len(self.yaw_edges) - 1
        index = int(np.clip(np.searchsorted(self.yaw_edges, abs(yaw), side="right") - 1, 0, bins - 1))
        rows = landmark if yaw >= 0.0 else mirror_478()[landmark]
        sd = np.sqrt(self.sd[index, rows] ** 2 + extra_sd_mm**2)
        low_rank = self.low_rank[index, rows]
        if yaw < 0.0:
            low_rank = low_rank * np.array([-1.0, 1.0])[:, None]
        return Whitening(scale * sd.ravel(), scale * low_rank.reshape(-1, low_rank.shape[-1]))


@cache
def builtin_detector_error() -> DetectorError:
    """The error shipped with the product, read once."""
    return DetectorError.load()
