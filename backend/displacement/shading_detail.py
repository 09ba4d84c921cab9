"""The skin's fine shading in a photo: lighting taken out, the band of wrinkles kept, and how far to believe it.

    photo -> log luminance, blocks removed -> light on the fitted form (spherical harmonics) divided out
          -> band from the photo's real resolution to about 5 mm -> UV square

All of it happens in the photo, where grain, blocks and resolution are; only the result is brought to the UV square,
by the same way as the texture.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from ..mesh.geometry_image import lattice_cells
from ..mesh.normals import vertex_normals
from ..mesh.raster import interpolate, rasterise
from ..mesh.texel_map import uv_sampler
from ..texture.skin_in_photo import SkinInPhoto, seen_attributes, seen_in_photo
from ..texture.unwrap import UnwrapSettings, sample
from .crease_set import PhotoEvidence
from .photo_sharpness import sharpness, without_blocks
from .settings import AVERAGE_AGE
from .skin_trust import SkinTrustSettings, skin_trust

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

LUMINANCE = (0.2126, 0.7152, 0.0722)
HARMONICS = 9
LIGHT_ROUNDS = 4
LARGEST_TILT = 1.2


@dataclass(frozen=True)
class ShadingSettings:
    """Lengths in mm on the face, brightness as natural logarithms.

    low_mm, low_pixels   lower end of the band: the larger of a length and a number of the photo's real pixels
    high_mm              upper end of the band
    limit                brightness beyond which differences are no relief of skin
    finest_px_per_mm     a photo that is finer is reduced to this
    light_smoothing      rounds over the mesh's neighbours of the normals that light is divided out with: the fitted
                         form's creases lie a millimetre off, and would draw lines of their own
    own_form             difference of the form's normals to those smoothed over form_smoothing more rounds, between
                         which shading is the form's own and no detail: wings of the nose, rims of nostrils and lids
    light_prior          ridge of the light's harmonics beyond the first order
    """

    low_mm: float = 0.35
    low_pixels: float = 0.6
    high_mm: float = 4.5
    limit: float = 0.35
    finest_px_per_mm: float = 5.0
    light_smoothing: int = 12
    own_form: tuple[float, float] = (0.15, 0.35)
    form_smoothing: int = 40
    light_prior: float = 0.02
    unwrap: UnwrapSettings = field(default_factory=UnwrapSettings)
    trust: SkinTrustSettings = field(default_factory=SkinTrustSettings)


def shading_band(log_luminance: Float32, weight: Float32, mm_per_pixel: float, low_mm: float, high_mm: float,
                 limit: float = 0.35) -> Float32:  # fmt: skip
    """The band of wrinkles: a difference of two Gaussian averages over what counts, softly limited.

    Parameters
    ----------
    log_luminance : (h, w) natural logarithm of linear luminance
    weight : (h, w) 0..1, how much each pixel counts
    mm_per_pixel : of the image, or of the texels of a map
    low_mm, high_mm : standard deviations of the Gaussians
    limit : values approach, but never exceed it

    Returns
    -------
    (h, w) float32, about zero mean; 0 where nothing counts nearby
    """
    counted = np.asarray(weight, np.float32) + np.float32(1e-4)
    middle = np.float32(np.average(log_luminance, weights=counted))
    values = (np.asarray(log_luminance, np.float32) - middle) * counted
    fine, coarse = (
        cv2.GaussianBlur(values, (0, 0), max(sigma / mm_per_pixel, 0.3))
        / cv2.GaussianBlur(counted, (0, 0), max(sigma / mm_per_pixel, 0.3))
        for sigma in (low_mm, high_mm)
    )
    result: Float32 = np.float32(limit) * np.tanh((fine - coarse) / np.float32(limit))
    return result


def photo_evidence(photo: SkinInPhoto, size: int, settings: ShadingSettings | None = None) -> PhotoEvidence:
    """Read the skin's relief off a photo, as shading.

    Age and roughness are those of an average adult: ``skin_age.with_age`` reads them off the same evidence.

    Parameters
    ----------
    photo : of a head on a geometry image
    size : S of the maps, texels
    settings : ShadingSettings

    Raises TopologyMismatch where the skin is not a lattice.
    """
    settings = settings or ShadingSettings()
    cells = lattice_cells(photo.surface.topology)
    factor = min(1.0, settings.finest_px_per_mm / photo.view.px_per_mm)
    pixels, usable = photo.view.pixels, photo.mask.mask
    if factor < 1.0:
        shape = (max(8, round(pixels.shape[1] * factor)), max(8, round(pixels.shape[0] * factor)))
        pixels = np.asarray(cv2.resize(pixels, shape, interpolation=cv2.INTER_AREA), np.uint8)
        usable = np.asarray(cv2.resize(usable, shape, interpolation=cv2.INTER_LINEAR), np.float32)
    px_per_mm = photo.view.px_per_mm * factor
    landmarks, points = photo.landmarks * factor, photo.points_px * factor

    log_luminance = _log_luminance(pixels)
    bare = usable > 0.9
    if factor == 1.0 and photo.view.to_view[0] == 1.0:
        log_luminance = without_blocks(log_luminance, bare)
    sharp = sharpness(log_luminance, _face_box(landmarks, bare.shape), bare)
    mm_per_pixel = sharp.enlarged / px_per_mm

    lit, tilt, own = _light(photo, log_luminance, usable, points, px_per_mm, cells, settings)
    relit = log_luminance - lit
    trust = skin_trust(pixels, relit, usable, photo.mask.model, landmarks, px_per_mm, settings.trust)
    low = max(settings.low_mm, settings.low_pixels * mm_per_pixel)
    band = shading_band(relit, trust, 1.0 / px_per_mm, low, settings.high_mm, settings.limit)
    # Grain of one pixel, as the band's lower Gaussian leaves it.
    noise = sharp.grain / (2.0 * np.sqrt(np.pi) * max(low * px_per_mm, 0.5))

    sampler = uv_sampler(photo.surface.topology, "skin", size)
    attributes = sampler.image(seen_attributes(photo))
    place = attributes[..., 2:4] * np.float32(factor)
    seen = seen_in_photo(attributes, photo.view, photo.mask, settings.unwrap)
    believed = sample(trust, place, cv2.INTER_LINEAR) * seen * (1.0 - sampler.image(own))
    shading = sample(band, place) * (believed > 0.0)
    form = sample(_slope_per_mm(lit, px_per_mm), place, cv2.INTER_LINEAR) * (believed > 0.0)
    return PhotoEvidence(
        shading=np.asarray(shading, np.float32),
        trust=np.asarray(believed, np.float32),
        mm_per_pixel=float(mm_per_pixel),
        age=AVERAGE_AGE,
        age_from_photo=False,
        roughness=1.0,
        noise=float(noise),
        tilt=tilt,
        form=np.asarray(form, np.float32),
    )


def _slope_per_mm(image: Float32, px_per_mm: float) -> Float32:
    """(h, w) length of the gradient of what changes over a millimetre or more."""
    smooth = cv2.GaussianBlur(image, (0, 0), max(0.5, px_per_mm))
    x, y = (cv2.Sobel(smooth, cv2.CV_32F, *axes, scale=0.125) for axes in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(x, y) * np.float32(px_per_mm), np.float32)


def _face_box(landmarks: Float64, shape: tuple[int, ...]) -> tuple[slice, slice]:
    """Rows and columns of an image that the face fills."""
    low, high = landmarks[:468].min(0), landmarks[:468].max(0)
    x0, y0 = (int(max(value, 0.0)) for value in low)
    return slice(y0, min(int(high[1]) + 1, shape[0])), slice(x0, min(int(high[0]) + 1, shape[1]))


def _log_luminance(pixels: NDArray[np.uint8]) -> Float32:
    """(h, w, 3) uint8 sRGB to the logarithm of linear luminance; its slope ends at black."""
    value = np.arange(256) / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
    luminance = np.tensordot(linear[pixels], np.array(LUMINANCE, np.float32), 1)
    result: Float32 = np.log(luminance + np.float32(0.01))
    return result


def _harmonics(normal: Float64) -> Float64:
    """(n, 3) to (n, 9): polynomials that span the spherical harmonics up to order 2."""
    x, y, z = normal.T
    return np.stack([np.ones_like(x), x, y, z, x * y, y * z, x * z, x * x - y * y, 3.0 * z * z - 1.0], axis=1)


def _harmonics_slope(normal: Float64, light: Float64) -> Float64:
    """(n, 3) gradient of ``_harmonics(normal) @ light`` by the normal."""
    x, y, z = normal.T
    zero = np.zeros_like(x)
    slopes = (
        (zero, zero, zero), (zero + 1.0, zero, zero), (zero, zero + 1.0, zero), (zero, zero, zero + 1.0),
        (y, x, zero), (zero, z, y), (z, zero, x), (2.0 * x, -2.0 * y, zero), (zero, zero, 6.0 * z),
    )  # fmt: skip
    return np.stack([sum(c * s[k] for c, s in zip(light, slopes)) for k in range(3)], axis=1)


def _light(
    photo: SkinInPhoto,
    log_luminance: Float32,
    usable: Float32,
    points: Float64,
    px_per_mm: float,
    cells: NDArray[np.int64],
    settings: ShadingSettings,
) -> tuple[Float32, Float32, Float32]:
    """What light does to the fitted form: (h, w) logarithm of its shading, ``PhotoEvidence.tilt``, and (V,) 0..1
    where the form has creases of its own.

    Linear luminance is fitted by harmonics of the normal, robustly: pigment and shadows are outliers.
    """
    surface, view = photo.surface, photo.view
    camera_mm = surface.camera_mm
    normals = vertex_normals(camera_mm, surface.topology.quads)
    smooth = surface.graph.smooth(normals, settings.light_smoothing)
    smooth /= np.maximum(np.linalg.norm(smooth, axis=1, keepdims=True), 1e-9)
    blurred = cv2.GaussianBlur(log_luminance, (0, 0), max(0.5, 2.0 * px_per_mm))
    luminance = np.exp(sample(blurred, points, cv2.INTER_LINEAR).astype(np.float64))
    counted = sample(usable, points, cv2.INTER_LINEAR).astype(np.float64) * np.clip(view.cosine - 0.3, 0.0, 0.5)
    counted[np.setdiff1d(np.arange(len(counted)), surface.graph.vertices)] = 0.0
    counted[surface.graph.vertices] *= surface.graph.area
    basis = _harmonics(smooth)
    chosen = np.flatnonzero(counted > 0.0)
    light = np.zeros(HARMONICS)
    typical = float(np.median(luminance[chosen])) if len(chosen) else 1.0
    if len(chosen) >= 4 * HARMONICS:
        ridge = np.diag([1e-6] * 4 + [settings.light_prior] * 5) * counted[chosen].sum()
        weight = counted[chosen].copy()
        for _ in range(LIGHT_ROUNDS):
            weighted = basis[chosen] * weight[:, None]
            light = np.linalg.solve(basis[chosen].T @ weighted + ridge, weighted.T @ luminance[chosen])
            error = np.abs(basis[chosen] @ light - luminance[chosen])
            scale = 1.5 * np.median(error) + 1e-9
            weight = counted[chosen] / np.maximum(error / scale, 1.0)
    else:
        light[0] = typical
    shade = np.maximum(basis @ light, 0.15 * typical)

    # Shading over the pixels, drawn at half size: it is smooth.
    width, height = log_luminance.shape[1] // 2 + 1, log_luminance.shape[0] // 2 + 1
    triangles, _ = surface.topology.triangles("skin")
    raster = rasterise(0.5 * points, view.depth, triangles, width, height)
    drawn = interpolate(raster, triangles, np.log(shade)[:, None])[..., 0].astype(np.float32)
    drawn[raster.triangle < 0] = np.log(typical)
    doubled = cv2.resize(drawn, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
    lit = np.asarray(doubled[: log_luminance.shape[0], : log_luminance.shape[1]], np.float32)

    slope = _harmonics_slope(smooth, light) / shade[:, None]
    corners = camera_mm[cells]
    along = corners[:, :, 1] - corners[:, :, 0] + corners[:, :, 2] - corners[:, :, 3]
    up = corners[:, :, 3] - corners[:, :, 0] + corners[:, :, 2] - corners[:, :, 1]
    first = along / np.maximum(np.linalg.norm(along, axis=2, keepdims=True), 1e-9)
    across = np.cross(np.cross(along, up), first)
    second = across / np.maximum(np.linalg.norm(across, axis=2, keepdims=True), 1e-9)
    mean = slope[cells].mean(2)
    # A slope dh/dx along an axis turns the normal against that axis.
    tilt = -np.stack([(mean * axis).sum(2) for axis in (first, second)], axis=2)
    low, high = settings.own_form
    broad = surface.graph.smooth(smooth, settings.form_smoothing)
    creased = np.clip((np.linalg.norm(smooth - broad, axis=1) - low) / (high - low), 0.0, 1.0)
    own = surface.graph.smooth(creased, 2).clip(0.0, 1.0).astype(np.float32)
    return lit, np.clip(tilt, -LARGEST_TILT, LARGEST_TILT).astype(np.float32), own
