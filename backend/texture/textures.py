"""All textures of a head from one photo.

    photo -> view (crop, projection, z-buffer) -> skin mask -> confidence per texel
          -> smooth fills on the mesh -> photo, mirrored photo and fill blended at full size

Everything but the photo itself is smooth, and is made at half the texture's size; the photo is sampled and blended
in bands of rows, so that memory does not grow with the square of the texture's size.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face_model.base import HeadGeometry
from ..fitting.coarse import Fit
from ..mesh.normals import vertex_normals
from ..mesh.texel_map import UvSampler, uv_sampler
from ..mesh.topology import LandmarkEmbedding, Topology
from .completion import (
    CompletionSettings,
    PhotoColours,
    SmoothFill,
    grain_on_surface,
    grain_tile,
    mirror_weight,
    mottling,
    smooth_fill,
)
from .eyelid_skin import lash_depth, lash_line, lid_tone
from .iris import EyeColours, eye_colours
from .part_textures import eye_texture, mouth_texture, teeth_texture
from .skin_in_photo import SkinInPhoto, Surface, seen_attributes, seen_in_photo, skin_in_photo
from .skin_mask import SkinMask, SkinMaskSettings, lip_colour
from .unwrap import PhotoView, UnwrapSettings, sample

FloatArray = NDArray[np.floating[Any]]
BAND_ROWS = 128
THREADS = 2
PART_SIZE = 512  # textures of eyes, mouth and teeth


@dataclass(frozen=True)
class TextureSettings:
    """size: S of the skin texture, texels, an even number; cavity: how much darker the inside of nostrils is where
    it is invented; the rest: settings of the stages."""

    size: int = 2048
    cavity: float = 0.72
    unwrap: UnwrapSettings = field(default_factory=UnwrapSettings)
    mask: SkinMaskSettings = field(default_factory=SkinMaskSettings)
    completion: CompletionSettings = field(default_factory=CompletionSettings)

    def __post_init__(self) -> None:
        """Raises ValueError where the size is not an even number of at least 64."""
        if self.size < 64 or self.size % 2:
            raise ValueError(f"a texture cannot have {self.size} texels a side: it takes an even number from 64")


class Textures(NamedTuple):
    """What a head wears; every image fills the UV square of its material, row 0 at v = 1.

    albedo          (S, S, 3) uint8 sRGB, the skin
    visibility      (S, S) uint8: 255 where the photo was seen, 0 where the texture is invented
    iris            (512, 512, 3) uint8, material "eye"
    mouth           (512, 512, 3) uint8, material "mouth"
    teeth           (512, 512, 3) uint8, material "teeth"
    effective_size  the size beyond which the photo holds no more detail of the face, at most S
    warnings        sentences for the person who asked
    """

    albedo: NDArray[np.uint8]
    visibility: NDArray[np.uint8]
    iris: NDArray[np.uint8]
    mouth: NDArray[np.uint8]
    teeth: NDArray[np.uint8]
    effective_size: int
    warnings: tuple[str, ...]


def make_textures(
    photo_pixels: NDArray[np.uint8],
    fit: Fit,
    topology: Topology,
    head: HeadGeometry,
    landmarks: FloatArray,
    settings: TextureSettings | None = None,
    embedding: LandmarkEmbedding | None = None,
    prepared: SkinInPhoto | None = None,
) -> Textures:
    """Make the textures of a fitted head.

    Parameters
    ----------
    photo_pixels : (H, W, 3) uint8 sRGB, upright
    fit : camera, pose and expression of the photo
    topology : of ``head``; needs faces of material "skin"
    head : neutral and blendshapes, mm, model space
    landmarks : (478, 3) photo pixels
    settings : TextureSettings
    embedding : where the landmarks lie on the mesh; with it, the photo's lids, lips and brows are brought exactly
        onto the mesh's (without it, as exactly as the fit does)
    prepared : what ``skin_in_photo`` made of the same input at this size, where others need it too

    Returns
    -------
    Textures; the same input gives the same bytes.

    Raises
    ------
    TopologyMismatch where the topology has no skin.
    """
    settings = settings or TextureSettings()
    size = settings.size
    prepared = prepared or skin_in_photo(
        photo_pixels, fit, topology, head, landmarks, size, embedding, settings.unwrap, settings.mask
    )
    surface, view, points, in_view, mask = prepared

    coarse = uv_sampler(topology, "skin", max(64, size // 2))
    lips = lip_colour(photo_pixels, landmarks, mask.model)
    eyes = eye_colours(photo_pixels, landmarks)
    # What does not depend on each other runs at the same time; numpy and OpenCV let go of the interpreter.
    with ThreadPoolExecutor(THREADS) as pool:
        parts = pool.submit(_part_textures, eyes, lips, mask)
        grain = pool.submit(_grain, surface, view, in_view, coarse, settings)
        seen, seen_mirrored = _confidence(prepared, coarse, settings)
        fill, lashes = _fill(surface, view, points, mask, seen, lips, settings)
        layers = _Layers(
            seen=seen,
            mirror_share=_mirror_share(seen, seen_mirrored),
            offset=coarse.image(fill.offset),
            low=coarse.image(fill.low),
            base=coarse.image(fill.base),
            grain=grain.result(),
            lashes=lash_line(coarse.image(surface.lids.edge), lashes),
        )
        albedo, visibility = _blend(surface, view, points, layers, size, pool)
        iris, mouth, teeth = parts.result()

    warnings = []
    if not eyes.pixels:
        warnings.append("The irises cannot be seen in the photo, so they got a typical brown.")
    effective_size = min(size, max(1, round(size * view.px_per_texel)))
    return Textures(albedo, visibility, iris, mouth, teeth, effective_size, tuple(warnings))


def _part_textures(
    eyes: EyeColours, lips: NDArray[np.uint8], mask: SkinMask
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Eye, mouth and teeth in the photo's colours and light."""
    return (
        _dimmed(eye_texture(_triple(eyes.iris), PART_SIZE), eyes.light),
        mouth_texture(_triple(lips), _triple(mask.model.tone * 255.0), PART_SIZE),
        _dimmed(teeth_texture(PART_SIZE), eyes.light),
    )


def _dimmed(texture: NDArray[np.uint8], factor: float) -> NDArray[np.uint8]:
    result: NDArray[np.uint8] = np.round(texture * factor).astype(np.uint8)
    return result


def _triple(colour: FloatArray | NDArray[np.uint8]) -> tuple[float, float, float]:
    red, green, blue = (float(channel) for channel in colour)
    return red, green, blue


class _Layers(NamedTuple):
    """At the coarse size S': (S', S') weights of the photo and of the mirrored photo in what the photo leaves;
    (S', S', 3) offset, slow changes and base as in ``SmoothFill``, and the grain of invented skin; (S', S') factors
    that darken lids' edges."""

    seen: NDArray[np.float32]
    mirror_share: NDArray[np.float32]
    offset: NDArray[np.float32]
    low: NDArray[np.float32]
    base: NDArray[np.float32]
    grain: NDArray[np.float32]
    lashes: NDArray[np.float32]


def _confidence(
    photo: SkinInPhoto, coarse: UvSampler, settings: TextureSettings
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """How well each texel, and its mirror image, is seen: two (S', S') float32, the second None if unknown."""
    attributes = seen_attributes(photo)
    seen = seen_in_photo(coarse.image(attributes), photo.view, photo.mask, settings.unwrap)
    mirror = photo.surface.topology.mirror
    if mirror is None:
        return seen, None
    mirrored = coarse.image(attributes[mirror])
    return seen, seen_in_photo(mirrored, photo.view, photo.mask, settings.unwrap)


def _fill(
    surface: Surface,
    view: PhotoView,
    points: NDArray[np.float64],
    mask: SkinMask,
    seen: NDArray[np.float32],
    lips: NDArray[np.uint8],
    settings: TextureSettings,
) -> tuple[SmoothFill, float]:
    """Solve the smooth layers from the photo's colours at the vertices; also how much lashes darken the skin."""
    # Blur to the mesh's resolution, without mixing in what is not skin.
    usable = mask.mask[..., None].astype(np.float32)
    weighted = np.concatenate([view.pixels.astype(np.float32) / 255.0 * usable, usable], axis=-1)
    blurred = cv2.GaussianBlur(weighted, (0, 0), max(0.7, 1.2 * view.px_per_mm))
    blurred[..., :3] /= np.maximum(blurred[..., 3:], 1e-3)
    colour = np.clip(sample(np.ascontiguousarray(blurred[..., :3]), points, cv2.INTER_LINEAR), 0.0, 1.0)
    size = seen.shape[0]
    texel = np.stack([surface.uv[:, 0], 1.0 - surface.uv[:, 1]], axis=1) * size
    known = sample(seen, texel, cv2.INTER_LINEAR).astype(np.float64)
    # Lips that a smile stretched or hid have the lips' colour all the same.
    guess, trust = np.zeros_like(colour), np.zeros(len(known))
    if "lips" in surface.topology.regions:
        guess[:] = lips / 255.0
        trust[surface.topology.regions["lips"]] = 0.5
        trust = surface.graph.smooth(trust, 2)
    lids = surface.lids
    tone = lid_tone(surface.graph, colour, known, mask.model.likelihood, lids)
    folded = lids.unfolds > 0.0
    guess[folded] = tone[folded]
    np.maximum(trust, lids.unfolds, out=trust)
    photo = PhotoColours(colour, known, mask.model.likelihood, guess, trust)
    # A cavity's colour is deeper, not only darker: light that comes out of it has met the skin more than once.
    shade = 1.0 - settings.cavity * (1.0 - surface.openness)
    variation = mottling(surface.neutral, settings.completion) * shade[:, None] ** [0.8, 1.0, 1.05]
    fill = smooth_fill(
        surface.graph, photo, surface.topology.mirror, mask.model.tone, variation, settings.completion
    )
    return fill, lash_depth(colour, tone, lids)


def _grain(
    surface: Surface,
    view: PhotoView,
    in_view: NDArray[np.float64],
    coarse: UvSampler,
    settings: TextureSettings,
) -> NDArray[np.float32]:
    """Fine detail of invented skin at the coarse size, (S', S', 3) float32, zero mean."""
    normal = vertex_normals(surface.neutral, surface.topology.quads)
    cheek = in_view[[50, 280]]
    width = float(np.linalg.norm(in_view[234] - in_view[454]))
    # The cheek that looks more at the camera: the one farther from the outline.
    side = int(np.argmax([np.linalg.norm(in_view[50] - in_view[234]), np.linalg.norm(in_view[280] - in_view[454])]))
    tile = grain_tile(view.pixels, cheek[side], 0.16 * width, view.px_per_mm, settings.completion)
    return grain_on_surface(tile, coarse.image(surface.neutral), coarse.image(normal), view.px_per_mm)


def _mirror_share(seen: NDArray[np.float32], mirrored: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Part of what the photo leaves that the mirrored photo takes, (S', S') float32."""
    if mirrored is None:
        return np.zeros_like(seen)
    return mirror_weight(mirrored).astype(np.float32)


def _blend(
    surface: Surface,
    view: PhotoView,
    points: NDArray[np.float64],
    layers: _Layers,
    size: int,
    pool: ThreadPoolExecutor,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Albedo (S, S, 3) and visibility (S, S), band by band."""
    sampler = uv_sampler(surface.topology, "skin", size)
    mirror = surface.topology.mirror
    albedo = np.empty((size, size, 3), np.uint8)
    visibility = np.empty((size, size), np.uint8)

    def blend_rows(start: int) -> None:
        rows = slice(start, min(size, start + BAND_ROWS))
        # Weights as three equal channels: numpy is slow where it broadcasts along an inner axis of three.
        seen = cv2.cvtColor(_upscaled_rows(layers.seen, rows, size), cv2.COLOR_GRAY2RGB)
        share = cv2.cvtColor(_upscaled_rows(layers.mirror_share, rows, size), cv2.COLOR_GRAY2RGB) * (1.0 - seen)
        colour = _upscaled_rows(layers.base, rows, size)
        colour += _upscaled_rows(layers.grain, rows, size) * (1.0 - seen - share)
        low = _upscaled_rows(layers.low, rows, size)
        if mirror is not None and share.max() > 0.002:
            other = sample(view.pixels, sampler.image(points[mirror], rows)).astype(np.float32) / 255.0
            other += _upscaled_rows(layers.offset, rows, size)
            colour += share * (other - low)
        if seen.max() > 0.002:
            shown = sample(view.pixels, sampler.image(points, rows)).astype(np.float32) / 255.0
            colour += seen * (shown - low)
        colour *= _upscaled_rows(layers.lashes, rows, size)[..., None]
        albedo[rows] = np.clip(colour * 255.0 + 0.5, 0, 255).astype(np.uint8)
        visibility[rows] = (seen[..., 0] * 255.0 + 0.5).astype(np.uint8)

    list(pool.map(blend_rows, range(0, size, BAND_ROWS)))
    return albedo, visibility


def _upscaled_rows(image: NDArray[np.float32], rows: slice, size: int) -> NDArray[np.float32]:
    """Some rows of a coarse image as they are at ``size``, bilinear with pixel centres at +0.5.

    Bands begin at whole coarse rows, because ``size`` is even: see ``TextureSettings``.
    """
    factor = image.shape[0] / size
    first = max(0, int(rows.start * factor) - 1)
    last = min(image.shape[0], int(np.ceil(rows.stop * factor)) + 1)
    part = cv2.resize(image[first:last], (size, round((last - first) / factor)), interpolation=cv2.INTER_LINEAR)
    skipped = round(first / factor)
    return np.asarray(part[rows.start - skipped : rows.stop - skipped], np.float32)
