"""Deforming a scan onto another surface."""

from __future__ import annotations

import numpy as np
from facewright.evaluation.metrics.nonrigid_icp import Keypoints, deformed_onto


def test_keypoints_draw_a_scan_along_a_surface() -> None:
    # A flat strip on a flat plane: nearest points say that it fits, keypoints say that it lies 0.5 to the left.
    x, y = (a.ravel() for a in np.meshgrid(np.arange(9.0), np.arange(9.0)))
    number = np.arange(81).reshape(9, 9)
    a, b, c, d = (n.ravel() for n in (number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]))
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    strip = np.column_stack([x, y, np.zeros(81)])
    u, v = (a.ravel() for a in np.meshgrid(np.arange(-2.0, 11.0, 0.05), np.arange(-2.0, 11.0, 0.25)))
    plane = np.column_stack([u, v, np.zeros(len(u))])
    chosen = np.array([0, 8, 40, 72, 80])
    moved = deformed_onto(strip, triangles, plane, Keypoints(chosen, strip[chosen] + [0.5, 0.0, 0.0]))
    np.testing.assert_allclose(moved[chosen, 0], strip[chosen, 0] + 0.5, atol=0.1)
    np.testing.assert_allclose(moved[:, 2], 0.0, atol=1e-6)
    left = deformed_onto(strip, triangles, plane, None)
    np.testing.assert_allclose(left, strip, atol=1e-6)
