"""Fold-free map of half a head to half of the lattice square, eyes and mouth as horizontal slits.

Minimises, over the piecewise linear maps of a triangle mesh with Jacobians J (from the surface, scaled by a target
size, to the plane), the fold-free energy

    sum_t w_t ( |J_t|^2 / chi(det J_t) + lambda (det J_t^2 + 1) / chi(det J_t) ),
    chi(d, e) = (d + sqrt(e^2 + d^2)) / 2

of Garanzha, Kaporin, Kudryavtseva, Protais, Ray and Sokolov, "Foldover-free maps in 50 lines of code" (2021),
Eq. (2) and (3), by Newton steps with every triangle's Hessian projected to positive semi-definite. While
triangles are folded e > 0 keeps the energy finite; it is lowered slowly, and 0 once no fold is left.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import splu, spsolve

from ..errors import FitFailed
from .template_half import arc_lengths

MAX_STEPS = 400
STEPS_PER_EPSILON = 12
FIRST_EPSILON = 0.01
MIN_EPSILON_SQUARED = 1e-10
MIN_TRIANGLE_WEIGHT = 0.02  # of the median area, so that slivers still count
COFACTOR = np.array([[0, 0, 0, 1.0], [0, 0, -1.0, 0], [0, -1.0, 0, 0], [1.0, 0, 0, 0]])  # of J as (11, 21, 12, 22)


class MapProblem(NamedTuple):
    """What the solver needs to know.

    vertices   (n, 3) float64 mm; triangles (T, 3) int64 counter-clockwise
    size       (n,) float64 relative target size of a lattice cell, any unit
    fixed      (n, 2) float64 prescribed coordinates, NaN where free
    area       area of the plane domain
    chains     vertex chains along which u must grow strictly, each (k,) int64 with both ends fixed in u
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]
    size: NDArray[np.float64]
    fixed: NDArray[np.float64]
    area: float
    chains: tuple[NDArray[np.int64], ...]


class MapWeights(NamedTuple):
    """``area`` is lambda, the weight of size against shape; ``chain`` that of the order barrier on the slits."""

    area: float = 1.5
    chain: float = 2e-3
    tolerance: float = 1e-7


def signed_areas(plane: NDArray[np.float64], triangles: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n, 2) coordinates and (T, 3) triangles to (T,) signed areas, positive counter-clockwise."""
    a, b, c = (plane[triangles[:, k]] for k in range(3))
    result: NDArray[np.float64] = 0.5 * (
        (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    )
    return result


def mean_value_weights(vertices: NDArray[np.float64], triangles: NDArray[np.int64]) -> sparse.csr_matrix:
    """(n, n) mean value weights of a triangle mesh (Floater 2003): row i holds its neighbours' weights."""
    rows, columns, values = [], [], []
    for k in range(3):
        i, j, m = triangles[:, k], triangles[:, (k + 1) % 3], triangles[:, (k + 2) % 3]
        a, b = vertices[j] - vertices[i], vertices[m] - vertices[i]
        length_a, length_b = np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1)
        angle = np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), (a * b).sum(1))
        half = np.tan(0.5 * angle)
        rows += [i, i]
        columns += [j, m]
        values += [half / length_a, half / length_b]
    shape = (len(vertices), len(vertices))
    return sparse.csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape)


def harmonic_map(
    vertices: NDArray[np.float64], triangles: NDArray[np.int64], fixed: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Tutte map: (n, 2) coordinates, every free vertex the mean value combination of its neighbours.

    ``fixed`` (n, 2) holds NaN rows where free. Without folds where the fixed boundary is convex.
    """
    weights = mean_value_weights(vertices, triangles)
    laplacian = (sparse.diags(np.asarray(weights.sum(1)).ravel()) - weights).tocsr()
    known = ~np.isnan(fixed[:, 0])
    plane = fixed.copy()
    plane[~known] = spsolve(laplacian[~known][:, ~known].tocsc(), -laplacian[~known][:, known] @ fixed[known])
    return plane


class _Energy:
    """The energy of the module docstring with its derivatives by the free coordinates."""

    def __init__(self, problem: MapProblem, weights: MapWeights) -> None:
        triangles = problem.triangles
        count = len(problem.vertices)
        self.weights, self.fixed = weights, problem.fixed.ravel()
        self.free = np.isnan(self.fixed)
        self.unknowns = int(self.free.sum())
        index = np.full(2 * count, -1)
        index[self.free] = np.arange(self.unknowns)

        # Reference triangle (0, 0), (l, 0), (x, y) in units of the target cell, areas adding up to the domain's.
        edge = problem.vertices[triangles[:, 1]] - problem.vertices[triangles[:, 0]]
        other = problem.vertices[triangles[:, 2]] - problem.vertices[triangles[:, 0]]
        length = np.linalg.norm(edge, axis=1)
        x = (other * edge).sum(1) / length
        y = np.linalg.norm(np.cross(edge, other), axis=1) / length
        scale = 1.0 / problem.size[triangles].mean(1)
        scale *= np.sqrt(problem.area / (0.5 * length * y * scale**2).sum())
        area = 0.5 * length * y * scale**2
        self.area = np.maximum(area, np.median(area) * MIN_TRIANGLE_WEIGHT)
        self.area /= self.area.sum()

        # J = [q1 - q0, q2 - q0] [[l, x], [0, y]]^-1 as a linear function (T, 4, 6) of the corners' coordinates.
        a, b, c = 1.0 / (length * scale), -x / (length * y * scale), 1.0 / (y * scale)
        self.jacobian = np.zeros((len(triangles), 4, 6))
        for k in range(2):
            self.jacobian[:, k, k], self.jacobian[:, k, 2 + k] = -a, a
            self.jacobian[:, 2 + k, k] = -(b + c)
            self.jacobian[:, 2 + k, 2 + k], self.jacobian[:, 2 + k, 4 + k] = b, c
        self.coordinates = np.stack([2 * triangles[:, k // 2] + k % 2 for k in range(6)], 1)
        unknown = index[self.coordinates]
        self.gradient_at, self.gradient_of = unknown[unknown >= 0], (unknown >= 0).ravel()
        rows, columns = np.repeat(unknown, 6, 1).ravel(), np.tile(unknown, (1, 6)).ravel()
        self.hessian_of = (rows >= 0) & (columns >= 0)
        self.hessian_at = rows[self.hessian_of], columns[self.hessian_of]

        # Differences of u along the chains, D u + d, and the steps that arc length would give.
        starts = np.concatenate([chain[:-1] for chain in problem.chains])
        ends = np.concatenate([chain[1:] for chain in problem.chains])
        links = np.arange(len(starts))
        difference = sparse.csr_matrix(
            (np.repeat([-1.0, 1.0], len(starts)), (np.tile(links, 2), np.concatenate([2 * starts, 2 * ends]))),
            (len(starts), 2 * count),
        )
        self.chain = difference[:, self.free]
        self.chain_offset = difference[:, ~self.free] @ self.fixed[~self.free]
        self.chain_step = np.concatenate(
            [
                np.diff(arc_lengths(problem.vertices[chain]))
                * (problem.fixed[chain[-1], 0] - problem.fixed[chain[0], 0])
                for chain in problem.chains
            ]
        )

    def plane(self, unknown: NDArray[np.float64]) -> NDArray[np.float64]:
        """(unknowns,) to (n, 2) coordinates."""
        flat = self.fixed.copy()
        flat[self.free] = unknown
        return flat.reshape(-1, 2)

    def determinants(self, unknown: NDArray[np.float64]) -> NDArray[np.float64]:
        """(T,) determinants of J: 1 is the target size, at most 0 a fold."""
        return self._jacobians(unknown)[1]

    def chain_gaps(self, unknown: NDArray[np.float64]) -> NDArray[np.float64]:
        """(links,) differences of u along the chains."""
        result: NDArray[np.float64] = self.chain @ unknown + self.chain_offset
        return result

    def _jacobians(self, unknown: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        flat = self.plane(unknown).ravel()
        j = np.einsum("tij,tj->ti", self.jacobian, flat[self.coordinates])
        return j, j[:, 0] * j[:, 3] - j[:, 1] * j[:, 2]

    @staticmethod
    def _chi(determinant: NDArray[np.float64], epsilon: float) -> NDArray[np.float64]:
        if epsilon == 0.0:
            return determinant
        root = np.sqrt(epsilon**2 + determinant**2)
        # The second form does not cancel where the determinant is negative.
        result: NDArray[np.float64] = np.where(
            determinant > 0.0,
            0.5 * (determinant + root),
            0.5 * epsilon**2 / (root - np.minimum(determinant, 0.0)),
        )
        return result

    def value(self, unknown: NDArray[np.float64], epsilon: float) -> float:
        """The energy; infinite where a chain is out of order, or folded with ``epsilon`` 0."""
        gaps = self.chain_gaps(unknown)
        j, determinant = self._jacobians(unknown)
        if gaps.min() <= 0.0 or (epsilon == 0.0 and determinant.min() <= 0.0):
            return np.inf
        chi = self._chi(determinant, epsilon)
        energy = ((j * j).sum(1) + self.weights.area * (determinant**2 + 1.0)) / chi
        barrier = self.weights.chain * (gaps / self.chain_step + self.chain_step / gaps).mean()
        return float((self.area * energy).sum() + barrier)

    def derivatives(
        self, unknown: NDArray[np.float64], epsilon: float
    ) -> tuple[NDArray[np.float64], sparse.csc_matrix]:
        """Gradient (unknowns,) and the positive definite Hessian (unknowns, unknowns)."""
        j, d = self._jacobians(unknown)
        chi = self._chi(d, epsilon)
        if epsilon == 0.0:
            chi_1, chi_2 = np.ones_like(d), np.zeros_like(d)
        else:
            root = np.sqrt(epsilon**2 + d**2)
            chi_1, chi_2 = np.where(d > 0.0, 0.5 * (1.0 + d / root), chi / root), 0.5 * epsilon**2 / root**3
        # g = 1 / chi and its derivatives by d; f(J, d) = |J|^2 g + lambda (d^2 + 1) g
        g = 1.0 / chi
        g_1 = -chi_1 * g**2
        g_2 = 2.0 * chi_1**2 * g**3 - chi_2 * g**2
        square, size, area = (j * j).sum(1), d * d + 1.0, self.weights.area
        f_1 = square * g_1 + area * (2.0 * d * g + size * g_1)
        f_2 = square * g_2 + area * (2.0 * g + 4.0 * d * g_1 + size * g_2)
        cofactor = j @ COFACTOR  # gradient of det
        gradient = 2.0 * g[:, None] * j + f_1[:, None] * cofactor
        outer = j[:, :, None] * cofactor[:, None, :]
        hessian = (
            2.0 * g[:, None, None] * np.eye(4)
            + 2.0 * g_1[:, None, None] * (outer + outer.transpose(0, 2, 1))
            + f_2[:, None, None] * cofactor[:, :, None] * cofactor[:, None, :]
            + f_1[:, None, None] * COFACTOR
        )
        eigenvalues, eigenvectors = np.linalg.eigh(hessian)
        root_weight = np.sqrt(np.maximum(eigenvalues, 1e-9) * self.area[:, None])
        factor = np.einsum("tik,tij->tkj", eigenvectors, self.jacobian) * root_weight[:, :, None]
        by_corner = np.einsum("tki,tkj->tij", factor, factor)
        corner_gradient = np.einsum("tij,ti->tj", self.jacobian, gradient * self.area[:, None])
        total = np.bincount(self.gradient_at, corner_gradient.ravel()[self.gradient_of], self.unknowns)
        matrix = sparse.csc_matrix(
            (by_corner.ravel()[self.hessian_of], self.hessian_at), (self.unknowns, self.unknowns)
        )

        gaps, step = self.chain_gaps(unknown), self.chain_step
        weight = self.weights.chain / len(gaps)
        total = total + self.chain.T @ (weight * (1.0 / step - step / gaps**2))
        matrix = matrix + self.chain.T @ sparse.diags(2.0 * weight * step / gaps**3) @ self.chain
        return total, matrix.tocsc()


def solve_map(problem: MapProblem, start: NDArray[np.float64], weights: MapWeights) -> NDArray[np.float64]:
    """Fold-free coordinates (n, 2) of every vertex.

    ``start`` (n, 2) may be folded, but its chains must be in order. Raises FitFailed where folds remain.
    """
    energy = _Energy(problem, weights)
    unknown = start.ravel()[energy.free].copy()
    regulariser = 1e-10 * sparse.eye(energy.unknowns, format="csc")
    epsilon, steps_at_epsilon, decrease = 0.0, 0, np.inf
    determinant = energy.determinants(unknown)
    for _ in range(MAX_STEPS):
        if determinant.min() > 0.0:
            epsilon = 0.0
        else:
            wanted = float(np.sqrt(MIN_EPSILON_SQUARED + 0.04 * determinant.min() ** 2))
            if epsilon == 0.0:
                epsilon, steps_at_epsilon = max(wanted, FIRST_EPSILON), 0
            elif steps_at_epsilon >= STEPS_PER_EPSILON or decrease < 2e-3 * energy.value(unknown, epsilon):
                epsilon, steps_at_epsilon = max(min(epsilon, wanted), 0.5 * epsilon), 0
            steps_at_epsilon += 1
        value = energy.value(unknown, epsilon)
        gradient, hessian = energy.derivatives(unknown, epsilon)
        options = {"SymmetricMode": True}
        factorised = splu(hessian + regulariser, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options)
        direction = -factorised.solve(gradient)
        slope = float(gradient @ direction)
        decrease = -slope
        if epsilon == 0.0 and decrease < weights.tolerance * max(value, 1.0):
            return energy.plane(unknown)

        gaps = energy.chain_gaps(unknown)
        change = energy.chain_gaps(unknown + direction) - gaps
        shrinking = change < 0.0
        step = min(1.0, 0.9 * float((gaps[shrinking] / -change[shrinking]).min(initial=np.inf)))
        while energy.value(unknown + step * direction, epsilon) > value + 1e-4 * step * slope and step > 1e-8:
            step *= 0.6
        if step <= 1e-8:
            break
        unknown = unknown + step * direction
        determinant = energy.determinants(unknown)
    if determinant.min() <= 0.0:
        folds = int((determinant <= 0.0).sum())
        raise FitFailed(
            f"The template's map keeps {folds} folded triangles; the source head is not what it expects."
        )
    return energy.plane(unknown)
