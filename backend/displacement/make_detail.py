"""All detail of one head: the one place where mechanics, photo, pores and, if asked for, a network come together.

    photo -> shading evidence -> age -> crease sets -> locked to the photo's lines -> 19 dynamic maps, static lines
    head's own blendshapes -> strain, activation masks, tension

Sources differ in who makes the static and the dynamic maps; masks, tension, age and pores are always the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..dynamic_detail.activation import activation_masks
from ..dynamic_detail.detail_maps import DetailMaps
from ..dynamic_detail.regions import region_masks
from ..dynamic_detail.tension import key_tension, skin_edges
from ..face_model.base import HeadGeometry
from ..mesh.texel_map import UvSampler, uv_sampler
from ..mesh.topology import Topology
from ..texture.skin_in_photo import SkinInPhoto
from .canonical import canonical_places
from .crease_ground import SkinGround
from .crease_set import CreaseSet, PhotoEvidence
from .line_wave import LockSettings
from .lip_relief import lip_relief
from .mechanics import lay_out_creases
from .mesoscopic import MesoscopicSettings
from .pores import PoreSettings, pores
from .relief import Relief, SkinLook, bases_relief, mechanics_relief, network_relief
from .settings import SkinSettings
from .shading_detail import ShadingSettings, photo_evidence
from .skin_age import SkinAgeSettings, age_factor, with_age, years_of
from .sources import AGES, DEFAULT_SIZE, DEFAULT_SOURCE, SIZES, SOURCES

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class DetailSettings:
    """How detail is made.

    size       S of the maps, texels, one of SIZES
    source     one of SOURCES: who makes the static and dynamic maps
    age_years  the person's, where it is known; None: as old as the skin in the photo looks
    the rest   settings of the stages
    """

    size: int = DEFAULT_SIZE
    source: str = DEFAULT_SOURCE
    age_years: float | None = None
    shading: ShadingSettings = field(default_factory=ShadingSettings)
    skin_age: SkinAgeSettings = field(default_factory=SkinAgeSettings)
    lock: LockSettings = field(default_factory=LockSettings)
    mesoscopic: MesoscopicSettings = field(default_factory=MesoscopicSettings)
    pores: PoreSettings = field(default_factory=PoreSettings)

    def __post_init__(self) -> None:
        """Raises ValueError where a setting is none of those that there are."""
        if self.size not in SIZES or self.source not in SOURCES:
            raise ValueError(f"there is no detail of size {self.size} from {self.source!r}")
        if self.age_years is not None and not AGES[0] <= self.age_years <= AGES[1]:
            raise ValueError(f"{self.age_years} is no age in years")


class DetailInputs(NamedTuple):
    """What detail is made from.

    photo       the skin in the photo, as the textures have it
    head        neutral and blendshapes, mm, model space
    names       (E,) of the blendshapes
    expression  (E,) their weights in the photo
    texture     (T, T, 3) uint8 sRGB, the skin's
    seed        of everything that chance decides: another for every person, the same for the same photo
    """

    photo: SkinInPhoto
    head: HeadGeometry
    names: tuple[str, ...]
    expression: NDArray[np.float64]
    texture: NDArray[np.uint8]
    seed: int


def make_detail(inputs: DetailInputs, settings: DetailSettings | None = None, threads: int = 2) -> DetailMaps:
    """Make a head's detail; the same input gives the same maps, whatever ``threads``.

    Raises
    ------
    TopologyMismatch : the head is not of the built-in face model
    ModelFileInvalid : a file that the source needs is missing or damaged
    """
    settings = settings or DetailSettings()
    head, names = inputs.head, inputs.names
    topology = inputs.photo.surface.topology
    sampler = uv_sampler(topology, "skin", settings.size)
    skin = SkinSettings(seed=inputs.seed)
    with ThreadPoolExecutor(threads) as pool:
        looked = pool.submit(photo_evidence, inputs.photo, settings.size, settings.shading)
        ground = SkinGround.of(topology, head.neutral, head.blendshapes, names, settings.size, skin)
        masks = pool.submit(_masks, topology, head, ground, sampler)
        sets = lay_out_creases(ground)
        evidence = _aged(looked.result(), ground, sets, inputs, settings)
        ground = replace(ground, settings=replace(skin, age=evidence.age, roughness=evidence.roughness))
        porous = pool.submit(
            pores, topology, head.neutral, settings.size, seed=inputs.seed, roughness=evidence.roughness,
            age=evidence.age, evidence=evidence, settings=settings.pores,
        )  # fmt: skip
        found = masks.result()
        relief = _relief(ground, sets, evidence, found, inputs, settings)
        fine = porous.result() + lip_relief(ground, sets, evidence.roughness)
        return DetailMaps(
            relief.static, fine, relief.dynamic, relief.compressed, relief.stretched,
            found.activation, ground.weights, found.tension, found.regions,
            {**_record(evidence, inputs, settings), **relief.record},
        )  # fmt: skip


class _Masks(NamedTuple):
    """activation (E, V), tension (19, V), regions (6, V), and the tension as (19, S, S) images."""

    activation: Float32
    tension: Float32
    regions: Float32
    tension_images: Float32


def _masks(topology: Topology, head: HeadGeometry, ground: SkinGround, sampler: UvSampler) -> _Masks:
    """What a head's blendshapes say of its detail, whoever makes the maps."""
    edges = skin_edges(topology, head.neutral)
    tension = key_tension(edges, head.neutral, head.blendshapes, ground.weights)
    return _Masks(
        activation_masks(topology, head.blendshapes),
        tension,
        region_masks(topology, canonical_places(topology)),
        np.moveaxis(sampler.image(tension.T), 2, 0),
    )


def _aged(
    evidence: PhotoEvidence,
    ground: SkinGround,
    sets: tuple[CreaseSet, ...],
    inputs: DetailInputs,
    settings: DetailSettings,
) -> PhotoEvidence:
    """The evidence with the person's age, as given or else as the skin in the photo looks, and roughness."""
    found = with_age(ground, sets, evidence, inputs.expression, settings.skin_age, settings.lock)
    if settings.age_years is None:
        return found
    return found._replace(age=age_factor(settings.age_years), age_from_photo=False)


def _relief(
    ground: SkinGround,
    sets: Sequence[CreaseSet],
    evidence: PhotoEvidence,
    masks: _Masks,
    inputs: DetailInputs,
    settings: DetailSettings,
) -> Relief:
    """The maps from the source that was chosen. Raises ModelFileInvalid where it needs files that are not there."""
    topology = inputs.photo.surface.topology
    look = SkinLook(evidence, inputs.expression, inputs.texture)
    if settings.source == "network":
        return network_relief(topology, ground, look, masks.tension_images)
    if settings.source == "bases":
        return bases_relief(topology, ground, look, masks.tension)
    return mechanics_relief(ground, sets, look, masks.tension_images, settings.lock, settings.mesoscopic)


def _age_entry(evidence: PhotoEvidence, settings: DetailSettings) -> dict[str, Any]:
    """How old the skin is, in years and as ``SkinSettings.age``, and who says so."""
    if settings.age_years is None:
        years, source = years_of(evidence.age), "photo" if evidence.age_from_photo else "average"
    else:
        years, source = settings.age_years, "given"
    return {"years": round(float(years), 1), "factor": round(float(evidence.age), 3), "from": source}


def _record(evidence: PhotoEvidence, inputs: DetailInputs, settings: DetailSettings) -> dict[str, Any]:
    """What head.json says of any detail."""
    return {
        "source": settings.source,
        "seed": inputs.seed,
        "age": _age_entry(evidence, settings),
        "roughness": round(float(evidence.roughness), 3),
        "photo_mm_per_pixel": round(float(evidence.mm_per_pixel), 3),
    }
