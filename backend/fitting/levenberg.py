"""Levenberg-Marquardt over pose, identity, expression and focal length, with bounds and a robust loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .bounded import bounded_quadratic
from .camera import Camera
from .detector_error import Whitening
from .face_frame import FaceFrame, in_face_frame
from .landmark_basis import LandmarkBasis, LandmarkShape
from .pose import angles_from_rotation, rotation_from_vector
from .priors import FocalPrior, Quadratic

Array = NDArray[np.float64]
POSE = 6  # rotation vector, translation
MAX_TURN_RAD = 0.5  # per step
MAX_LOG_FOCAL_STEP = 0.3
CONVERGED = 1e-4  # relative decrease of the cost


class State(NamedTuple):
    """rotation (3, 3), translation_mm (3,), identity (I,), expression (E,), log of the focal length in pixels."""

    rotation: Array
    translation_mm: Array
    identity: Array
    expression: Array
    log_focal: float


class _Linear(NamedTuple):
    """The problem around a state: cost(x + d) is about cost - 2 g.d + d.H.d."""

    hessian: Array
    gradient: Array
    cost: float
    whitening: Whitening


@dataclass(frozen=True)
class Problem:
    """What is to be minimised: r^T C^-1 r + priors.

    landmarks (L, 2 or more) px; ``whitening`` gives C of the 2 L coordinates at a yaw; ``expression_origin`` (E,)
    is where the expression prior is centred; a focal prior of None holds the focal length, ``fixed_identity`` the
    identity.
    Huber's loss beyond ``robust_threshold`` standard deviations of a landmark's own error.
    """

    basis: LandmarkBasis
    landmarks: Array
    image_size: tuple[int, int]
    whitening: Callable[[float], Whitening]
    identity_prior: Quadratic
    expression_prior: Quadratic
    expression_origin: Array
    lower: Array
    upper: Array
    focal_prior: FocalPrior | None
    robust_threshold: float
    fixed_identity: bool = False

    def camera(self, state: State) -> Camera:
        """Camera of a state."""
        return Camera.centred(self.image_size, float(np.exp(state.log_focal)))

    def shape(self, state: State) -> LandmarkShape:
        """Model landmarks of a state."""
        return self.basis.shape(state.identity, state.expression)

    def frame(self, state: State, shape: LandmarkShape) -> FaceFrame:
        """Residuals of a state."""
        points = shape.points @ state.rotation.T + state.translation_mm
        return in_face_frame(points, self.landmarks, self.camera(state), angles_from_rotation(state.rotation).roll)

    def prior_cost(self, state: State) -> float:
        """Value of all priors."""
        cost = self.identity_prior.value(state.identity)
        cost += self.expression_prior.value(state.expression - self.expression_origin)
        if self.focal_prior is not None:
            by_side, by_distance = self._focal_deviations(state)
            cost += by_side**2 + by_distance**2
        return cost

    def cost(self, state: State, whitening: Whitening) -> float:
        """Total, the robust weights being those of ``whitening``."""
        residual = self.frame(state, self.shape(state)).residual.ravel()
        return whitening.squared_norm(residual) + self.prior_cost(state)

    def linearise(self, state: State) -> _Linear:
        """Closed-form Jacobian, robust weights, normal equations."""
        shape = self.shape(state)
        frame = self.frame(state, shape)
        count = len(shape.points)
        rotated = shape.points @ state.rotation.T
        by_rotation = np.zeros((count, 3, 3))  # d(omega x X) / d omega = -[X]_x
        by_rotation[:, 0, 1], by_rotation[:, 0, 2] = rotated[:, 2], -rotated[:, 1]
        by_rotation[:, 1, 0], by_rotation[:, 1, 2] = -rotated[:, 2], rotated[:, 0]
        by_rotation[:, 2, 0], by_rotation[:, 2, 1] = rotated[:, 1], -rotated[:, 0]
        by_model = frame.by_point @ state.rotation
        columns = [frame.by_point @ by_rotation, frame.by_point]
        if not self.fixed_identity:
            columns.append(by_model @ shape.by_identity.transpose(1, 2, 0))
        columns.append(by_model @ shape.by_expression.transpose(1, 2, 0))
        if self.focal_prior is not None:
            # The focal length grows and the head moves away with it, so that the face keeps its size.
            columns.append((frame.expected + frame.by_point[:, :, 2] * state.translation_mm[2])[..., None])
        jacobian = np.concatenate(columns, 2)

        whitening = self.whitening(angles_from_rotation(state.rotation).yaw)
        own = np.sqrt(((frame.residual / whitening.sd.reshape(-1, 2)) ** 2).mean(1))
        weights = np.minimum(1.0, self.robust_threshold / np.maximum(own, 1e-9))
        whitening = whitening.weighted(np.repeat(weights, 2))
        hessian, gradient, cost = whitening.normal_equations(
            jacobian.reshape(2 * count, -1), frame.residual.ravel()
        )
        hessian, gradient = self._with_priors(state, hessian, gradient)
        return _Linear(hessian, gradient, cost + self.prior_cost(state), whitening)

    def _with_priors(self, state: State, hessian: Array, gradient: Array) -> tuple[Array, Array]:
        at = POSE
        blocks: list[tuple[Quadratic, Array]] = []
        if not self.fixed_identity:
            blocks.append((self.identity_prior, state.identity))
        blocks.append((self.expression_prior, state.expression - self.expression_origin))
        for prior, x in blocks:
            span = slice(at, at + len(x))
            hessian[span, span] += prior.matrix
            gradient[span] += prior.negative_half_gradient(x)
            at += len(x)
        if self.focal_prior is not None:
            by_side, by_distance = self._focal_deviations(state)
            rates = 1.0 / self.focal_prior.focal_log_sd, 1.0 / self.focal_prior.distance_log_sd
            # The distance is -z; the focal step, which moves the head, and a move of its own both change it.
            by_depth = np.zeros(len(gradient))
            by_depth[5], by_depth[-1] = rates[1] / state.translation_mm[2], rates[1]
            by_focal = np.zeros(len(gradient))
            by_focal[-1] = rates[0]
            for row, deviation in ((by_focal, by_side), (by_depth, by_distance)):
                hessian += np.outer(row, row)
                gradient -= deviation * row
        return hessian, gradient

    def _focal_deviations(self, state: State) -> tuple[float, float]:
        """Deviations of focal length and distance from the belief, in its standard deviations."""
        prior = self.focal_prior
        assert prior is not None
        by_side = (state.log_focal - np.log(prior.focal_per_side * max(self.image_size))) / prior.focal_log_sd
        away = max(-float(state.translation_mm[2]), 1.0)
        return float(by_side), float((np.log(away) - np.log(prior.distance_mm)) / prior.distance_log_sd)

    def step(self, state: State, delta: Array) -> State:
        """Apply an update vector: rotation, translation, identity, expression, log focal length."""
        at = POSE
        identity = state.identity
        if not self.fixed_identity:
            identity = identity + delta[at : at + len(identity)]
            at += len(identity)
        expression = np.clip(state.expression + delta[at : at + len(state.expression)], self.lower, self.upper)
        translation = state.translation_mm.copy()
        log_focal = state.log_focal
        if self.focal_prior is not None:
            log_focal += float(delta[-1])
            translation[2] *= np.exp(delta[-1])
        return State(
            rotation_from_vector(delta[:3]) @ state.rotation,
            translation + delta[3:6],
            identity,
            expression,
            log_focal,
        )

    def bounds(self, state: State, size: int) -> tuple[Array, Array]:
        """Bounds of an update vector."""
        lower, upper = np.full(size, -np.inf), np.full(size, np.inf)
        lower[:3], upper[:3] = -MAX_TURN_RAD, MAX_TURN_RAD
        at = POSE + (0 if self.fixed_identity else len(state.identity))
        span = slice(at, at + len(state.expression))
        lower[span], upper[span] = self.lower - state.expression, self.upper - state.expression
        if self.focal_prior is not None:
            lower[-1], upper[-1] = -MAX_LOG_FOCAL_STEP, MAX_LOG_FOCAL_STEP
        return lower, upper


def minimise(problem: Problem, state: State, max_iterations: int) -> tuple[State, int]:
    """Iterate until the cost falls by less than ``CONVERGED``; returns the best state and the iterations used.

    Damping is Marquardt's, proportional to the Hessian's diagonal. A step is taken where it lowers the cost under
    the robust weights it was computed with.
    """
    damping = 1e-4
    for iteration in range(1, max_iterations + 1):
        linear = problem.linearise(state)
        lower, upper = problem.bounds(state, len(linear.gradient))
        taken = False
        for _ in range(5):
            damped = linear.hessian + np.diag(damping * np.diag(linear.hessian) + 1e-9)
            candidate = problem.step(state, bounded_quadratic(damped, linear.gradient, lower, upper))
            cost = problem.cost(candidate, linear.whitening)
            if cost <= linear.cost:
                taken = True
                break
            damping = max(damping * 10.0, 1e-3)
        if not taken:
            return state, iteration
        state, damping = candidate, damping * 0.2
        if linear.cost - cost < CONVERGED * linear.cost:
            return state, iteration
    return state, max_iterations
