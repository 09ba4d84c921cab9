"""Names of the files that ``engine_detail`` writes; apart from it, because bundles are also read where no image
library is."""

from __future__ import annotations

SETS = 3
SET_NAMES = tuple(f"wrinkle_{number}" for number in range(1, SETS + 1))
PAIR = ("compressed", "stretched")
NEUTRAL = "neutral"
MASK_IMAGES = 4
RECIPES = ("Unreal", "Unity")

ENGINE_FOLDER = "head_detail"
"""Beside head.fbx and head.glb in a bundle."""


def file_names(stem: str) -> tuple[str, ...]:
    """Every file of a folder, in the order in which they are written."""
    maps = (f"{stem}_{name}_{kind}.png" for name in (NEUTRAL, *SET_NAMES, *PAIR) for kind in ("normal", "height"))
    masks = (f"{stem}_masks_{number + 1}.png" for number in range(MASK_IMAGES))
    return (*maps, *masks, f"{stem}_detail.json", *(f"{engine}.md" for engine in RECIPES))


ENGINE_FILES = tuple(f"{ENGINE_FOLDER}/{name}" for name in file_names("head"))
