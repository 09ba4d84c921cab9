"""HiFace's SD-DeTail at run time (Sec. 3.3): from a photo's texture and expressions to static and dynamic detail.

    texture, tension of the photo's expression --encoder--> static map --on the basis--> phi_sta      Eq. (5)
    phi_sta, xi --AdaIN, perceptron--> phi_com, phi_str                             Eq. (6)
    D_com = mean_com + phi_com B_com, D_str likewise                                Eq. (7)
    D_dyn = t+ D_com + t- D_str, t the tension of the expression                    Eq. (8), (9)

At xi = 0 the network says the polarised states: one compressed and one stretched map for all expressions, which is
what HiFace mode animates. At a key expression it says the states that suit that expression; Eq. (9) then gives the
maps F_i - F_0 that FaceScape mode blends. What was trained, on what, is in ``training/train_bases.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..config import assets_dir
from ..dynamic_detail.tension import skin_edges
from ..dynamic_detail.tension import tension as vertex_tension
from ..errors import ModelFileInvalid
from ..mesh.texel_map import uv_sampler
from ..mesh.topology import Topology
from ..photo.onnx_session import THREADS, open_network
from .crease_ground import slit_fade
from .detail_basis import DetailBasis, load_bases, resized
from .lattice_frame import LatticeFrame
from .network import TEXTURE_CHANNELS, texture_channels

Float32 = NDArray[np.float32]
Floats = NDArray[np.floating[Any]]

BASES_FILE = "sd_detail_bases.npz"
STATIC_FILE = "sd_detail_static.onnx"
DYNAMIC_FILE = "sd_detail_dynamic.onnx"
TEXTURE_PER_MAP = 2
"""Texels of the texture per texel of the bases' maps, along each side."""
SEEN_CHANNELS = TEXTURE_CHANNELS + 1
TENSION_SCALE = 5.0
"""What makes tension a number of order 1."""


class SdMaps(NamedTuple):
    """What SD-DeTail says of one head; (S, S) maps in mm, parts of ``dynamic_detail.DetailMaps``.

    static       D_sta
    dynamic      (K, S, S) t+ D_com + t- D_str of K expressions, each with the states of its own xi
    compressed   D_com at xi = 0
    stretched    D_str at xi = 0
    """

    static: Float32
    dynamic: Float32
    compressed: Float32
    stretched: Float32


@dataclass(frozen=True)
class SdDetail:
    """The trained parts. ``bases`` by part; ``encoder`` and ``mapper`` are onnxruntime sessions."""

    bases: dict[str, DetailBasis]
    encoder: Any
    mapper: Any

    @classmethod
    def load(cls, folder: Path | None = None, threads: int = THREADS) -> SdDetail:
        """Read the three files (the shipped ones where ``folder`` is None).

        Raises ModelFileInvalid where one is missing, damaged, or of another training than the others.
        """
        folder = folder or assets_dir()
        bases = load_bases(folder / BASES_FILE)
        encoder = open_network(folder / STATIC_FILE, threads)
        mapper = open_network(folder / DYNAMIC_FILE, threads)
        dynamic = len(bases["compressed"].components) + len(bases["stretched"].components)
        fits = (
            encoder.get_inputs()[0].shape[1:] == [SEEN_CHANNELS, *2 * [TEXTURE_PER_MAP * bases["static"].size]]
            and mapper.get_inputs()[0].shape[-1] == len(bases["static"].components)
            and mapper.get_outputs()[0].shape[-1] == dynamic
        )
        if not fits:
            raise ModelFileInvalid(f"The networks and the bases of SD-DeTail in {folder} do not belong together.")
        return cls(bases, encoder, mapper)

    @property
    def texture_size(self) -> int:
        """2B, texels a side of what the encoder sees."""
        return TEXTURE_PER_MAP * self.bases["static"].size

    def static_coefficients(
        self, texture: NDArray[np.uint8], trust: Floats, of_photo: Float32
    ) -> Float32:
        """(K_sta,) standard deviations, phi_sta of Eq. (5).

        Parameters
        ----------
        texture : (S, S, 3) uint8 sRGB, of the photo, row 0 at v = 1
        trust : (S, S) 0..1 where the texture is the photo's and shows skin
        of_photo : (2B, 2B) tension of the expression that the photo shows; lines where it is positive may be gone
            when the face relaxes
        """
        seen = network_input(texture, trust, of_photo)[None]
        (said,) = self.encoder.run(None, {"texture": seen})
        result: Float32 = self.bases["static"].coefficients(said[:, 0])[0]
        return result

    def dynamic_coefficients(
        self, static: Float32, expressions: Floats
    ) -> tuple[Float32, Float32]:
        """phi_com (n, K_com) and phi_str (n, K_str) of Eq. (6) for (n, 52) expressions of one person."""
        xi = np.ascontiguousarray(expressions, np.float32)
        (said,) = self.mapper.run(None, {"static": static[None].astype(np.float32), "expression": xi})
        count = len(self.bases["compressed"].components)
        return said[:, :count], said[:, count:]

    def maps(
        self,
        texture: NDArray[np.uint8],
        trust: Floats,
        of_photo: Float32,
        expressions: Floats,
        tension: Float32,
    ) -> SdMaps:
        """All detail of one head.

        Parameters
        ----------
        texture, trust, of_photo : see ``static_coefficients``
        expressions : (K, 52) blendshape weights of the expressions that are asked for
        tension : (K, S, S) HiFace Eq. (8) at these expressions; positive is compressed

        Returns
        -------
        SdMaps at the tension's S
        """
        size = tension.shape[-1]
        static = self.static_coefficients(texture, trust, of_photo)
        polarised = np.zeros((1, expressions.shape[1]))
        com, stretch = self.dynamic_coefficients(static, np.concatenate([polarised, expressions]))
        compressed = self.bases["compressed"].maps(com)
        stretched = self.bases["stretched"].maps(stretch)
        dynamic = np.empty((len(expressions), size, size), np.float32)
        for key, amount in enumerate(tension):
            states = resized(np.stack([compressed[key + 1], stretched[key + 1]]), size)
            dynamic[key] = np.maximum(amount, 0.0) * states[0] + np.maximum(-amount, 0.0) * states[1]
        whole = resized(np.stack([compressed[0], stretched[0]]), size)
        return SdMaps(self.bases["static"].maps(static[None], size)[0], dynamic, whole[0], whole[1])


def sd_detail(
    topology: Topology,
    neutral: Floats,
    source: Floats,
    texture: NDArray[np.uint8],
    trust: Floats,
    expressions: Floats,
    tension: Floats,
    size: int,
    trained: SdDetail | None = None,
) -> SdMaps:
    """Detail of one head from its photo.

    Parameters
    ----------
    topology : the built-in one
    neutral, source : (V, 3) mm, at rest and in the expression that the photo shows
    texture, trust : (T, T, 3) uint8 sRGB and (T, T) 0..1, see ``SdDetail.static_coefficients``
    expressions : (K, 52) blendshape weights that are asked for
    tension : (K, V) ``dynamic_detail.tension`` at these expressions
    size : S of the maps
    trained : the trained parts (default: the shipped ones)

    Returns
    -------
    SdMaps; nothing beside the slits of lids and lips

    Raises
    ------
    ModelFileInvalid where the trained parts are missing or damaged.
    """
    trained = trained or SdDetail.load()
    of_photo = uv_sampler(topology, "skin", trained.texture_size).image(
        vertex_tension(skin_edges(topology, neutral), source)
    )
    sampler = uv_sampler(topology, "skin", size)
    images = np.moveaxis(sampler.image(tension.T), 2, 0)
    maps = trained.maps(texture, trust, of_photo, expressions, images)
    frame = LatticeFrame.of(topology, neutral)
    # Upsampling spreads the bases' texels, of about a millimetre, over the slits.
    free = slit_fade(frame, sampler)
    return SdMaps(*(each * free for each in maps))


def network_input(texture: NDArray[np.uint8], trust: Floats, of_photo: Float32) -> Float32:
    """(SEEN_CHANNELS, 2B, 2B) that the encoder sees, in training and here; ``of_photo`` gives the size.

    Local contrast and trust, and in the last channel the tension of the photo's expression.
    """
    size = of_photo.shape
    if texture.shape[:2] != size:
        texture = np.asarray(cv2.resize(texture, size, interpolation=cv2.INTER_AREA), np.uint8)
        trust = np.asarray(cv2.resize(trust.astype(np.float32), size, interpolation=cv2.INTER_AREA), np.float32)
    return np.concatenate([texture_channels(texture, trust), TENSION_SCALE * of_photo[None]])
