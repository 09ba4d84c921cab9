"""Both sides of a face doing the same: drivers that let the right blendshape of a pair follow the left one.

A link is a driver of the kind that sums one property: no Python expression, so it works where scripts may not run
by themselves, and it survives saving, appending and undo. Nothing else remembers it: what is linked is read off
the drivers, so it is never out of date.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import bpy

from ..backend_door import FaceError
from ..expressions.sides import LEADER_OF
from ..heads import shape_keys
from .curves import copy_fcurve, ensure_fcurve, find_fcurve, remove_fcurve

_START, _END = 'key_blocks["', '"].value'


class NotLinkable(FaceError):
    """The sides of this head cannot be linked."""


class LinkReport(NamedTuple):
    """linked: pairs that are linked now; skipped: right blendshapes that have drivers of the artist's own."""

    linked: int
    skipped: tuple[str, ...]


def value_path(name: str) -> str:
    """Path of a blendshape's value within its Key datablock."""
    return f"{_START}{bpy.utils.escape_identifier(name)}{_END}"


def name_of_path(path: str) -> str | None:
    """The blendshape whose value a path means, or None where it means something else."""
    if not (path.startswith(_START) and path.endswith(_END)):
        return None
    return bpy.utils.unescape_identifier(path[len(_START) : -len(_END)])


def driven(keys: bpy.types.Key) -> dict[str, bpy.types.FCurve]:
    """Blendshapes whose value a driver sets, with that driver's curve."""
    data = keys.animation_data
    if data is None:
        return {}
    named = ((name_of_path(curve.data_path), curve) for curve in data.drivers)
    return {name: curve for name, curve in named if name is not None}


def links(keys: bpy.types.Key) -> dict[str, str]:
    """Linked blendshapes: right name -> the left name that it follows."""
    return {name: LEADER_OF[name] for name, curve in driven(keys).items() if _is_link(name, curve)}


def link_sides(head: bpy.types.Object) -> LinkReport:
    """Let the right side follow the left.

    Where both sides of a pair are animated or posed, the left side stays; where only the right one is, its curve
    or value moves to the left, so that nothing is lost. A pair in which the artist's own drivers work is left
    alone. Raises NotLinkable, AnimationLocked.
    """
    keys = _keys_of(head)
    blocks, drivers = shape_keys(head), driven(keys)
    linked, skipped = 0, []
    for right, left in _pairs(blocks):
        if right in drivers:
            if _is_link(right, drivers[right]):
                linked += 1
            else:
                skipped.append(right)
        elif left in drivers and value_path(right) in _inputs(drivers[left]):
            skipped.append(right)  # the left one follows the right one already
        else:
            _keep_the_only_side(keys, blocks[right], blocks[left])
            _add_link(keys, right, left)
            blocks[right].value = blocks[left].value
            linked += 1
    return LinkReport(linked, tuple(skipped))


def unlink_sides(head: bpy.types.Object) -> int:
    """Free the right side; it keeps its value and gets a copy of the left side's curve. Returns the pairs freed.

    Raises NotLinkable, AnimationLocked.
    """
    keys = _keys_of(head)
    blocks, current = shape_keys(head), links(keys)
    for right, left in current.items():
        value = blocks[right].value if left not in blocks else blocks[left].value
        keys.driver_remove(value_path(right))
        curve = find_fcurve(keys, value_path(left))
        if curve is not None:
            copy_fcurve(curve, ensure_fcurve(keys, value_path(right)))
        blocks[right].value = value
    return len(current)


def is_linked(head: bpy.types.Object) -> bool:
    """Whether any pair of the head's blendshapes is linked."""
    keys = head.data.shape_keys
    return keys is not None and bool(links(keys))


def _keys_of(head: bpy.types.Object) -> bpy.types.Key:
    keys = head.data.shape_keys
    if keys is None or not any(True for _ in _pairs(shape_keys(head))):
        raise NotLinkable(f"{head.name} has no pairs of left and right expressions to link.")
    if not keys.is_editable:
        raise NotLinkable(f"The expressions of {head.name} are linked from another file; make them local first.")
    if keys.override_library is not None:
        # Blender does not keep drivers that are added to an override.
        raise NotLinkable(f"{head.name} is a library override: link its sides in the file that it comes from.")
    return keys


def _pairs(blocks: dict[str, bpy.types.ShapeKey]) -> Iterator[tuple[str, str]]:
    return ((right, left) for right, left in LEADER_OF.items() if right in blocks and left in blocks)


def _is_link(name: str, curve: bpy.types.FCurve) -> bool:
    """Whether this driver on ``name`` is one that ``_add_link`` makes, whichever head's keys it reads."""
    if name not in LEADER_OF or curve.driver.type != "SUM" or len(curve.driver.variables) != 1:
        return False
    variable = curve.driver.variables[0]
    return (
        variable.type == "SINGLE_PROP"
        and variable.targets[0].id_type == "KEY"
        and variable.targets[0].data_path == value_path(LEADER_OF[name])
    )


def _inputs(curve: bpy.types.FCurve) -> set[str]:
    """Paths that a driver reads."""
    return {target.data_path for variable in curve.driver.variables for target in variable.targets}


def _keep_the_only_side(keys: bpy.types.Key, right: bpy.types.ShapeKey, left: bpy.types.ShapeKey) -> None:
    """Make the left side hold what is to stay, and take the right one's curve away."""
    right_curve, left_curve = find_fcurve(keys, value_path(right.name)), find_fcurve(keys, value_path(left.name))
    if right_curve is not None:
        if left_curve is None:
            copy_fcurve(right_curve, ensure_fcurve(keys, value_path(left.name)))
            left.value = right.value
            right_curve = find_fcurve(keys, value_path(right.name))  # a new curve may have moved the others
        remove_fcurve(keys, right_curve)
    elif left_curve is None and left.value == 0.0:
        left.value = right.value


def _add_link(keys: bpy.types.Key, right: str, left: str) -> None:
    curve = keys.driver_add(value_path(right))
    # A new driver starts with a mapping of its result onto itself, a modifier before 5.0, two keys from then on,
    # which costs the last digits; without any the value passes as it is.
    for modifier in list(curve.modifiers):
        curve.modifiers.remove(modifier)
    curve.keyframe_points.clear()
    driver = curve.driver
    driver.type = "SUM"
    variable = driver.variables.new()
    variable.name, variable.type = "left", "SINGLE_PROP"
    target = variable.targets[0]
    target.id_type, target.id, target.data_path = "KEY", keys, value_path(left)
