"""Expressions as values of shape keys, and the photo's own expression kept as an action."""

from __future__ import annotations

from collections.abc import Mapping

import bpy


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
