"""Animation curves of a datablock in every Blender from 4.2 on.

Up to 4.3 an action holds its curves itself. From 4.4 on it is layered: action > layer > strip > channelbag, one
channelbag for each slot, and a datablock wears an action together with one of its slots; from 5.0 on that is the
only way. Curves are never kept between operators: undo and file loading replace them.
"""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from numpy.typing import ArrayLike

from ..backend_door import FaceError

LAYERED = hasattr(bpy.types, "ActionSlots")
"""Whether this Blender's actions have slots (4.4 and later)."""


class AnimationLocked(FaceError):
    """The animation belongs to another file and cannot be changed here."""


def fcurves_of(owner: bpy.types.ID) -> list[bpy.types.FCurve]:
    """The curves of the datablock's active action that are meant for it; empty where it has none."""
    data = owner.animation_data
    if data is None or data.action is None:
        return []
    return [curve for curves in _collections(data.action, _slot_of(data)) for curve in curves]


def find_fcurve(owner: bpy.types.ID, data_path: str, index: int = 0) -> bpy.types.FCurve | None:
    """The datablock's curve for one property, or None."""
    data = owner.animation_data
    if data is None or data.action is None:
        return None
    for curves in _collections(data.action, _slot_of(data)):
        curve = curves.find(data_path, index=index)
        if curve is not None:
            return curve
    return None


def ensure_fcurve(
    owner: bpy.types.ID, data_path: str, index: int = 0, action_name: str = "Facewright"
) -> bpy.types.FCurve:
    """The datablock's curve for one property; made, with an action called ``action_name``, where there is none.

    Raises AnimationLocked where the action or the datablock is linked from another file.
    """
    curve = find_fcurve(owner, data_path, index)
    action = owner.animation_data.action if owner.animation_data else None
    if not owner.is_editable or (action is not None and not action.is_editable):
        raise AnimationLocked(f"The animation of {owner.name} is linked from another file; make it local first.")
    if curve is not None:
        return curve
    data = owner.animation_data_create()
    if data is None:
        raise AnimationLocked(f"{owner.name} cannot be animated.")
    if action is None:
        action = data.action = bpy.data.actions.new(action_name)
    if not LAYERED:
        if not action.fcurves:
            action.id_root = owner.id_type  # an empty action takes the kind of its first wearer
        return action.fcurves.new(data_path, index=index)
    if data.action_slot is None:
        fitting = [slot for slot in action.slots if slot.target_id_type in (owner.id_type, "UNSPECIFIED")]
        free = next((slot for slot in fitting if not slot.users()), None)
        data.action_slot = free or action.slots.new(id_type=owner.id_type, name=owner.name)
    return _channelbag(action, data.action_slot).fcurves.new(data_path, index=index)


def remove_fcurve(owner: bpy.types.ID, fcurve: bpy.types.FCurve) -> None:
    """Delete one of ``fcurves_of(owner)``. Raises AnimationLocked, ValueError where it is not one of them."""
    data = owner.animation_data
    if data is not None and data.action is not None:
        for curves in _collections(data.action, _slot_of(data)):
            if curves.find(fcurve.data_path, index=fcurve.array_index) == fcurve:
                if not data.action.is_editable:
                    raise AnimationLocked(f"The action {data.action.name} is linked; make it local first.")
                curves.remove(fcurve)
                return
    raise ValueError(f"{fcurve.data_path} is not a curve of {owner.name}")


def curves_in_action(action: bpy.types.Action, id_type: str) -> list[bpy.types.FCurve]:
    """The curves that an action holds for datablocks of one kind ("KEY", "OBJECT"), from its first such slot."""
    if not LAYERED:
        # An action without curves is of no kind yet, and Blender warns when asked for it.
        return list(action.fcurves) if action.fcurves and action.id_root == id_type else []
    slot = next((slot for slot in action.slots if slot.target_id_type == id_type), None)
    return [curve for curves in _collections(action, slot) for curve in curves]


def add_to_action(action: bpy.types.Action, id_type: str, data_path: str, index: int = 0) -> bpy.types.FCurve:
    """A new curve in an action that nobody needs to wear; its slot, where Blender has slots, is made with it."""
    if not LAYERED:
        action.id_root = id_type
        return action.fcurves.new(data_path, index=index)
    slot = next((slot for slot in action.slots if slot.target_id_type == id_type), None)
    slot = slot or action.slots.new(id_type=id_type, name=action.name)
    return _channelbag(action, slot).fcurves.new(data_path, index=index)


def set_keys(
    curve: bpy.types.FCurve, frames: ArrayLike, values: ArrayLike, interpolation: str = "BEZIER"
) -> None:
    """Replace all keys of a curve at once: ``frames`` (n,) ascending and ``values`` (n,)."""
    frames, values = np.asarray(frames, np.float32), np.asarray(values, np.float32)
    points = curve.keyframe_points
    points.clear()
    points.add(len(frames))
    points.foreach_set("co", np.stack([frames, values], 1).ravel())
    _set_every(points, "interpolation", interpolation)
    _set_every(points, "handle_left_type", "AUTO_CLAMPED")
    _set_every(points, "handle_right_type", "AUTO_CLAMPED")
    curve.update()


def copy_fcurve(source: bpy.types.FCurve, target: bpy.types.FCurve) -> None:
    """Make ``target`` play what ``source`` plays: keys with their handles, extrapolation and modifiers."""
    if len(source.keyframe_points) == 0 and len(source.sampled_points):
        samples = np.array([tuple(point.co) for point in source.sampled_points])
        set_keys(target, samples[:, 0], samples[:, 1], "LINEAR")
    else:
        points = target.keyframe_points
        points.clear()
        points.add(len(source.keyframe_points))
        for name, width in _KEY_DATA.items():
            kind = np.int32 if name in _KEY_ENUMS else np.float32
            values = np.empty(width * len(points), kind)
            source.keyframe_points.foreach_get(name, values)
            points.foreach_set(name, values)
        target.update()
    target.extrapolation, target.mute = source.extrapolation, source.mute
    for modifier in list(target.modifiers):
        target.modifiers.remove(modifier)
    for modifier in source.modifiers:
        _copy_properties(modifier, target.modifiers.new(modifier.type))


_KEY_ENUMS = ("interpolation", "easing", "handle_left_type", "handle_right_type", "type")
_KEY_DATA = {
    "co": 2, "handle_left": 2, "handle_right": 2, "back": 1, "amplitude": 1, "period": 1,
    **dict.fromkeys(_KEY_ENUMS, 1),
}  # fmt: skip


def _copy_properties(source: bpy.types.FModifier, target: bpy.types.FModifier) -> None:
    """Copy every plain setting of a modifier; envelope points are made one by one."""
    for prop in source.bl_rna.properties:
        if prop.identifier == "control_points":
            for point in source.control_points:
                made = target.control_points.add(point.frame)
                made.min, made.max = point.min, point.max
        elif not prop.is_readonly and prop.type != "COLLECTION":
            setattr(target, prop.identifier, getattr(source, prop.identifier))


def _set_every(points: bpy.types.bpy_prop_collection, name: str, identifier: str) -> None:
    """Give every key one value of an enum; ``foreach_set`` wants the enum's number."""
    number = bpy.types.Keyframe.bl_rna.properties[name].enum_items[identifier].value
    points.foreach_set(name, np.full(len(points), number, np.int32))


def _slot_of(data: bpy.types.AnimData) -> object | None:
    return data.action_slot if LAYERED else None


def _collections(action: bpy.types.Action, slot: object | None) -> Sequence[bpy.types.bpy_prop_collection]:
    """The collections of curves that an action holds for a slot: one where there are no slots."""
    if not LAYERED:
        return [action.fcurves]
    if slot is None:
        return []
    strips = [strip for layer in action.layers for strip in layer.strips if strip.type == "KEYFRAME"]
    bags = [strip.channelbag(slot) for strip in strips]
    return [bag.fcurves for bag in bags if bag is not None]


def _channelbag(action: bpy.types.Action, slot: object) -> bpy.types.ActionChannelbag:
    """The slot's channelbag in the action's first strip; layer, strip and bag are made where they are missing."""
    layer = action.layers[0] if action.layers else action.layers.new("Layer")
    strip = layer.strips[0] if layer.strips else layer.strips.new(type="KEYFRAME")
    return strip.channelbag(slot, ensure=True)
