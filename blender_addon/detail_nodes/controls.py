"""The controls of dynamic detail: inputs of the head's own modifier, so that they can be keyframed and driven, show
on the object, need no extension and follow every copy.

The modifier is found by a mark on its node group, and an input by that mark's table from the control's key (or the
blendshape's name) to the socket's identifier: names of sockets, groups and modifiers are the artist's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import bpy

INPUTS = "facewright_detail"
"""Custom property of the node group: key of a control, or name of a blendshape -> identifier of the socket."""

MODIFIER_NAME = "Facewright Detail"

MODE, STRENGTH, STATIC, DYNAMIC, PORES, ONSET, BLOOD_FLOW, SIZE = (
    "mode", "strength", "static", "dynamic", "pores", "onset", "blood_flow", "size",
)  # fmt: skip
REGIONS = ("forehead", "glabella", "eyes", "cheeks", "mouth", "chin")


class Control(NamedTuple):
    """One input. A default of the type bool makes a Boolean socket, else a float one of the named subtype."""

    key: str
    name: str
    default: float | bool
    minimum: float
    maximum: float
    description: str
    subtype: str = "FACTOR"


def _region(key: str, what: str) -> Control:
    return Control(key, key.capitalize(), 1.0, 0.0, 2.0, f"Strength of all detail {what}")


CONTROLS: tuple[Control, ...] = (
    Control(
        MODE, "HiFace", False, 0, 1,
        "Where dynamic wrinkles come from. Off: the 20 key expressions and their weight masks (FaceScape). On: the "
        "tension of the skin, compressed or stretched (HiFace)",
    ),
    Control(STRENGTH, "Strength", 1.0, 0.0, 2.0, "Strength of all detail. 1 is its real depth"),
    Control(STATIC, "Static", 1.0, 0.0, 2.0, "Strength of the lines that the face has at rest"),
    Control(DYNAMIC, "Dynamic", 1.0, 0.0, 2.0, "Strength of the wrinkles that come and go with the expression"),
    Control(PORES, "Pores", 1.0, 0.0, 2.0, "Strength of pores and of the skin's grain"),
    Control(
        ONSET, "Onset", 0.0, 0.0, 0.9,
        "How far an expression goes before its wrinkles begin; they still reach their full depth at its end",
    ),
    _region("forehead", "of the forehead"),
    _region("glabella", "between the brows"),
    _region("eyes", "around the eyes: crow's feet, lids, bags"),
    _region("cheeks", "of the cheeks and the folds beside the nose"),
    _region("mouth", "around the mouth"),
    _region("chin", "of the chin"),
    Control(
        BLOOD_FLOW, "Blood Flow", 0.0, 0.0, 1.0,
        "How much skin that is compressed pales and skin that is stretched reddens",
    ),
    Control(
        SIZE, "Head Size", 1.0, 0.001, 1000.0,
        "How large the head is, relative to the size it was made in, so that the detail's depth grows with it. "
        "Facewright sets it when the head is resized", "NONE",
    ),
)  # fmt: skip
"""Every control, in the order of the sockets; after them come the inputs of the blendshapes."""

_BY_KEY = {control.key: control for control in CONTROLS}


def detail_modifier(head: bpy.types.Object) -> bpy.types.NodesModifier | None:
    """The modifier that shows a head's detail; None where it has none."""
    for modifier in head.modifiers:
        if modifier.type == "NODES" and modifier.node_group is not None and INPUTS in modifier.node_group:
            return modifier
    return None


def identifier(modifier: bpy.types.NodesModifier, key: str) -> str:
    """The socket behind a control or a blendshape's weight. Raises KeyError."""
    return str(modifier.node_group[INPUTS][key])


def input_keys(modifier: bpy.types.NodesModifier) -> tuple[str, ...]:
    """Keys of all inputs that the modifier's node group knows: controls, and names of blendshapes."""
    return tuple(modifier.node_group[INPUTS].keys())


def input_path(modifier: bpy.types.NodesModifier, key: str) -> str:
    """Data path of an input from the head's object, for keyframes and drivers. Raises KeyError."""
    owner = f'modifiers["{bpy.utils.escape_identifier(modifier.name)}"]'
    socket = identifier(modifier, key)
    if hasattr(modifier, "properties"):  # from 5.2 on
        return f"{owner}.properties.inputs.{socket}.value"
    return f'{owner}["{socket}"]'


def input_field(modifier: bpy.types.NodesModifier, key: str) -> tuple[bpy.types.bpy_struct, str]:
    """What ``UILayout.prop`` takes to show an input: who owns it, and its name there. Raises KeyError."""
    socket = identifier(modifier, key)
    if hasattr(modifier, "properties"):
        return getattr(modifier.properties.inputs, socket), "value"
    return modifier, f'["{socket}"]'


def get_control(modifier: bpy.types.NodesModifier, key: str) -> float | bool:
    """The value of an input, as it was set or animated. Raises KeyError."""
    owner, name = input_field(modifier, key)
    return owner.value if name == "value" else owner[identifier(modifier, key)]


def set_control(modifier: bpy.types.NodesModifier, key: str, value: float | bool) -> None:
    """Set an input, a control within its range. Raises KeyError."""
    control = _BY_KEY.get(key)
    if control is not None:
        value = bool(value) if control.default is False else min(max(value, control.minimum), control.maximum)
    owner, name = input_field(modifier, key)
    if name == "value":
        owner.value = value
    else:
        owner[identifier(modifier, key)] = value
    modifier.id_data.update_tag()  # Blender does not notice when a custom property changes


def get_controls(modifier: bpy.types.NodesModifier) -> dict[str, float | bool]:
    """The values of all controls by key."""
    return {control.key: get_control(modifier, control.key) for control in CONTROLS}


def set_controls(modifier: bpy.types.NodesModifier, values: Mapping[str, float | bool]) -> None:
    """Set several controls. Raises KeyError."""
    for key, value in values.items():
        set_control(modifier, key, value)
