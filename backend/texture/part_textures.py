"""Procedural textures of the inner parts: eyes, teeth, and the shared square of mouth, lid rims, gums and tongue.

Deterministic: a colour from the photo goes in, the rest is drawn. Images are (size, size, 3) uint8 sRGB, row 0 at
v = 1. The UV layouts are those of face_model/eyeball.py and training/parts*.py.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face_model.eyeball import IRIS_UV_RADIUS, eye_degrees

Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]
Colour = tuple[float, float, float]

PUPIL = 0.36  # of the iris radius
SCLERA: Colour = (198.0, 188.0, 183.0)  # grey-pink, about 0.74: a wet highlight adds to it
SCLERA_CORNER: Colour = (181.0, 138.0, 129.0)
LIP: Colour = (178.0, 104.0, 98.0)
GUM: Colour = (190.0, 112.0, 108.0)
TONGUE: Colour = (182.0, 98.0, 95.0)
THROAT: Colour = (46.0, 14.0, 14.0)
TOOTH: Colour = (233.0, 217.0, 195.0)
TOOTH_EDGE: Colour = (224.0, 212.0, 199.0)  # thin enamel, a little translucent
TOOTH_NECK: Colour = (214.0, 184.0, 148.0)
TEETH_CELLS = 6  # cells of the teeth's square in a row
# Cheeks and lips take the light from the teeth behind: share of it left, from the middle incisor to the last molar.
TOOTH_LIGHT = (1.0, 1.0, 0.97, 0.89, 0.78, 0.66, 0.55)
GUM_LIGHT = 0.5  # what is left at the ends of the gums


def _mix(first: Any, second: Any, share: Floats) -> Floats:
    """Blend two colours, (3,) or (..., 3), by ``share`` (...): 0 is all first."""
    start, stop = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    mixed = np.empty((*share.shape, 3))
    for channel in range(3):  # one by one: numpy is slow along an inner axis of three
        low, high = start[..., channel], stop[..., channel]
        mixed[..., channel] = low + share * (high - low)
    return mixed


def _step(value: Floats, low: float, high: float) -> Floats:
    """Smooth step from 0 at ``low`` to 1 at ``high`` (which may lie below ``low``)."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def _uv(size: int) -> tuple[Floats, Floats]:
    """u and v (size, size) of the pixel centres."""
    place = (np.arange(size) + 0.5) / size
    u, v = np.meshgrid(place, 1.0 - place)
    return u, v


def _noise(size: int, cell_px: float, seed: int) -> Floats:
    """Smooth noise (size, size) of unit variance with features of about ``cell_px`` pixels."""
    white = np.random.default_rng(seed).standard_normal((size, size))
    soft = cv2.GaussianBlur(white, (0, 0), max(cell_px, 0.3), borderType=cv2.BORDER_REFLECT)
    result: Floats = soft / soft.std()
    return result


def _finish(image: Floats) -> Bytes:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _fibres(angle: Floats, radius: Floats, seed: int) -> Floats:
    """Radial fibres of an iris, about -1 to 1: waves around the pupil whose phase wanders with the radius."""
    rng = np.random.default_rng(seed)
    total = np.zeros_like(angle)
    for count in (17, 29, 43, 61, 83, 109, 137):
        phase, wander, bend = rng.uniform(0.0, 2.0 * np.pi), rng.normal(0.0, 2.5), rng.normal(0.0, 1.5)
        total += np.cos(count * angle + phase + wander * radius + bend * np.sin(3.0 * angle + phase)) / count**0.35
    return total / 1.2


def _veins(size: int, seed: int) -> Floats:
    """Faint vessels (size, size), 0 to 1, winding from the back of the eyeball towards the iris."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((size, size), dtype=np.uint8)
    for _ in range(64):
        # Most vessels come from the two corners of the eye.
        corner = rng.choice([0.0, np.pi])
        angle = corner + rng.normal(0.0, 0.55)
        radius, end = 0.47, rng.uniform(0.25, 0.36)
        points = []
        turn = 0.0
        while radius > end:
            points.append((0.5 + radius * np.cos(angle), 0.5 - radius * np.sin(angle)))
            turn = 0.8 * turn + rng.normal(0.0, 0.02)
            angle += turn
            radius -= rng.uniform(0.002, 0.006)
        line = np.rint(np.array(points) * size * 16).astype(np.int32)
        strength = float(rng.integers(70, 190))
        one = np.zeros_like(canvas)
        cv2.polylines(one, [line.reshape(-1, 1, 2)], False, (strength,), max(1, size // 512), cv2.LINE_AA, 4)
        canvas = np.maximum(canvas, one)
    soft = cv2.GaussianBlur(canvas.astype(np.float64) / 255.0, (0, 0), size / 900)
    return np.clip(soft, 0.0, 1.0)


def eye_texture(iris_rgb: Colour = (104.0, 74.0, 50.0), size: int = 1024) -> Bytes:
    """The "eye" square: sclera with faint veins, dark limbal ring, fibrous iris, pupil.

    Parameters
    ----------
    iris_rgb : mean colour of the iris, sRGB 0 to 255
    size : pixels

    Returns
    -------
    (size, size, 3) uint8 sRGB; the iris lies in the middle with a radius of IRIS_UV_RADIUS * size pixels.
    """
    u, v = _uv(size)
    x, y = u - 0.5, v - 0.5
    distance, angle = np.hypot(x, y), np.arctan2(y, x)
    radius = distance / IRIS_UV_RADIUS
    degrees = eye_degrees(distance)

    side = np.abs(x) / np.maximum(distance, 1e-9)
    corner = _step(degrees, 44.0, 88.0) * (0.35 + 0.65 * side**2)
    sclera = _mix(SCLERA, SCLERA_CORNER, corner)
    sclera = sclera * (1.0 + 0.012 * _noise(size, size / 60, 3)[..., None])
    sclera = _mix(sclera, (168.0, 74.0, 66.0), 0.34 * _veins(size, 5) * _step(degrees, 24.0, 40.0))
    # The upper lid and its lashes shade the ball.
    sclera *= (1.0 - 0.16 * _step(y, 0.02, 0.2))[..., None]

    base = np.asarray(iris_rgb, dtype=np.float64)
    fibres = _fibres(angle, radius, 7)
    collarette = np.exp(-(((radius - 0.52 - 0.02 * np.sin(9.0 * angle)) / 0.09) ** 2))
    light = 1.0 + 0.20 * fibres * _step(radius, 0.36, 0.5) + 0.16 * collarette
    light *= 1.0 + 0.12 * _step(radius, 0.55, 0.75) - 0.25 * _step(radius, 0.78, 0.98)
    iris = base * light[..., None]
    # The part inside the collarette is warmer and darker than the rest.
    iris = _mix(iris, base * np.array([0.92, 0.72, 0.58]), 0.55 * _step(radius, 0.52, 0.4))
    iris = _mix(iris, base * 0.30, 0.85 * _step(radius, 0.84, 0.97))
    image = _mix(iris, sclera, _step(radius, 0.94, 1.07))
    # The ring goes on, fading, into the sclera.
    image = _mix(image, base * 0.45, 0.45 * np.exp(-(((radius - 1.0) / 0.06) ** 2)))
    image = _mix(image, (7.0, 6.0, 7.0), _step(radius, PUPIL + 0.02, PUPIL - 0.02))
    return _finish(image)


def teeth_texture(size: int = 512) -> Bytes:
    """The "teeth" square: one cell for each tooth, biting edge in the middle of the cell, neck at its border."""
    u, v = _uv(size)
    cell_x, cell_y = u * TEETH_CELLS % 1.0, v * TEETH_CELLS % 1.0
    out = 2.0 * np.maximum(np.abs(cell_x - 0.5), np.abs(cell_y - 0.5))  # 0 at the edge, 1 under the gum
    image = _mix(TOOTH_EDGE, TOOTH, _step(out, 0.15, 0.45))
    image = _mix(image, TOOTH_NECK, _step(out, 0.5, 0.86))
    image = _mix(image, (140.0, 92.0, 80.0), 0.8 * _step(out, 0.86, 1.0))
    index = np.floor(u * TEETH_CELLS).astype(int) + TEETH_CELLS * np.floor(v * TEETH_CELLS).astype(int)
    # Mirrored teeth sit in neighbouring cells and get the same shade.
    shade = np.random.default_rng(11).normal(1.0, 0.014, TEETH_CELLS**2 // 2)
    # The upper jaw's teeth come first, from the middle backwards.
    light = np.ones(len(shade))
    light[: 2 * len(TOOTH_LIGHT)] = TOOTH_LIGHT * 2
    image *= (shade * light)[index // 2][..., None]
    image *= 1.0 + 0.008 * _noise(size, size / 100, 12)[..., None]
    return _finish(image)


def _bag(v: Floats, lip: Floats) -> Floats:
    """Mouth bag: the lips' own colour at v = 1, their wet inside, and the dark of the throat at v = 0.5."""
    inside = _mix(lip, 0.55 * lip + 0.45 * np.array([150.0, 62.0, 60.0]), _step(v, 0.985, 0.93))
    inside = _mix(inside, (112.0, 44.0, 42.0), _step(v, 0.95, 0.85))
    return _mix(inside, THROAT, _step(v, 0.88, 0.68))


def _tongue(u: Floats, v: Floats, size: int) -> Floats:
    """Tongue: u from root to tip, its middle line at v = 0.125, its underside at v = 0 and 0.25."""
    away = np.abs(v - 0.125) / 0.125
    image = _mix(TONGUE, (150.0, 70.0, 74.0), _step(away, 0.45, 0.8))
    image = _mix(image, (196.0, 120.0, 114.0), 0.35 * _step(away, 0.4, 0.1) * _step(u, 0.95, 0.6))
    line = np.exp(-((away / 0.05) ** 2)) * _step(u, 0.97, 0.85)
    image = _mix(image, (136.0, 62.0, 62.0), 0.5 * line)
    image = _mix(image, THROAT, 0.9 * _step(u, 0.6, 0.05))
    grain = 0.05 * _noise(size, size / 300, 21) * _step(away, 0.6, 0.3)
    return image * (1.0 + grain)[..., None]


def mouth_texture(lip_rgb: Colour = LIP, skin_rgb: Colour | None = None, size: int = 512) -> Bytes:
    """The "mouth" square: mouth bag, eye sockets (lid rims), gums and tongue.

    Parameters
    ----------
    lip_rgb : colour of the lips where they meet, sRGB 0 to 255
    skin_rgb : colour of the skin at the lids; a pink mixed from the lips' colour where None
    size : pixels
    """
    u, v = _uv(size)
    lip = np.asarray(lip_rgb, dtype=np.float64)
    skin = (
        lip * 0.5 + 0.5 * np.array([205.0, 160.0, 140.0])
        if skin_rgb is None
        else np.asarray(skin_rgb, dtype=np.float64)
    )
    rim = 0.6 * skin + 0.4 * np.array([196.0, 128.0, 118.0])
    socket = _mix(skin, rim, _step(v, 0.498, 0.48))
    socket = _mix(socket, (150.0, 74.0, 68.0), _step(v, 0.47, 0.40))
    socket = _mix(socket, 0.5 * np.array([150.0, 74.0, 68.0]), _step(v, 0.40, 0.28))

    gum_v = (v - 0.25) / 0.125 % 1.0
    gum = _mix(np.array(GUM) * 0.8, GUM, _step(gum_v, 0.0, 0.35))
    gum = _mix(gum, (150.0, 78.0, 76.0), 0.8 * _step(gum_v, 0.72, 1.0))
    backwards = np.abs(4.0 * (u - 0.75))  # 0 in the middle of an arch, 1 behind its last teeth
    gum = gum * (1.0 - (1.0 - GUM_LIGHT) * _step(backwards, 0.3, 0.95))[..., None]
    gum = gum * (1.0 + 0.03 * _noise(size, size / 90, 31)[..., None])

    image = np.where((v >= 0.5)[..., None], _bag(v, lip), socket)
    image = np.where(((v < 0.5) & (v >= 0.25) & (u >= 0.5))[..., None], gum, image)
    image = np.where((v < 0.25)[..., None], _tongue(u, v, size), image)
    return _finish(image)
