"""Deformation transfer: one person's expressions carried over to another face of the same topology.

R. W. Sumner and J. Popovic, "Deformation Transfer for Triangle Meshes", ACM Transactions on Graphics 23(3), 2004,
in the gradient-domain form that M. Botsch, R. Sumner, M. Pauly and M. Gross ("Deformation Transfer for
Detail-Preserving Surface Editing", VMV 2006) show to be equivalent: the same minimum without the paper's fourth
vertex per triangle, a third of the unknowns, and a symmetric matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from ..errors import ModelFileInvalid
from ..face_model.base import ARKIT_NAMES
from .ict_source import SKIN_VERTICES, IctSource

#: ARKit's mouthClose closes the lips of an open jaw (Apple: "closure of the lips independent of jaw position").
MOUTH_CLOSE_ON_JAW_OPEN = {ARKIT_NAMES.index("mouthClose"): ARKIT_NAMES.index("jawOpen")}


def skin_triangles(source: IctSource) -> NDArray[np.int64]:
    """(T, 3) triangles of ICT's skin with its mouth and eye sockets: one manifold, vertices SKIN_VERTICES."""
    faces = source.faces[(source.faces < SKIN_VERTICES.stop).all(axis=1)]
    return np.concatenate([faces[:, :3], faces[faces[:, 3] >= 0][:, [0, 2, 3]]])


@dataclass(frozen=True)
class TransferSettings:
    """Settings of the transfer.

    static_mm : vertices that an expression moves less than this on the source stay exactly where they are on the
        target too. They anchor the solution, and they keep an eyelid's motion from leaking into the chin.
    """

    static_mm: float = 0.01


class DeformationTransfer:
    """Carries a source's expressions to targets that differ from it in identity only.

    Parameters
    ----------
    neutral : (n, 3) float64 mm, the source at rest
    triangles : (T, 3) int vertex ids; every triangle has an area
    expressions : (E, n, 3) mm offsets of the source from ``neutral``
    on_top_of : expression index -> index of the expression that it corrects. ARKit's mouthClose closes the lips of
        an *open* jaw: its deformation is meaningful only where jawOpen is already at 1. Such an expression is
        transferred as the sum of both, and the transferred base is subtracted.
    settings : TransferSettings

    Raises
    ------
    ModelFileInvalid : a triangle of the source has no area, or an expression moves every vertex.
    """

    def __init__(
        self,
        neutral: NDArray[np.float64],
        triangles: NDArray[np.int64],
        expressions: NDArray[np.float64],
        on_top_of: Mapping[int, int] | None = None,
        settings: TransferSettings | None = None,
    ) -> None:
        settings = settings or TransferSettings()
        self.triangles = np.asarray(triangles, np.int64)
        self.vertex_count = len(neutral)
        self.on_top_of = dict(on_top_of or {})
        #: (E, n) bool: the vertices that an expression moves.
        self.moving = np.linalg.norm(expressions, axis=2) > settings.static_mm
        if self.moving.all(axis=1).any():
            raise ModelFileInvalid(
                "An expression of the source moves every vertex: nothing anchors its transfer."
            )
        self._right_hand_gradients = self._source_gradients(neutral, expressions)

    def _source_gradients(
        self, neutral: NDArray[np.float64], expressions: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """(3T, 3E): per triangle and expression the transposed S - I, ready to multiply with a divergence.

        Row 3t + c, column 3e + k holds (S_te - I)[k, c]; subtracting the identity makes the unknowns offsets.
        """
        area = np.linalg.norm(_edges_and_normal(neutral, self.triangles)[:, :, 2], axis=1) ** 2
        if not area.min() > 0:
            raise ModelFileInvalid(
                "A triangle of the source mesh has no area, so its deformation is undefined."
            )
        rest_inverse = np.linalg.inv(_edges_and_normal(neutral, self.triangles))
        gradients = np.empty((len(self.triangles), 3, len(expressions), 3))
        for e, offset in enumerate(expressions):
            deformed = neutral + offset
            if e in self.on_top_of:
                deformed = deformed + expressions[self.on_top_of[e]]
            # Sumner & Popovic Eq. (3): Q = V~ V^-1 with V = [v2 - v1, v3 - v1, v4 - v1].
            deformation = _edges_and_normal(deformed, self.triangles) @ rest_inverse
            gradients[:, :, e] = (deformation - np.eye(3)).transpose(0, 2, 1)
        return gradients.reshape(3 * len(self.triangles), -1)

    def __call__(self, target: NDArray[np.float64]) -> NDArray[np.float64]:
        """Transfer all expressions to one target.

        Parameters
        ----------
        target : (n, 3) mm, the neutral of another identity

        Returns
        -------
        (E, n, 3) float64 mm offsets from ``target``; exactly 0 where the source's expression is static.

        Notes
        -----
        Per expression the offsets u minimise  sum_t A_t |grad u - (S_t - I) grad x|^2  over the target's
        triangles t of area A_t, where x are the target's own coordinates and S_t the source's deformation
        gradients: Sumner & Popovic Eq. (4) with vertex constraints. The normal equations are Poisson's equation,
        L u = div((S - I) grad x), with one matrix for all expressions; an expression's static vertices are its
        Dirichlet boundary.
        """
        laplacian, divergence = _operators(target, self.triangles)
        right = divergence @ self._right_hand_gradients
        offsets = np.zeros((len(self.moving), self.vertex_count, 3))
        # Bases before the expressions that stand on them.
        for e in sorted(range(len(self.moving)), key=lambda e: e in self.on_top_of):
            base = offsets[self.on_top_of[e]] if e in self.on_top_of else None
            free = np.flatnonzero(self.moving[e])
            if not len(free):
                continue
            b = right[free, 3 * e : 3 * e + 3]
            rows = laplacian[free]
            if base is not None:
                # Solve for the correction alone; the boundary then is 0 here as well.
                b = b - rows @ base
            factor = splu(
                rows[:, free].tocsc(),
                permc_spec="MMD_AT_PLUS_A",
                diag_pivot_thresh=0.0,
                options={"SymmetricMode": True},
            )
            offsets[e, free] = factor.solve(b)
        return offsets


def _edges_and_normal(vertices: NDArray[np.float64], triangles: NDArray[np.int64]) -> NDArray[np.float64]:
    """(T, 3, 3): columns are the two edges from corner 0 and the normal, scaled by 1/sqrt(|e1 x e2|).

    Sumner & Popovic Eq. (1): the normal's length then scales with the edges, |normal|^2 = twice the area.
    """
    corner = vertices[triangles]
    first, second = corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]
    normal = np.cross(first, second)
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = np.divide(normal, np.sqrt(length), out=np.zeros_like(normal), where=length > 0)
    return np.stack([first, second, normal], axis=2)


def _operators(
    vertices: NDArray[np.float64], triangles: NDArray[np.int64]
) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Stiffness matrix (n, n) and area-weighted divergence (n, 3T) of piecewise linear functions on a mesh."""
    corner = vertices[triangles]
    # Edge opposite to each corner; the hat function's gradient is (unit normal x edge) / (2 area).
    opposite = corner[:, [2, 0, 1]] - corner[:, [1, 2, 0]]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    double_area = np.maximum(np.linalg.norm(normal, axis=1), 1e-9)
    unit = normal / double_area[:, None]
    gradient = np.cross(unit[:, None], opposite) / double_area[:, None, None]  # (T, corner, 3)
    weighted = gradient * (0.5 * double_area)[:, None, None]
    stiffness = np.einsum("tac,tbc->tab", gradient, weighted)

    n, count = len(vertices), len(triangles)
    rows, columns = np.repeat(triangles, 3, axis=1).ravel(), np.tile(triangles, (1, 3)).ravel()
    laplacian = sp.coo_matrix((stiffness.ravel(), (rows, columns)), (n, n)).tocsr()
    gradient_rows = np.repeat(triangles.ravel(), 3)
    gradient_columns = np.tile(3 * np.arange(count)[:, None] + np.arange(3), (1, 3)).ravel()
    divergence = sp.coo_matrix((weighted.ravel(), (gradient_rows, gradient_columns)), (n, 3 * count)).tocsr()
    return laplacian, divergence
