"""Joints and weights from geometry alone."""

from __future__ import annotations

import bundles
import numpy as np
import pytest

from blender_addon.backend_door import BundleInvalid, Head
from blender_addon.scene.skinning import JAW_NOISE, PARENTS, Hinge, fit_hinge, fit_pivot, skin


def test_hinge_is_recovered_from_noisy_motion() -> None:
    points = np.random.default_rng(1).normal([0, -80, 0], 20, (60, 3))
    noise = np.random.default_rng(2).normal(0, 0.05, points.shape)
    offsets = bundles.turn_about_x(points, bundles.HINGE, 25.0) - points + noise
    hinge = fit_hinge(points, offsets)
    assert hinge.degrees == pytest.approx(25.0, abs=0.1)
    assert hinge.point == pytest.approx(bundles.HINGE, abs=0.3)


def test_hinge_offset_is_the_rotation() -> None:
    points = np.random.default_rng(3).normal(0, 50, (20, 3))
    expected = bundles.turn_about_x(points, bundles.HINGE, 22.0) - points
    assert Hinge(bundles.HINGE, 22.0).offset(points) == pytest.approx(expected, abs=1e-9)


def test_motion_without_a_turn_is_refused() -> None:
    points = np.random.default_rng(4).normal(0, 20, (30, 3))
    with pytest.raises(BundleInvalid, match="does not turn the jaw"):
        fit_hinge(points, np.tile([0.0, -10.0, 0.0], (30, 1)))


def test_pivot_of_an_eyeball_whatever_its_shape() -> None:
    points = np.random.default_rng(5).normal([32.0, 1.0, 3.0], [10.0, 10.0, 4.0], (200, 3))
    pivot = np.array([30.0, 1.0, -2.0])
    up = bundles.turn_about_x(points, pivot, -15.0) - points
    # A turn about y is a turn about x with the axes in another order.
    out = bundles.turn_about_x(points[:, [1, 2, 0]], pivot[[1, 2, 0]], 20.0)[:, [2, 0, 1]] - points
    assert fit_pivot(points, [up, out]) == pytest.approx(pivot, abs=1e-9)
    with pytest.raises(BundleInvalid, match="do not turn its eyes"):
        fit_pivot(points, [up, np.zeros_like(points)])  # free along the one axis


def test_joints_of_the_synthetic_head(head: Head) -> None:
    bones = skin(head).bones
    assert list(bones) == list(PARENTS)
    assert bones["jaw"].head == pytest.approx(bundles.HINGE, abs=1e-3)
    assert bones["eye_L"].head == pytest.approx(bundles.EYE_CENTRES["left"], abs=1e-3)
    assert bones["eye_R"].head == pytest.approx(bundles.EYE_CENTRES["right"], abs=1e-3)
    assert bones["eye_L"].tail[2] > bones["eye_L"].head[2] + 12.0
    heights = [bones[name].head[1] for name in ("root", "neck", "head")]
    assert heights == sorted(heights)
    for bone in bones.values():
        assert np.linalg.norm(bone.tail - bone.head) > 5.0


def test_weights_are_a_smooth_partition(head: Head) -> None:
    result = skin(head)
    assert result.jaw_open_degrees == pytest.approx(bundles.JAW_DEGREES, abs=1e-3)
    stack = np.stack(list(result.weights.values()))
    assert stack.min() >= 0.0 and stack.sum(0) == pytest.approx(1.0, abs=1e-6)
    assert (stack > 0).sum(0).max() <= 4  # what engines allow
    for part, bone in (("teeth_lower", "jaw"), ("tongue", "jaw"), ("teeth_upper", "head"), ("eye_left", "eye_L"),
                       ("cornea_left", "eye_L"), ("eye_right", "eye_R"), ("cornea_right", "eye_R")):  # fmt: skip
        assert result.weights[bone][head.regions[part]] == pytest.approx(1.0), part
    face = head.regions["face"]
    rim = face[: 25]
    assert result.weights["root"][rim] == pytest.approx(1.0)
    top = face[-25:]
    assert result.weights["head"][top] == pytest.approx(1.0)


def test_the_jaw_bone_repeats_jaw_open(head: Head) -> None:
    """Linear skinning at the full angle gives the blendshape back wherever that is a turn of the jaw."""
    result = skin(head)
    vertices = head.neutral.astype(float)
    moved = result.weights["jaw"][:, None] * Hinge(bundles.HINGE, result.jaw_open_degrees).offset(vertices)
    blendshape = head.blendshapes[head.blendshape_names.index("jawOpen")]
    furthest = np.linalg.norm(blendshape, axis=1).max()
    assert abs(moved - blendshape).max() < 1.05 * JAW_NOISE * furthest


def test_a_head_without_jaw_motion_is_refused(head: Head) -> None:
    still = np.zeros_like(head.blendshapes)
    with pytest.raises(BundleInvalid, match="jawOpen"):
        skin(head._replace(blendshapes=still))
    with pytest.raises(BundleInvalid, match="no blendshape jawOpen"):
        skin(head._replace(blendshape_names=tuple(f"b{k}" for k in range(52))))


def test_a_head_without_eyeballs_gets_no_eye_bones(head: Head) -> None:
    keep = ~np.isin(head.material, [head.material_names.index(m) for m in ("eye", "cornea")])
    result = skin(head._replace(quads=head.quads[keep], material=head.material[keep], uv=head.uv[keep]))
    assert "eye_L" not in result.bones and "eye_L" not in result.weights
    assert np.stack(list(result.weights.values())).sum(0) == pytest.approx(1.0, abs=1e-6)
