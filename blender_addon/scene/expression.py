"""Expressions as values of shape keys, and the photo's own expression kept as an action."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import bpy

from ..backend_door import FaceError
from ..expressions.sides import agreed
from ..expressions.table import REGION_OF
from ..heads import shape_keys
from .links import driven, links

SAME_VALUE = 1e-6
"""Values of shape keys that differ by less are the same."""


class NoExpressions(FaceError):
    """The head has no blendshapes."""


def set_expression(obj: bpy.types.Object, weights: Mapping[str, float]) -> None:
    """Set every shape key: the named ones to their weights, all others to 0."""
    for key in obj.data.shape_keys.key_blocks[1:]:
        key.value = float(weights.get(key.name, 0.0))


def store_expression(obj: bpy.types.Object, name: str, weights: Mapping[str, float]) -> bpy.types.Action:
    """Keep an expression as a one-frame action for the head's shape keys and leave the head at neutral.

    The head opens neutral, ready to be animated; choosing this action in the Shape Key editor brings back
    what the photo showed.
    """
    keys = obj.data.shape_keys
    set_expression(obj, weights)
    for key in keys.key_blocks[1:]:
        key.keyframe_insert("value", frame=1)
    action = keys.animation_data.action
    action.name = name
    action.use_fake_user = True
    keys.animation_data_clear()
    set_expression(obj, {})
    return action


def expression_names(head: bpy.types.Object) -> list[str]:
    """The head's shape keys that are expressions: those of the 52 that it has, in the panel's order.

    An artist's own keys, for a scar or a corrected nose, are none. A head without any of the 52, from another face
    model, is taken to have expressions only.
    """
    blocks = shape_keys(head)
    return [name for name in REGION_OF if name in blocks] or list(blocks)


def weights_of(head: bpy.types.Object) -> dict[str, float]:
    """What the head shows now: the value of each of its expressions."""
    blocks = shape_keys(head)
    return {name: blocks[name].value for name in expression_names(head)}


def pose(head: bpy.types.Object, weights: Mapping[str, float]) -> tuple[str, ...]:
    """Set the named blendshapes, those that are not named stay; returns the names of those that changed.

    Of linked pairs the leading side is set, to the mean of what the two are given. What a driver of the artist's
    own sets is left to it. Raises NoExpressions, where somebody has deleted all blendshapes.
    """
    blocks = shape_keys(head)
    if not blocks:
        raise NoExpressions(f"{head.name} has no expressions left; Rebuild brings them back.")
    keys = head.data.shape_keys
    followers, taken = links(keys), driven(keys)
    changed = []
    for name, weight in agreed(weights, followers).items():
        if name in blocks and name not in taken:
            before = blocks[name].value
            blocks[name].value = float(weight)
            if abs(blocks[name].value - before) > SAME_VALUE:
                changed.append(name)
    return tuple(changed)


def settable(head: bpy.types.Object, names: Iterable[str]) -> list[str]:
    """Those of the names that a person can set or animate: followers give way to their leaders, drivers rule."""
    blocks, keys = shape_keys(head), head.data.shape_keys
    if not blocks:
        raise NoExpressions(f"{head.name} has no expressions left; Rebuild brings them back.")
    followers, taken = links(keys), driven(keys)
    leading = dict.fromkeys(followers.get(name, name) for name in names)
    return [name for name in leading if name in blocks and name not in taken]
