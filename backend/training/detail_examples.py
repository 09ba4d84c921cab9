"""Heads as SD-DeTail learns from them: what the encoder sees, and true detail at the bases' size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..displacement.sd_detail import TEXTURE_PER_MAP, network_input
from ..dynamic_detail.tension import skin_edges, tension
from ..face_model.base import ARKIT_NAMES
from ..face_model.key_expressions import KEY_EXPRESSION_NAMES
from ..mesh.texel_map import UvSampler, uv_sampler
from ..mesh.topology import Topology
from .sample_store import DetailSample, Samples

Float32 = NDArray[np.float32]
Half = NDArray[np.float16]


class DetailExamples(NamedTuple):
    """n heads at B x B texels, row 0 at v = 1; displacement in mm. Half precision: a thousandth of a line's depth.

    seen         (n, SEEN_CHANNELS, 2B, 2B) ``displacement/sd_detail.network_input``
    static       (n, B, B) D_sta, without pores
    compressed   (n, B, B) D_com
    stretched    (n, B, B) D_str
    dynamic      (n, 19, B, B) F_i - F_0
    tension      (n, 19, B, B) HiFace Eq. (8) at the expressions that ``dynamic`` belongs to
    expressions  (n, 19, 52) their blendshape weights, xi
    mask         (B, B) 0..1 float32, M_detail of HiFace Eq. (10)
    """

    seen: Half
    static: Half
    compressed: Half
    stretched: Half
    dynamic: Half
    tension: Half
    expressions: Float32
    mask: Float32

    @property
    def size(self) -> int:
        """B."""
        return self.static.shape[-1]

    def people(self, chosen: NDArray[np.intp]) -> DetailExamples:
        """Some of the heads."""
        return self._replace(**{name: getattr(self, name)[chosen] for name in self._fields if name != "mask"})


def examples_from(
    samples: Samples, topology: Topology, size: int, progress: Callable[[str, float], None] | None = None
) -> DetailExamples:
    """Reduce synthetic heads (``detail_samples``) to what SD-DeTail learns from.

    Parameters
    ----------
    samples : heads of the built-in topology, at TEXTURE_PER_MAP ``size`` texels or more
    size : B
    """
    sampler = uv_sampler(topology, "skin", size)
    rows: list[tuple[NDArray[Any], ...]] = []
    for number in range(len(samples)):
        rows.append(_example(samples[number], topology, sampler))
        if progress is not None:
            progress("examples", (number + 1) / len(samples))
    columns = [np.stack(column) for column in zip(*rows)]
    return DetailExamples._make([*columns, detail_mask(topology, sampler)])


def joined(populations: Sequence[DetailExamples]) -> DetailExamples:
    """Several populations as one."""
    first = populations[0]
    columns = {name: [getattr(each, name) for each in populations] for name in first._fields if name != "mask"}
    return first._replace(**{name: np.concatenate(column) for name, column in columns.items()})


def detail_mask(topology: Topology, sampler: UvSampler) -> Float32:
    """(B, B) 1 on the face, M_detail of HiFace Eq. (10): what lies behind it a photo does not show."""
    face = np.zeros(topology.vertex_count, np.float32)
    face[topology.regions["face"]] = 1.0
    return (sampler.image(face) > 0.5).astype(np.float32)


def _example(sample: DetailSample, topology: Topology, sampler: UvSampler) -> tuple[NDArray[Any], ...]:
    size = sampler.size
    edges = skin_edges(topology, sample.neutral)
    of_photo = uv_sampler(topology, "skin", TEXTURE_PER_MAP * size).image(tension(edges, sample.source))
    seen = network_input(sample.texture, sample.trust / np.float32(255.0), of_photo)
    maps = (sample.static, sample.compressed, sample.stretched)
    static, compressed, stretched = (_reduced(values, size).astype(np.float16) for values in maps)
    dynamic = np.stack([_reduced(values, size) for values in sample.dynamic]).astype(np.float16)
    of_keys = np.moveaxis(sampler.image(sample.tension.T), 2, 0).astype(np.float16)
    expressions = np.asarray(sample.about["key_weights"], np.float32)
    return seen.astype(np.float16), static, compressed, stretched, dynamic, of_keys, expressions


def _reduced(values: Float32, size: int) -> Float32:
    """(S, S) to (size, size) area means."""
    return np.asarray(cv2.resize(values, (size, size), interpolation=cv2.INTER_AREA), np.float32)


def mirrored(examples: DetailExamples, head: int) -> DetailExamples:
    """One head in the mirror, as a population of one: u becomes 1 - u, and what was left is right."""
    keys = mirrored_keys()
    one = examples.people(np.array([head]))
    flipped = {
        name: np.ascontiguousarray(getattr(one, name)[..., ::-1])
        for name in ("seen", "static", "compressed", "stretched", "dynamic", "tension")
    }
    flipped["dynamic"], flipped["tension"] = flipped["dynamic"][:, keys], flipped["tension"][:, keys]
    return one._replace(expressions=one.expressions[:, keys][..., mirrored_blendshapes()], **flipped)


def mirrored_keys() -> NDArray[np.intp]:
    """(19,) what each key expression, counted without neutral, is in the mirror: jaw_left is jaw_right."""
    return _mirrored(KEY_EXPRESSION_NAMES[1:], "_left", "_right")


def mirrored_blendshapes() -> NDArray[np.intp]:
    """(52,) what each blendshape is in the mirror."""
    return _mirrored(ARKIT_NAMES, "Left", "Right")


def _mirrored(names: tuple[str, ...], left: str, right: str) -> NDArray[np.intp]:
    def other(name: str) -> str:
        if name.endswith(left):
            return name.removesuffix(left) + right
        return name.removesuffix(right) + left if name.endswith(right) else name

    return np.array([names.index(other(name)) for name in names])
