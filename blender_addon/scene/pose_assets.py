"""Expressions as actions that fit every head: one frame, all 52 blendshapes, marked as assets in a catalog.

An action names blendshapes, never an object. It can be applied to any head, and worn by any head's shape keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ..backend_door import ARKIT_NAMES, FaceError, OutputUnwritable
from ..expressions.key_poses import POSES, TIPS, label_of_pose
from .curves import add_to_action, curves_in_action, set_keys
from .links import name_of_path, value_path

MARK = "facewright_key_expression"
"""Custom property of an action that holds a key expression: its name."""
CATALOG_ID = "4b0b1b52-6f0f-4c3e-9d7e-0d6f3c1d8a20"
CATALOG_PATH = "Facewright/Key expressions"
CATALOG_FILE = "blender_assets.cats.txt"
_CATALOG_HEADER = """# This is an Asset Catalog Definition file for Blender.
#
# Empty lines and lines starting with `#` will be ignored.
# The first non-ignored line should be the version indicator.
# Other lines are of the format "UUID:catalog/path/for/assets:simple catalog name"

VERSION 1

"""


class NotAnExpression(FaceError):
    """The action holds no values of expressions."""


def make_pose_assets(pictures: Mapping[str, NDArray[np.float32]] | None = None) -> list[bpy.types.Action]:
    """An action for each key expression, in this file; those that are there already are brought up to date.

    pictures : (H, W, 4) RGBA for some of the names, rows from the bottom
    """
    present = {action[MARK]: action for action in _own_actions()}
    actions = []
    for name, pose in POSES.items():
        action = present.get(name) or bpy.data.actions.new(f"Facewright {label_of_pose(name)}")
        action[MARK] = name
        write_expression(action, pose)
        _mark(action, name)
        if pictures and name in pictures:
            _set_preview(action, pictures[name])
        actions.append(action)
    return actions


def write_expression(action: bpy.types.Action, weights: Mapping[str, float]) -> None:
    """Make an action hold one key at frame 1 for each of the 52 blendshapes."""
    curves = {curve.data_path: curve for curve in curves_in_action(action, "KEY")}
    for name in ARKIT_NAMES:
        path = value_path(name)
        set_keys(curves.get(path) or add_to_action(action, "KEY", path), [1.0], [weights.get(name, 0.0)])


def read_expression(action: bpy.types.Action, frame: float | None = None) -> dict[str, float]:
    """Weights by blendshape that an action holds at a frame, its first one where None.

    Raises NotAnExpression where it animates no shape keys.
    """
    curves = curves_in_action(action, "KEY")
    when = action.frame_range[0] if frame is None else frame
    named = ((name_of_path(curve.data_path), curve) for curve in curves)
    weights = {name: curve.evaluate(when) for name, curve in named if name is not None}
    if not weights:
        raise NotAnExpression(f"The action {action.name} holds no expression: it animates no shape keys.")
    return weights


def read_from_library(library: Path, name: str) -> dict[str, float]:
    """The expression of an action in another .blend file; nothing of it stays here. Raises NotAnExpression."""
    # Data of their own: loaded into the file, even a removed action would leave its library behind.
    with bpy.data.temp_data() as data:
        try:
            with data.libraries.load(str(library), link=False) as (source, target):
                target.actions = [name] if name in source.actions else []
        except OSError as error:
            raise NotAnExpression(f"The asset library {library} cannot be read.") from error
        if not target.actions:
            raise NotAnExpression(f"{library.name} holds no action called {name}.")
        return read_expression(target.actions[0])


def write_catalog(folder: Path) -> None:
    """Name the catalog of key expressions in the asset library ``folder``; other catalogs of it stay.

    Raises OutputUnwritable.
    """
    path = folder / CATALOG_FILE
    try:
        text = path.read_text(encoding="utf-8") if path.is_file() else _CATALOG_HEADER
        if any(line.startswith(CATALOG_ID) for line in text.splitlines()):
            return
        line = f"{CATALOG_ID}:{CATALOG_PATH}:{CATALOG_PATH.replace('/', '-')}\n"
        partial = path.with_name(f"{path.name}.facewright")
        partial.write_text(f"{text}{'' if text.endswith(chr(10)) else chr(10)}{line}", encoding="utf-8")
        partial.replace(path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise OutputUnwritable(f"The asset catalog {path} cannot be written: {reason}.") from error


def _own_actions() -> Iterator[bpy.types.Action]:
    return (action for action in bpy.data.actions if action.library is None and action.get(MARK) in POSES)


def _mark(action: bpy.types.Action, name: str) -> None:
    action.asset_mark()
    data = action.asset_data
    data.catalog_id, data.description, data.author = CATALOG_ID, TIPS[name], "Facewright"
    for tag in ("facewright", "expression"):
        data.tags.new(tag, skip_if_exists=True)


def _set_preview(action: bpy.types.Action, picture: NDArray[np.float32]) -> None:
    preview = action.preview_ensure()
    preview.image_size = picture.shape[1::-1]
    preview.image_pixels_float.foreach_set(np.ascontiguousarray(picture, np.float32).ravel())
