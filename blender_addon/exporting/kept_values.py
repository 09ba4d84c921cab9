"""Values that animation and drivers set stay what they were while other frames are evaluated.

Blender writes what it evaluates back into the datablocks, so a look at frame 50 would leave its values behind, and
a slider that was moved but not keyed would be lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy

from ..scene.curves import curves_in_action, fcurves_of

# The last step of a path: a property, or a custom one.
_LAST_STEP = re.compile(r'^(?:(?P<owner>.*)\.)?(?P<name>\w+)$|^(?P<custom_owner>.*)\["(?P<key>[^"]*)"\]$')


@contextmanager
def values_kept() -> Iterator[None]:
    """Put every animated or driven value of the file back at the end."""
    before = [(owner, path, _get(owner, path)) for owner in _animated() for path in _paths(owner)]
    try:
        yield
    finally:
        for owner, path, value in before:
            if value is not None and _get(owner, path) != value:
                _set(owner, path, value)


def _animated() -> Iterator[bpy.types.ID]:
    """Every datablock with animation, node trees inside of others included."""
    for prop in bpy.data.bl_rna.properties:
        if prop.type != "COLLECTION":
            continue
        for block in getattr(bpy.data, prop.identifier):
            for owner in (block, getattr(block, "node_tree", None)):
                if owner is not None and getattr(owner, "animation_data", None) is not None:
                    yield owner


def _paths(owner: bpy.types.ID) -> set[str]:
    data = owner.animation_data
    paths = {curve.data_path for curve in fcurves_of(owner)} | {curve.data_path for curve in data.drivers}
    for track in data.nla_tracks:
        for strip in track.strips:
            if strip.action is not None:
                paths |= {curve.data_path for curve in curves_in_action(strip.action, owner.id_type)}
    return paths


def _get(owner: bpy.types.ID, path: str) -> Any:
    """The value, arrays as tuples; None where the path leads nowhere (a curve of a property that is gone)."""
    try:
        value = owner.path_resolve(path)
    except ValueError:
        return None
    return tuple(value) if hasattr(value, "__len__") and not isinstance(value, str) else value


def _set(owner: bpy.types.ID, path: str, value: Any) -> None:
    step = _LAST_STEP.match(path)
    if step is None:
        return
    place = step["owner"] if step["name"] else step["custom_owner"]
    holder = owner.path_resolve(place) if place else owner
    if step["name"]:
        setattr(holder, step["name"], value)
    else:
        holder[step["key"]] = value
