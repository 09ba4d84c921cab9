"""The head's real size: what is known about it, and how it is changed in the data, so that objects keep scale 1."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
from mathutils import Matrix

from ..backend_door import FaceError
from ..detail_nodes.controls import SIZE, detail_modifier, get_control, set_control
from ..heads import HeadParts, heads_in_file, parts_of, record_of
from .coordinates import METRES_PER_MM
from .curves import fcurves_of
from .record import update

PUPILS, HEIGHT = "PUPILS", "HEIGHT"
_ENTRIES = {PUPILS: "pupils_mm", HEIGHT: "head_height_mm"}
_SOURCES = {PUPILS: "set by pupil distance", HEIGHT: "set by head height"}
# What in a curve's modifiers has the curve's own unit, and so grows with it.
_MODIFIER_LENGTHS = {
    "NOISE": ("strength",),
    "FNGENERATOR": ("amplitude", "value_offset"),
    "LIMITS": ("min_y", "max_y"),
    "ENVELOPE": ("reference_value", "default_min", "default_max"),
}


class SizeFixed(FaceError):
    """The size of this head cannot be changed as it stands."""


def size(head: bpy.types.Object, measure: str) -> float | None:
    """Distance of the pupils (PUPILS) or chin to crown (HEIGHT) as the head stands in its scene, in Blender units.

    None where the head's record does not say it. What a person sculpted since does not count.
    """
    length_mm = record_of(head).get("scale", {}).get(_ENTRIES[measure])
    if length_mm is None:
        return None
    return float(length_mm) * METRES_PER_MM * head.matrix_world.median_scale


def set_size(head: bpy.types.Object, measure: str, length: float) -> float:
    """Make a measure of the head this long (Blender units) and return the factor by which the head grew.

    Raises SizeFixed where the length is no length, the measure is unknown, or see ``why_fixed``.
    """
    now = size(head, measure)
    if not now:
        raise SizeFixed("This head does not say how large it is; Rebuild brings that back from the head's folder.")
    if not 0.0 < length / now < float("inf"):
        raise SizeFixed("Type a length above zero.")
    reason = why_fixed(head)
    if reason is not None:
        raise SizeFixed(reason)
    factor = length / now
    resize(head, factor)
    scale = record_of(head)["scale"] | {"relative_sd": 0.0, "source": _SOURCES[measure]}
    update(parts_of(head), scale=scale)
    return factor


def why_fixed(head: bpy.types.Object) -> str | None:
    """One sentence that says why the head's size cannot be changed, or None where it can."""
    parts = parts_of(head)
    blocks = [(part, part.data) for part in parts if part is not None]
    for block in (*(block for pair in blocks for block in pair), head.data.shape_keys):
        if block is not None and (not block.is_editable or block.override_library is not None):
            return f"{block.name} is linked from another file: make it local to change the head's size."
    for part, data in blocks:
        if data.users - data.use_fake_user == 1:
            continue
        other = next((obj for obj in bpy.data.objects if obj.data == data and obj != part), None)
        if other is not None:
            return f"{other.name} shares {part.name}'s data: Object > Relations > Make Single User parts them."
    for other in heads_in_file():
        if parts.armature is not None and other != head and parts_of(other).armature == parts.armature:
            return f"{other.name} hangs on the same armature: give each head an armature of its own first."
    if head.mode != "OBJECT" or (parts.armature is not None and parts.armature.mode == "EDIT"):
        return "Go back to Object Mode to change the head's size."
    if any(modifier.type == "MULTIRES" for modifier in head.modifiers):
        return "Apply the Multiresolution modifier to change the head's size."
    action = next((action for part in parts for action in _actions(part) if not action.is_editable), None)
    if action is not None:
        return f"The action {action.name} is linked from another file: make it local to change the head's size."
    return None


def resize(head: bpy.types.Object, factor: float) -> None:
    """Scale the head about its origin: mesh, all shape keys, bones, poses, their animation, and the photo's camera.

    Everything stays in proportion, so that the camera sees the same picture and the person's own edits stay.
    Objects keep their scale; other objects that hang on the head keep their size.
    """
    parts = parts_of(head)
    scaling = Matrix.Scale(factor, 4)
    head.data.transform(scaling, shape_keys=True)
    head.data.update()
    if parts.armature is not None:
        parts.armature.data.transform(scaling)
        _own_actions(parts.armature)
        for bone in parts.armature.pose.bones:
            bone.location *= factor
        for curve in animation_curves(parts.armature):
            if curve.data_path.startswith("pose.bones[") and curve.data_path.endswith("].location"):
                _scale_curve(curve, factor)
        parts.armature.update_tag()
    for part in (head, parts.camera):
        if part is not None and parts.armature is not None and part.parent == parts.armature:
            _scale_place(part, factor)
    if parts.camera is not None:
        parts.camera.data.dof.focus_distance *= factor
    detail = detail_modifier(head)
    if detail is not None:  # what its maps hold in millimetres
        set_control(detail, SIZE, get_control(detail, SIZE) * factor)
    head.update_tag()
    _scale_record(parts, factor)


def _scale_place(part: bpy.types.Object, factor: float) -> None:
    """Move an object away from its parent's origin by the factor, its animation included."""
    _own_actions(part)
    part.location *= factor
    part.delta_location *= factor
    part.matrix_parent_inverse.translation *= factor
    for curve in animation_curves(part):
        if curve.data_path in ("location", "delta_location"):
            _scale_curve(curve, factor)


def _scale_record(parts: HeadParts, factor: float) -> None:
    record = record_of(parts.head)
    scale = record.get("scale", {})
    entries = {
        "size_factor": record.get("size_factor", 1.0) * factor,
        "scale": scale | {name: scale[name] * factor for name in _ENTRIES.values() if name in scale},
        "translation_mm": [value * factor for value in record["translation_mm"]],
    }
    if "residual" in record:
        entries["residual"] = record["residual"] | {"mean_mm": record["residual"]["mean_mm"] * factor}
    update(parts, **entries)


def _actions(owner: bpy.types.Object | None) -> Iterator[bpy.types.Action]:
    """The actions that an object wears, or plays in its NLA tracks."""
    data = None if owner is None else owner.animation_data
    if data is None:
        return
    if data.action is not None:
        yield data.action
    for track in data.nla_tracks:
        for strip in track.strips:
            if strip.action is not None:
                yield strip.action


def _own_actions(owner: bpy.types.Object) -> None:
    """Give the object actions of its own where others use them too: their curves must keep their size."""
    data = owner.animation_data
    if data is None:
        return
    worn = [data, *(strip for track in data.nla_tracks for strip in track.strips)]
    for action in {*_actions(owner)}:
        here = [place for place in worn if place.action == action]
        if action.users - action.use_fake_user <= len(here):
            continue
        copy = action.copy()
        for place in here:
            slot = getattr(place, "action_slot", None)
            handle = None if slot is None else slot.handle
            place.action = copy
            if handle is not None:
                place.action_slot = next(slot for slot in copy.slots if slot.handle == handle)


def animation_curves(owner: bpy.types.ID) -> Iterator[bpy.types.FCurve]:
    """The curves that move a datablock: of its action and of its NLA strips, each once."""
    yield from fcurves_of(owner)
    data = owner.animation_data
    seen = set() if data is None or data.action is None else {data.action}
    for track in () if data is None else data.nla_tracks:
        for strip in track.strips:
            if strip.action is not None and strip.action not in seen:
                seen.add(strip.action)
                yield from _strip_curves(strip)


def _strip_curves(strip: bpy.types.NlaStrip) -> Iterator[bpy.types.FCurve]:
    """The curves that an NLA strip plays."""
    slot = getattr(strip, "action_slot", None)
    if not hasattr(strip, "action_slot"):
        yield from strip.action.fcurves
    elif slot is not None:
        for layer in strip.action.layers:
            for piece in layer.strips:
                bag = piece.channelbag(slot)
                if bag is not None:
                    yield from bag.fcurves


def _scale_curve(curve: bpy.types.FCurve, factor: float) -> None:
    """Scale a curve's values, with handles and modifiers."""
    for point in curve.keyframe_points:
        left, right = point.handle_left.y, point.handle_right.y
        point.co.y *= factor
        point.handle_left.y, point.handle_right.y = left * factor, right * factor
    for modifier in curve.modifiers:
        for name in _MODIFIER_LENGTHS.get(modifier.type, ()):
            setattr(modifier, name, getattr(modifier, name) * factor)
        if modifier.type == "GENERATOR":
            modifier.coefficients = [value * factor for value in modifier.coefficients]
        elif modifier.type == "ENVELOPE":
            for point in modifier.control_points:
                point.min, point.max = point.min * factor, point.max * factor
    curve.update()
