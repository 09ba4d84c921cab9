"""What a development benchmark renders: heads, expressions, lights, cameras; always the same for the same settings.

"fslab" are the views of FaceScape, Sec. 6.2; "portrait" is what people's photographs are like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...face_model.key_expressions import KEY_EXPRESSION_NAMES, key_expression_weights
from ...fitting.camera import FILM_WIDTH_MM, Camera
from ...fitting.pose import HeadAngles, rotation_from_angles
from .lights import LIGHTS

Array = NDArray[np.float64]

VIEWS = ("fslab", "portrait")
SIZES = (64, 2048)
FSLAB_ANGLES: tuple[tuple[float, float], ...] = (
    (0.0, 0.0),
    (0.0, 30.0), (0.0, -30.0),
    (21.47, 21.47), (21.47, -21.47), (-21.47, 21.47), (-21.47, -21.47),
    (30.0, 0.0), (-30.0, 0.0),
    (60.0, 0.0), (-60.0, 0.0),
)  # fmt: skip
"""(yaw, pitch) in degrees: one view from the front, eight at 30 degrees, two at 60. FaceScape Sec. 6.2."""
FSLAB_FOCAL_PX = (1200.0, 600.0, 300.0)
FSLAB_SIZE = 256
"""Pixels a side that the three focal lengths belong to. FaceScape Sec. 6.2."""
FSLAB_HEIGHT_MM = 250.0
"""How much the picture spans at the middle of the head: head and hair with a margin, as in FaceScape's Fig. 12."""

LENSES_MM = (50.0, 85.0, 135.0)
PORTRAIT_HEIGHT_MM = (240.0, 340.0)
PORTRAIT_YAW, PORTRAIT_PITCH, PORTRAIT_ROLL = 40.0, 12.0, 8.0
OFF_CENTRE = 0.04
"""How far from the picture's middle a portrait's head stands at most, share of its width."""

HEAD_MIDDLE_MM = np.array([0.0, -20.0, -25.0])
"""Model space: what cameras are centred on: not the head's own middle, which is farther back, but the face's."""
IDENTITY_SD = 0.95
NEUTRAL_SHARE = 0.3
SMALL_FACES = tuple(name for name in KEY_EXPRESSION_NAMES if name not in ("neutral", "mouth_stretch", "eye_closed"))


@dataclass(frozen=True)
class BenchmarkSettings:
    """What to make.

    heads    number of subjects
    size     of the square pictures, pixels
    seed     of everything that is drawn at random
    views    one of VIEWS
    portraits  pictures of each subject where ``views`` is "portrait"
    samples  of Cycles for each pixel
    detail   wrinkles as displaced geometry; only for the built-in face model
    """

    heads: int = 20
    size: int = 256
    seed: int = 0
    views: str = "fslab"
    portraits: int = 4
    samples: int = 16
    detail: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is none that can be made."""
        if self.views not in VIEWS:
            raise ValueError(f"there are no views {self.views!r}: choose {' or '.join(VIEWS)}")
        for name in ("heads", "portraits", "samples"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not SIZES[0] <= self.size <= SIZES[1]:
            raise ValueError(f"pictures have {SIZES[0]} to {SIZES[1]} pixels a side, not {self.size}")


class Expression(NamedTuple):
    """One or two key expressions and how much of them; none is the neutral face."""

    keys: tuple[tuple[str, float], ...] = ()

    @property
    def label(self) -> str:
        """Such as "neutral" or "smile+brow_raiser"."""
        return "+".join(name for name, _ in self.keys) or "neutral"

    def weights(self, names: tuple[str, ...]) -> Array:
        """(E,) blendshape weights, at most 1."""
        keys = key_expression_weights(names)
        total = np.zeros(len(names))
        for name, amount in self.keys:
            total += amount * keys[KEY_EXPRESSION_NAMES.index(name)]
        result: Array = np.clip(total, 0.0, 1.0)
        return result


class Shot(NamedTuple):
    """One picture: ``angles`` of the head against the camera, ``translation_mm`` (3,), ``light`` one of LIGHTS."""

    id: str
    subject: int
    expression: Expression
    light: str
    angles: HeadAngles
    camera: Camera
    translation_mm: Array

    @property
    def rotation(self) -> Array:
        """(3, 3) X_cam = rotation @ X_model + translation_mm."""
        return rotation_from_angles(self.angles)


class Subject(NamedTuple):
    """One person and the pictures of it. ``number`` seeds identity and looks."""

    number: int
    name: str
    shots: tuple[Shot, ...]


def plan(settings: BenchmarkSettings, names: tuple[str, ...] = ()) -> tuple[Subject, ...]:
    """All subjects with their pictures.

    A subject's plan depends on the seed and its number alone: more heads leave the first ones as they are.

    Parameters
    ----------
    settings : BenchmarkSettings
    names : of the subjects, where they are not drawn from a face model; then there are as many as names
    """
    chosen = names or tuple(f"head{number:03d}" for number in range(settings.heads))
    views = _fslab if settings.views == "fslab" else _portraits
    return tuple(Subject(number, name, views(number, name, settings)) for number, name in enumerate(chosen))


def subject_rng(seed: int, number: int, purpose: int) -> np.random.Generator:
    """The generator of one subject for one purpose (0 pictures, 1 identity, 2 looks)."""
    return np.random.default_rng((seed, number, purpose))


def _fslab(number: int, name: str, settings: BenchmarkSettings) -> tuple[Shot, ...]:
    """11 views at three focal lengths of one expression under one light, as of one scan."""
    rng = subject_rng(settings.seed, number, 0)
    expression = _expression(rng, settings.detail)
    light = _light_of(number, 0, settings.seed)
    shots = []
    for focal in FSLAB_FOCAL_PX:
        camera = Camera.centred((settings.size, settings.size), focal * settings.size / FSLAB_SIZE)
        for yaw, pitch in FSLAB_ANGLES:
            shot_id = f"{name}_f{focal:04.0f}_y{yaw:+03.0f}_p{pitch:+03.0f}"
            angles = HeadAngles(yaw, pitch, 0.0)
            translation = _placed(camera, angles, FSLAB_HEIGHT_MM, np.zeros(2))
            shots.append(Shot(shot_id, number, expression, light, angles, camera, translation))
    return tuple(shots)


def _portraits(number: int, name: str, settings: BenchmarkSettings) -> tuple[Shot, ...]:
    """Pictures as people take them, each with a light, a lens and an expression of its own."""
    rng = subject_rng(settings.seed, number, 0)
    shots = []
    for index in range(settings.portraits):
        lens = LENSES_MM[int(rng.integers(len(LENSES_MM)))]
        angles = HeadAngles(
            float(rng.uniform(-PORTRAIT_YAW, PORTRAIT_YAW)),
            float(rng.uniform(-PORTRAIT_PITCH, PORTRAIT_PITCH)),
            float(rng.uniform(-PORTRAIT_ROLL, PORTRAIT_ROLL)),
        )
        camera = Camera.centred((settings.size, settings.size), settings.size * lens / FILM_WIDTH_MM)
        height = float(rng.uniform(*PORTRAIT_HEIGHT_MM))
        aside = rng.uniform(-OFF_CENTRE, OFF_CENTRE, 2) * height
        expression, light = _expression(rng, settings.detail), _light_of(number, index, settings.seed)
        translation = _placed(camera, angles, height, aside)
        shots.append(Shot(f"{name}_{index:02d}", number, expression, light, angles, camera, translation))
    return tuple(shots)


def _placed(camera: Camera, angles: HeadAngles, height_mm: float, aside_mm: Array) -> Array:
    """(3,) translation with the middle of the head where the picture is ``height_mm`` high, whatever the lens."""
    depth = camera.fy * height_mm / camera.height
    result: Array = np.array([aside_mm[0], aside_mm[1], -depth]) - rotation_from_angles(angles) @ HEAD_MIDDLE_MM
    return result


def _light_of(number: int, index: int, seed: int) -> str:
    """All lights in turn, so that a small set has most of them."""
    names = tuple(LIGHTS)
    return names[(seed + 3 * number + index) % len(names)]


def _expression(rng: np.random.Generator, single: bool) -> Expression:
    """Neutral, a key expression, or a mixture of two; ``single`` leaves mixtures out."""
    kind, first, second = rng.random(), *rng.choice(len(SMALL_FACES), 2, replace=False)
    amounts = rng.uniform(0.5, 1.0, 2)
    if kind < NEUTRAL_SHARE:
        return Expression()
    if single or kind < 0.5 + 0.5 * NEUTRAL_SHARE:
        return Expression(((SMALL_FACES[first], float(amounts[0])),))
    return Expression(
        ((SMALL_FACES[first], 0.6 * float(amounts[0])), (SMALL_FACES[second], 0.6 * float(amounts[1])))
    )
