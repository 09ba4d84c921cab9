"""Crease sets against photographs of lines whose places and depths are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from facewright.displacement.crease_set import CreaseSet, LockedLines, PhotoEvidence
from facewright.displacement.line_lock import expected_depth, lock_lines
from facewright.displacement.line_wave import LockSettings
from facewright.displacement.mechanics import crease_depths, dynamic_maps, locked_static
from facewright.displacement.phase import profile
from facewright.displacement.strain import expression_heads, key_strain
from photographed_skin import SIZE, Scene, evidence_of, make_scene

LINED = ("forehead", "glabella", "nasolabial_left", "nasolabial_right")
DEPTH_MM = 0.3
SHIFT = 0.3
REST = np.zeros(52)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene()


def relief_of(lines: CreaseSet, depth_mm: float = DEPTH_MM, shift: float = SHIFT) -> np.ndarray:
    relief = np.zeros((SIZE, SIZE), np.float32)
    shape = profile(lines.phase - np.float32(shift), lines.style.exponent, max(lines.style.roundness, 0.15))
    relief[lines.rows, lines.columns] = depth_mm * shape * lines.mask
    return relief


def locked_in(scene: Scene, evidence: PhotoEvidence, expression: np.ndarray = REST) -> dict[str, LockedLines]:
    return lock_lines(scene.ground, scene.sets, evidence, expression)


@pytest.fixture(scope="module")
def truth(scene: Scene) -> np.ndarray:
    return sum(relief_of(scene.lines(name)) for name in LINED)


@pytest.fixture(scope="module", params=["top right", "left"])
def lined(request: pytest.FixtureRequest, scene: Scene, truth: np.ndarray) -> PhotoEvidence:
    light = {"top right": (-0.35, 0.55, 0.76), "left": (0.7, 0.15, 0.7)}[request.param]
    return evidence_of(scene, truth, light=np.array(light))


def test_lines_are_found_where_they_are(scene: Scene, lined: PhotoEvidence, truth: np.ndarray) -> None:
    locked = locked_in(scene, lined)
    for name in LINED:
        lines, own = scene.lines(name), locked[name]
        visible = (own.trust > 0.5) & (lines.mask > 0.5)
        seen = (lined.trust[lines.rows, lines.columns] > 0.8) & (lines.mask > 0.5)
        assert visible.sum() > 0.6 * seen.sum() > 0, name
        error = np.abs((own.shift[visible] - SHIFT + 0.5) % 1.0 - 0.5)
        assert np.median(error) < 0.08 and np.quantile(error, 0.9) < 0.15, name
    static = locked_static(scene.ground, scene.sets, locked)
    there = (lined.trust > 0.7) & (np.abs(truth) > 0.02)
    assert np.corrcoef(static[there], truth[there])[0, 1] > 0.85
    assert 0.5 < static[there].std() / truth[there].std() < 1.6


def test_lines_are_believed_to_be_deeper_on_older_skin(scene: Scene, lined: PhotoEvidence) -> None:
    young, old = (
        lock_lines(
            replace(scene.ground, settings=replace(scene.ground.settings, age=age)), scene.sets, lined, REST
        )[LINED[0]]
        for age in (0.3, 1.2)
    )
    seen = young.depth_mm * young.trust > 0.05
    assert seen.sum() > 500
    ratio = float(np.median(old.depth_mm[seen] / young.depth_mm[seen]))
    assert 1.2 < ratio < 3.0


def test_other_sets_find_nothing(scene: Scene, lined: PhotoEvidence) -> None:
    locked = locked_in(scene, lined)
    for name, own in locked.items():
        # Finer lines in the same place see how sharp the valleys are.
        if name in LINED or name.endswith("_fine") or name.startswith("cheek"):
            continue
        inside = scene.lines(name).mask > 0.3
        assert (own.depth_mm * own.trust)[inside].mean() < 0.015, name


@pytest.mark.parametrize("options", [{}, {"grain": 5.0}, {"quality": 40}, {"mm_per_pixel": 1.0}])
def test_a_smooth_head_has_no_lines(scene: Scene, options: dict[str, float]) -> None:
    evidence = evidence_of(scene, **options)
    static = locked_static(scene.ground, scene.sets, locked_in(scene, evidence))
    assert np.quantile(np.abs(static[evidence.trust > 0.3]), 0.995) < 0.01
    assert np.abs(static).max() < 0.06


def test_a_coarse_photo_shows_no_fine_lines(scene: Scene) -> None:
    fine = scene.lines("under_eye_left")
    sharp, coarse = (
        locked_in(scene, evidence_of(scene, relief_of(fine, 0.15), mm_per_pixel=size)) for size in (0.4, 1.3)
    )
    assert (sharp[fine.name].depth_mm * sharp[fine.name].trust).max() > 0.05
    assert fine.name not in coarse
    assert "nasolabial_left" in coarse


def smile(scene: Scene, amount: float = 1.0) -> np.ndarray:
    weights = np.zeros(52)
    names = scene.model.blendshape_names
    weights[[names.index("mouthSmileLeft"), names.index("mouthSmileRight")]] = amount
    return weights


def test_the_lines_of_a_smile_are_no_lines_at_rest(scene: Scene) -> None:
    weights = smile(scene)
    heads = expression_heads(scene.head.neutral, scene.head.blendshapes, weights[None])
    strain = key_strain(scene.ground.frame, heads)
    depths = crease_depths(scene.ground, scene.sets, strain, weights[None])
    folded = dynamic_maps(scene.ground, scene.sets, depths)[0]
    lines = scene.lines("nasolabial_left")
    where = lines.rows, lines.columns
    assert -folded[where].min() > 0.3
    seen = evidence_of(scene, folded, expression=weights)
    smiling = locked_in(scene, seen, weights)
    as_if_calm = locked_in(scene, seen, REST)
    rest = [(own["nasolabial_left"].depth_mm * own["nasolabial_left"].trust)[lines.mask > 0.4].mean()
            for own in (smiling, as_if_calm)]  # fmt: skip
    assert rest[0] < 0.25 * rest[1]
    assert rest[1] > 0.05
    # And the person's smile is about as deep as mechanics has it.
    assert 0.8 <= smiling["nasolabial_left"].gain <= 1.4
    assert smiling["nasolabial_left"].gain == smiling["nasolabial_right"].gain


def test_a_smile_without_lines_says_that_skin_is_smooth(scene: Scene) -> None:
    weights = smile(scene)
    lined = expected_depth(scene.ground, [scene.lines("nasolabial_left")], weights)[0]
    assert lined.max() > LockSettings().predicted_mm
    smooth = locked_in(scene, evidence_of(scene, expression=weights), weights)
    assert smooth["nasolabial_left"].gain < 0.95
    assert (smooth["nasolabial_left"].depth_mm * smooth["nasolabial_left"].trust).max() < 0.08


def test_what_is_not_seen_stays_in_its_place(scene: Scene) -> None:
    blank = np.zeros((SIZE, SIZE), np.float32)
    unseen = PhotoEvidence(blank, blank, 0.5, 0.45, False, 1.0)
    assert locked_in(scene, unseen) == {}
    calm = locked_in(scene, unseen._replace(trust=blank + 1.0))
    for name, own in calm.items():
        assert np.abs(own.shift).max() < 1e-3, name
        assert not own.depth_mm.any() and own.gain == 1.0, name
