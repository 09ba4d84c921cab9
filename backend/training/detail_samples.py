"""A synthetic population with known detail: heads, their 20 displacement maps, and photographs of them.

No scans with displacement are to be had under an open licence. So heads are drawn from the face model, get skin
of some age, thickness and roughness, wrinkle by mechanics as irregularly as seeds differ, keep some of their lines
at rest as they age, perform the key expressions more or less intensely, and are photographed in some expression by
some light. What a network learns from them is what mechanics knows, conditioned on what a photo shows. Nothing more
can be learned: the truth here is a model of skin, not skin.

    python -m facewright.training.detail_samples FOLDER --train 80 --held-out 16     makes or goes on
    samples = open_samples(FOLDER).part("train")                                     see ``sample_store.Samples``
    samples[3].dynamic, samples.raw(3, "dynamic")[4, :256, :256]                     whole in mm; a crop as stored

Every head has a generator of its own, seeded by the population's seed, its split and its number: identities, skins,
lights and photographs of held-out heads have nothing in common with those trained on.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..displacement.crease_ground import SkinGround
from ..displacement.crease_set import CreaseSet, LockedLines
from ..displacement.deforming_map import deforming_maps
from ..displacement.lattice_frame import LatticeFrame
from ..displacement.line_lock import both_sides
from ..displacement.mechanics import crease_depths, dynamic_maps, lay_out_creases, locked_static
from ..displacement.network import deforming_size
from ..displacement.pores import pores
from ..displacement.resting_lines import usual_rest
from ..displacement.settings import SkinSettings
from ..displacement.strain import expression_heads, key_strain
from ..displacement.tension_maps import tension_maps
from ..dynamic_detail.tension import skin_edges, tension
from ..face_model.base import FaceModel
from ..face_model.key_expressions import KEY_EXPRESSION_NAMES, key_expression_weights
from ..face_model.load import load_face_model
from ..mesh.texel_map import uv_sampler
from .sample_store import SPLITS, DetailSample, Samples, begin, is_stored, open_samples, store
from .skin_photograph import FACE_MM_PER_TEXEL, PhotographSettings, Studio, open_studio, photograph

__all__ = ["DetailSample", "PopulationSettings", "Samples", "make_sample", "make_samples", "open_samples"]

Floats = NDArray[np.floating[Any]]
BUMPS_MM = (0.9, 1.8)
"""Standard deviations of the Gaussians that make bumps of noise."""
LIKELY_IN_PHOTOS = ("smile", "grin")


@dataclass(frozen=True)
class PopulationSettings:
    """Ranges that heads are drawn from, uniformly where nothing else is said.

    size            S of the maps
    seed            of everything
    identity_sd     standard deviation of the identity coefficients
    age, thickness, wavelength, roughness   see SkinSettings; thickness and wavelength logarithmically
    set_spread      standard deviation of the logarithm of each crease set's own gain
    intensity       share of a key expression that a person performs
    unevenness      how much single muscles differ from that
    neutral_photos  share of photos with a neutral face; the others show a mixture of at most ``photo_intensity``
    bumps_um        standard deviation of the skin's relief of some millimetres that is no line, micrometres
    rest_share      depth of lines at rest, relative to what is usual at the person's age
    photograph      ranges of the photographs
    """

    size: int = 1024
    seed: int = 1
    identity_sd: float = 0.95
    age: tuple[float, float] = (0.1, 1.3)
    thickness: tuple[float, float] = (0.85, 1.2)
    wavelength: tuple[float, float] = (0.85, 1.2)
    roughness: tuple[float, float] = (0.5, 1.5)
    set_spread: float = 0.2
    intensity: tuple[float, float] = (0.45, 1.0)
    unevenness: float = 0.15
    neutral_photos: float = 0.35
    photo_intensity: float = 0.8
    bumps_um: tuple[float, float] = (4.0, 25.0)
    rest_share: float = 1.0
    photograph: PhotographSettings = field(default_factory=PhotographSettings)


def make_sample(
    model: FaceModel,
    studio: Studio,
    split: str,
    number: int,
    settings: PopulationSettings = PopulationSettings(),
) -> DetailSample:
    """One head, always the same for the same split, number and settings; about 4 s at 1024.

    Raises TopologyMismatch where the model is not the built-in one.
    """
    rng = np.random.default_rng((settings.seed, SPLITS.index(split), number))
    topology, names = model.topology, model.blendshape_names
    identity = rng.normal(size=model.identity_dims) * settings.identity_sd
    head = model.head(identity)
    skin = _random_skin(rng, settings)
    ground = SkinGround.of(topology, head.neutral, head.blendshapes, names, settings.size, skin)
    sets = lay_out_creases(ground)
    skin = _with_gains(skin, sets, rng, settings.set_spread)
    ground = replace(ground, settings=skin)
    at_rest = _lines_at_rest(ground, sets, rng, settings.rest_share)

    performed = _performed(names, rng, settings)
    shown = _shown_in_photo(names, rng, settings)
    weights = np.concatenate([performed, shown[None]])
    heads = expression_heads(head.neutral, head.blendshapes, weights)
    strain = key_strain(ground.frame, heads)
    maps = dynamic_maps(ground, sets, crease_depths(ground, sets, strain, weights), at_rest)
    dynamic, of_photo = maps[:-1], maps[-1]
    static = locked_static(ground, sets, at_rest) + _bumps(model, studio, rng, settings)
    grain = pores(topology, head.neutral, settings.size, seed=skin.seed, roughness=skin.roughness, age=skin.age)

    edges = skin_edges(topology, head.neutral)
    tense = np.stack([tension(edges, places) for places in heads[:-1]])
    sampler = uv_sampler(topology, "skin", settings.size)
    compressed, stretched = tension_maps(dynamic, np.moveaxis(sampler.image(tense.T), 2, 0))

    source = heads[-1]
    shot = photograph(topology, source, static + grain + of_photo, studio, rng, settings.photograph)
    targets = np.concatenate([head.neutral[None].astype(np.float32), heads[:-1]])
    moves = deforming_maps(LatticeFrame.of(topology, source), targets, deforming_size(settings.size))
    about = {
        "split": split,
        "number": number,
        "identity": identity.tolist(),
        "skin": asdict(skin),
        "source_weights": shown.tolist(),
        "key_weights": performed.tolist(),
        "mm_per_pixel": shot.mm_per_pixel,
    }
    return DetailSample(
        shot.texture, shot.trust, static, grain, dynamic, compressed, stretched, moves, tense,
        head.neutral.astype(np.float32), source.astype(np.float32), about,
    )  # fmt: skip


def _random_skin(rng: np.random.Generator, settings: PopulationSettings) -> SkinSettings:
    return SkinSettings(
        age=float(rng.uniform(*settings.age)),
        thickness=float(np.exp(rng.uniform(*np.log(settings.thickness)))),
        wavelength_factor=float(np.exp(rng.uniform(*np.log(settings.wavelength)))),
        roughness=float(rng.uniform(*settings.roughness)),
        seed=int(rng.integers(1, 2**31)),
    )


def _with_gains(
    skin: SkinSettings, sets: Sequence[CreaseSet], rng: np.random.Generator, spread: float
) -> SkinSettings:
    """Skin of which one set folds more readily than another; the two sides of a face agree."""
    stems = sorted({both_sides(lines.name) for lines in sets})
    factors = dict(zip(stems, np.exp(spread * rng.standard_normal(len(stems)))))
    return SkinSettings(
        skin.age, skin.thickness, skin.wavelength_factor, skin.roughness, skin.seed,
        {lines.name: float(factors[both_sides(lines.name)]) for lines in sets},
    )  # fmt: skip


def _lines_at_rest(
    ground: SkinGround, sets: Sequence[CreaseSet], rng: np.random.Generator, share: float
) -> dict[str, LockedLines]:
    """The lines that stay when the face relaxes: more with age, more of some sets, not all along a line."""
    skin = ground.settings
    personal: dict[str, float] = {}
    result = {}
    for lines in sets:
        likes = personal.setdefault(both_sides(lines.name), float(np.exp(0.5 * rng.standard_normal())))
        usual = usual_rest(both_sides(lines.name), skin.age)
        depth = share * likes * usual * ground.settings.cap(lines.name, lines.style)
        depth = min(depth, 0.8 * lines.style.cap_mm)
        patches = rng.standard_normal((5, 5)).astype(np.float32)
        height, width = lines.phase.shape
        along = cv2.resize(patches, (width, height), interpolation=cv2.INTER_CUBIC)
        there = np.clip(0.75 + 0.5 * along, 0.0, 1.2)
        nothing = np.zeros_like(lines.phase)
        result[lines.name] = LockedLines(nothing, (depth * there).astype(np.float32), np.ones_like(nothing))
    return result


def _bumps(
    model: FaceModel, studio: Studio, rng: np.random.Generator, settings: PopulationSettings
) -> NDArray[np.float32]:
    """(S, S) mm: skin is never even, and what is uneven is no line; faded out where ``believed`` is."""
    size = settings.size
    sampler = uv_sampler(model.topology, "skin", size)
    relief = np.zeros((size, size), np.float32)
    for reach_mm in BUMPS_MM:
        sigma = reach_mm / FACE_MM_PER_TEXEL * size / 1024.0
        drawn = rng.standard_normal((size, size)).astype(np.float32)
        smooth = np.asarray(cv2.GaussianBlur(drawn, (0, 0), sigma), np.float32)
        relief += smooth / smooth.std()
    amount = 1e-3 * rng.uniform(*settings.bumps_um) / np.sqrt(len(BUMPS_MM))
    return np.asarray(amount * relief * sampler.image(studio.believed), np.float32)


def _performed(names: Sequence[str], rng: np.random.Generator, settings: PopulationSettings) -> NDArray[np.float64]:
    """(19, E) the key expressions as this person performs them."""
    keys = key_expression_weights(names)[1:]
    intensity = rng.uniform(*settings.intensity, (len(keys), 1))
    uneven = 1.0 + settings.unevenness * rng.standard_normal(keys.shape)
    return np.clip(keys * intensity * np.clip(uneven, 0.5, 1.5), 0.0, 1.0)


def _shown_in_photo(
    names: Sequence[str], rng: np.random.Generator, settings: PopulationSettings
) -> NDArray[np.float64]:
    """(E,) the expression of the photo: neutral, or somewhat of one or two key expressions, mostly a smile."""
    keys = key_expression_weights(names)
    weights = np.zeros(len(names))
    if rng.random() < settings.neutral_photos:
        return weights
    chosen = [KEY_EXPRESSION_NAMES.index(LIKELY_IN_PHOTOS[rng.integers(2)])] if rng.random() < 0.6 else []
    chosen += rng.integers(1, len(keys), 1 if chosen and rng.random() < 0.5 else 1 - len(chosen)).tolist()
    for key in chosen:
        weights += rng.uniform(0.1, settings.photo_intensity) / len(chosen) * keys[key]
    return np.clip(weights, 0.0, 1.0)


def make_samples(
    folder: Path,
    train: int,
    held_out: int,
    settings: PopulationSettings = PopulationSettings(),
    processes: int = 1,
    progress: Callable[[str, float], None] | None = None,
) -> Samples:
    """Make what is missing of a population; held-out heads are numbered after those to train on.

    Raises OutputUnwritable where the folder holds another population.
    """
    begin(folder, asdict(settings), settings.size)
    tasks = [(number, "train", number) for number in range(train)]
    tasks += [(FIRST_HELD_OUT + number, "held_out", number) for number in range(held_out)]
    missing = [task for task in tasks if not is_stored(folder, task[0])]
    work = partial(_make_and_store, folder, settings)
    if processes < 2:
        for done, task in enumerate(missing):
            work(task)
            _tell(progress, (done + 1) / len(missing))
    else:
        with ProcessPoolExecutor(processes) as pool:
            for done, _ in enumerate(pool.map(work, missing)):
                _tell(progress, (done + 1) / len(missing))
    return open_samples(folder)


FIRST_HELD_OUT = 5000
"""Number of the first held-out head's folder, so that a population can grow."""


def _tell(progress: Callable[[str, float], None] | None, fraction: float) -> None:
    if progress is not None:
        progress("synthetic heads", fraction)


_loaded: dict[int, tuple[FaceModel, Studio]] = {}


def _make_and_store(folder: Path, settings: PopulationSettings, task: tuple[int, str, int]) -> None:
    """One head; every process loads the face model once."""
    process = os.getpid()
    if process not in _loaded:
        cv2.setNumThreads(1)
        model = load_face_model(None)
        _loaded[process] = model, open_studio(model)
    place, split, number = task
    store(folder, place, make_sample(*_loaded[process], split, number, settings))


def main() -> None:
    """Make a synthetic population: ``python -m facewright.training.detail_samples FOLDER``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=int, default=80, help="heads to train on")
    parser.add_argument("--held-out", type=int, default=16, help="heads to measure on")
    parser.add_argument("--size", type=int, default=1024, help="texels a side")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    settings = PopulationSettings(size=options.size, seed=options.seed)
    make_samples(options.folder, options.train, options.held_out, settings, options.processes)


if __name__ == "__main__":
    main()
