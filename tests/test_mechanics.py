"""Wrinkles from mechanics on real heads: deep, steep and directed as skin, where they may be, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from facewright.displacement.crease_ground import SkinGround
from facewright.displacement.crease_set import CreaseSet, LockedLines
from facewright.displacement.creases_upper import upper_creases
from facewright.displacement.map_quality import SkinRuler
from facewright.displacement.mechanics import (
    crease_depths,
    dynamic_maps,
    lay_out_creases,
    line_relief,
    locked_static,
)
from facewright.displacement.noise import LineNoise
from facewright.displacement.phase import cycles_per_texel
from facewright.displacement.settings import SkinSettings
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES
from mechanics_heads import ground_of, model

HEADS = (100, 107, 113)
KEYS = KEY_EXPRESSION_NAMES[1:]
BROW_RAISER, SMILE = KEYS.index("brow_raiser"), KEYS.index("smile")


@pytest.fixture(scope="module", params=HEADS)
def measured(request: pytest.FixtureRequest) -> tuple[SkinGround, np.ndarray, SkinRuler]:
    ground = ground_of(request.param)
    sets = lay_out_creases(ground)
    return ground, dynamic_maps(ground, sets, crease_depths(ground, sets)), SkinRuler(ground, model().topology)


@pytest.fixture(scope="module")
def small() -> tuple[SkinGround, tuple[CreaseSet, ...]]:
    ground = ground_of(100, 512)
    return ground, lay_out_creases(ground)


def maps_of(ground: SkinGround, settings: SkinSettings) -> np.ndarray:
    """Maps of the same head with another skin."""
    other = replace(ground, settings=settings, noise=LineNoise.of(settings.seed))
    sets = lay_out_creases(other)
    return dynamic_maps(other, sets, crease_depths(other, sets))


def named(sets: tuple[CreaseSet, ...], name: str) -> CreaseSet:
    return next(lines for lines in sets if lines.name == name)


def test_the_bars(measured: tuple[SkinGround, np.ndarray, SkinRuler]) -> None:
    """The same bars as benchmarks/detail_mechanics.py, on three of its heads."""
    ground, maps, ruler = measured
    shown = ("brow_raiser", "smile", "anger", "brow_lower", "grin", "mouth_stretch")
    found = {name: ruler.quality(maps[KEYS.index(name)], ground.strain[KEYS.index(name)]) for name in shown}
    for name, low, high in (("brow_raiser", 0.7, 1.5), ("smile", 0.6, 1.5), ("anger", 0.4, 1.2),
                            ("brow_lower", 0.4, 1.2)):  # fmt: skip
        assert low <= found[name].depth_mm <= high, (name, found[name].depth_mm)
    assert max(quality.slope_degrees for quality in found.values()) <= 40.0
    assert max(quality.pits for quality in found.values()) <= 50
    assert max(quality.near_slit_um for quality in found.values()) <= 5.0
    assert np.median(np.concatenate([quality.angles for quality in found.values()])) <= 25.0
    spacing, lines = ruler.forehead_spacing(maps[BROW_RAISER])
    assert 6.0 <= spacing <= 9.0
    assert 3 <= lines <= 7


def test_no_seam_at_the_middle_nor_at_the_back(measured: tuple[SkinGround, np.ndarray, SkinRuler]) -> None:
    _, maps, _ = measured
    middle = maps.shape[2] // 2
    assert np.abs(maps[:, :, [0, -1]]).max() == 0.0
    bend = np.abs(np.diff(maps[[BROW_RAISER, SMILE, KEYS.index("anger")]], 2, axis=2))
    columns = np.percentile(bend, 99.5, axis=(0, 1))
    beside = columns[middle - 60 : middle + 60]
    assert columns[middle - 3 : middle + 3].max() <= 2.0 * np.percentile(beside, 90) + 1e-3


def test_nothing_at_rest(small: tuple[SkinGround, tuple[CreaseSet, ...]]) -> None:
    ground, sets = small
    rest = crease_depths(ground, sets, np.zeros_like(ground.strain[:1]), np.zeros_like(ground.weights[:1]))
    assert max(float(np.abs(depth).max()) for depth in rest) == 0.0
    assert np.abs(dynamic_maps(ground, sets, rest)).max() == 0.0


def test_depth_grows_steadily_with_the_weight(small: tuple[SkinGround, tuple[CreaseSet, ...]]) -> None:
    ground, sets = small
    weights = ground.weights[BROW_RAISER] * np.linspace(0.0, 1.0, 9)[:, None]
    poses = [dict(zip(ground.names, row)) for row in weights]
    depths = crease_depths(ground, sets, ground.strain_of(*poses), weights)
    rms = np.sqrt(np.square(dynamic_maps(ground, sets, depths), dtype=np.float64).mean((1, 2)))
    assert (np.diff(rms) >= 0.0).all()
    assert np.diff(rms).max() < 0.35 * rms[-1]
    assert 0.35 < rms[4] / rms[-1] < 0.85


def test_same_settings_same_bytes_and_another_seed_another_skin(
    small: tuple[SkinGround, tuple[CreaseSet, ...]],
) -> None:
    ground, sets = small
    maps = dynamic_maps(ground, sets, crease_depths(ground, sets))
    assert maps.tobytes() == maps_of(ground, ground.settings).tobytes()
    other = maps_of(ground, replace(ground.settings, seed=ground.settings.seed + 1))
    assert np.corrcoef(maps[BROW_RAISER].ravel(), other[BROW_RAISER].ravel())[0, 1] < 0.9
    assert 0.6 < other[BROW_RAISER].std() / maps[BROW_RAISER].std() < 1.6


def test_the_same_lines_at_any_size(small: tuple[SkinGround, tuple[CreaseSet, ...]]) -> None:
    ground, sets = small
    large = ground_of(100, 1024)
    finer = lay_out_creases(large)
    coarse = dynamic_maps(ground, sets, crease_depths(ground, sets))
    fine = dynamic_maps(large, finer, crease_depths(large, finer))
    for key in (BROW_RAISER, SMILE):
        halved = fine[key].reshape(512, 2, 512, 2).mean((1, 3))
        assert np.corrcoef(coarse[key].ravel(), halved.ravel())[0, 1] > 0.97


def test_age_and_thickness(small: tuple[SkinGround, tuple[CreaseSet, ...]]) -> None:
    ground, _ = small
    spread = [maps_of(ground, replace(ground.settings, age=age))[SMILE].std() for age in (0.0, 0.45, 1.2)]
    assert spread[0] < 0.8 * spread[1] and spread[1] < 0.8 * spread[2]
    wide = replace(ground.settings, wavelength_factor=1.25)
    usual, wider = (
        named(tuple(upper_creases(replace(ground, settings=settings))), "forehead")
        for settings in (ground.settings, wide)
    )
    assert 1.15 < np.median(wider.wavelength_mm) / np.median(usual.wavelength_mm) < 1.35
    single = replace(ground.settings, gains={"glabella": 0.5})
    plain, halved = maps_of(ground, ground.settings), maps_of(ground, single)
    anger = KEYS.index("anger")
    assert np.abs(halved[anger]).max() < np.abs(plain[anger]).max()
    assert np.array_equal(halved[BROW_RAISER][:100], plain[BROW_RAISER][:100])


def test_sides_differ_but_neither_is_stronger() -> None:
    """The mean head is symmetric: over seeds both sides wrinkle equally, and never in the same places."""
    people = model()
    mean = np.zeros(people.identity_dims)
    symmetric = SkinGround.of(
        people.topology, people.neutral(mean), people.blendshapes(mean), people.blendshape_names, 384
    )
    energy, alike = [], []
    for seed in range(6):
        maps = maps_of(symmetric, SkinSettings(seed=seed))[[BROW_RAISER, SMILE]]
        right, left = maps[:, :, :192], maps[:, :, :191:-1]
        energy.append([(right**2).sum(), (left**2).sum()])
        alike.append(np.corrcoef(right.ravel(), left.ravel())[0, 1])
    share = np.sum(energy, 0)
    assert 0.75 < share[0] / share[1] < 1.33
    assert max(alike) < 0.9


def test_lines_that_the_photo_shows_are_locked(small: tuple[SkinGround, tuple[CreaseSet, ...]]) -> None:
    ground, sets = small
    lines = named(sets, "forehead")
    depths = crease_depths(ground, [lines])
    ones = np.ones_like(lines.phase)
    moved = {"forehead": LockedLines(0.25 * ones, 0.5 * ones, ones)}
    plain, locked = (dynamic_maps(ground, [lines], depths, how)[BROW_RAISER] for how in (None, moved))
    here = lines.rows, lines.columns
    strong = (lines.mask > 0.8) & (lines.depth > 0.5)

    def valley(height: np.ndarray) -> float:
        return float(np.angle((height[here] * np.exp(2j * np.pi * lines.phase))[strong].sum()) / (2 * np.pi))

    # Valleys lie where the height is least: half a cycle from the phase of the height.
    assert abs((valley(plain) + 0.5 + 0.5) % 1.0 - 0.5) < 0.05
    assert abs((valley(locked) + 0.5 - 0.25 + 0.5) % 1.0 - 0.5) < 0.05
    assert locked.std() > 1.1 * plain.std()
    static = locked_static(ground, sets, moved)
    assert abs((valley(static) + 0.5 - 0.25 + 0.5) % 1.0 - 0.5) < 0.05
    assert -0.9 < static.min() < -0.3
    outside = static.copy()
    outside[here] = 0.0
    assert np.abs(outside).max() == 0.0


def test_untrusted_lines_change_nothing(small: tuple[SkinGround, tuple[CreaseSet, ...]]) -> None:
    ground, sets = small
    lines = named(sets, "forehead")
    nothing = np.zeros_like(lines.phase)
    how = {"forehead": LockedLines(nothing, nothing, nothing)}
    depths = crease_depths(ground, [lines])
    assert np.array_equal(dynamic_maps(ground, [lines], depths), dynamic_maps(ground, [lines], depths, how))
    assert np.abs(locked_static(ground, sets, how)).max() == 0.0


def test_own_lines_leave_the_middle_of_forks_flat(small: tuple[SkinGround, tuple[CreaseSet, ...]]) -> None:
    """A photo may show lines right across a fork: the point that the phase turns round must not become a hole."""
    lines = named(small[1], "forehead")
    ones = np.ones_like(lines.phase)
    how = LockedLines(0.0 * ones, 0.6 * ones, ones)
    free, own = line_relief(lines), line_relief(lines, how)
    turning = cycles_per_texel(lines.phase)
    middle = (turning > 3.0 * np.median(turning)) & (lines.mask > 0.5)
    assert 3 <= middle.sum() < 200
    assert np.abs(own - free)[middle].max() < 0.05
    assert np.abs(own).mean() > 1.3 * np.abs(free).mean(), "elsewhere they are deeper"
    # A shift that turns round a point of its own leaves it flat, too.
    y, x = np.indices(lines.phase.shape) - np.reshape(lines.phase.shape, (2, 1, 1)) / 2.0 + 0.25
    turned = line_relief(lines, how._replace(shift=(np.arctan2(y, x) / (2.0 * np.pi)).astype(np.float32)))
    assert np.abs(turned[np.hypot(x, y) < 1.5]).max() < 0.05
