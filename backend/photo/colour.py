"""Any Pillow image to 8 bit sRGB: bit depth, palettes, alpha, CMYK and ICC profiles."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

BACKDROP = (128, 128, 128)  # sRGB, shown where a photo is transparent


def to_8_bit(image: Image.Image) -> Image.Image:
    """Reduce 16 and 32 bit greys to 8 bits; other modes are returned as they are.

    16 bit values are taken as 0..65535, 32 bit integers too where they exceed 255, floats as 0..1 unless they
    exceed that.
    """
    if image.mode.startswith("I;16"):
        return Image.fromarray(_rounded(np.asarray(image, np.uint16)))
    if image.mode == "I":
        values = np.clip(np.asarray(image), 0, 65535).astype(np.uint16)
        return Image.fromarray(values.astype(np.uint8) if values.max() <= 255 else _rounded(values))
    if image.mode == "F":
        floats = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        top = float(floats.max())
        full = 1.0 if top <= 1.0 else 255.0 if top <= 255.0 else 65535.0
        return Image.fromarray(np.rint(np.clip(floats / full, 0.0, 1.0) * 255.0).astype(np.uint8))
    return image


def _rounded(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """0..65535 to 0..255, rows at a time, so that no wide copy of a large photo is made."""
    result = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), 256):
        rows = values[start : start + 256].astype(np.uint32)
        result[start : start + 256] = (rows * 255 + 32767) // 65535
    return result


def expand_palette(image: Image.Image) -> Image.Image:
    """Modes that cannot be resized well (palette, 1 bit) as true colour or grey."""
    if image.mode == "P":
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode == "PA":
        return image.convert("RGBA")
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("L", "RGB") and "transparency" in image.info:
        return image.convert("LA" if image.mode == "L" else "RGBA")
    return image


def to_srgb(image: Image.Image, icc_profile: bytes | None) -> tuple[Image.Image, tuple[str, ...]]:
    """To mode RGB in sRGB, transparency shown before a neutral grey.

    Parameters
    ----------
    image : any 8 bit mode
    icc_profile : of the file, or None

    Returns
    -------
    image, warnings
    """
    alpha = None
    if image.mode in ("RGBA", "LA", "RGBa", "La"):
        if image.mode.endswith("a"):
            image = image.convert(image.mode.replace("a", "A"))
        alpha = image.getchannel("A")
        image = image.convert(image.mode[:-1])
    warnings: tuple[str, ...] = ()
    if icc_profile:
        image, warnings = _from_profile(image, icc_profile)
    if image.mode == "LAB":
        lab = ImageCms.createProfile("LAB")
        image = ImageCms.profileToProfile(image, lab, ImageCms.createProfile("sRGB"), outputMode="RGB") or image
    image = image.convert("RGB")
    if alpha is not None and alpha.getextrema()[0] != 255:
        image = Image.composite(image, Image.new("RGB", image.size, BACKDROP), alpha)
    return image, warnings


def _from_profile(image: Image.Image, icc_profile: bytes) -> tuple[Image.Image, tuple[str, ...]]:
    """Colours through an ICC profile to sRGB; a profile that does not fit the pixels is ignored with a warning."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        space = profile.profile.xcolor_space.strip()
        wanted = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}.get(space)
        if wanted != image.mode:
            return image, (f"The colour profile is for {space}, not for {image.mode}, and was ignored.",)
        if wanted == "RGB" and _is_srgb(profile):
            return image, ()
        transformed = ImageCms.profileToProfile(
            image,
            profile,
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        return image, (f"The colour profile cannot be read ({error}) and was ignored.",)
    return (transformed if transformed is not None else image), ()


def _is_srgb(profile: Any) -> bool:
    """Whether an RGB profile names itself sRGB: then there is nothing to convert."""
    description = profile.profile.profile_description or ""
    return "sRGB" in description
