"""The modifier's node group "Facewright Detail": by how much every map of the head's detail is multiplied, where.

    F = F_0 + sum_i M_i (F_i - F_0)            FaceScape Eq. (6), in its mode
    D = D_sta + t+ D_com + t- D_str            HiFace Eq. (4) and (9), in its mode

The factors, and with them everything that an artist sets, are stored as colours of the vertices; the material sums
the maps, the same way in both modes. The masks that came with the head are taken off its mesh on the way out, so
that modifiers behind this one do not carry them along.
"""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ..backend_door import ARKIT_NAMES, TENSION_UNIT
from . import controls, regions, tension, weight_masks
from .attributes import (
    ACTIVATION,
    CHANNELS,
    DETAIL,
    EDGE_SHARE,
    INVERSE_ENERGY,
    KEY_NAMES,
    REGION,
    SHOWN,
    SKIN_EDGE,
    TENSION,
)  # fmt: skip
from .controls import CONTROLS, REGIONS
from .sheet import Sheet, Value, shared_group

KIND, CONTENT = "detail", "2"
BEYOND_ALL_WEIGHTS = 1e6
_NAME = {control.key: control.name for control in CONTROLS}
_STEMS = tuple(names[0].rpartition("_")[0] + "_*" for names in (ACTIVATION, INVERSE_ENERGY, REGION))


def detail_group(key_weights: NDArray[np.floating]) -> bpy.types.NodeTree:
    """The shared modifier group for key weights (19, 52), with the table of its inputs (``controls.INPUTS``)."""
    content = f"{CONTENT}.{regions.CONTENT}.{tension.CONTENT}.{weight_masks.content(key_weights)}"
    return shared_group(
        KIND, content, controls.MODIFIER_NAME, "GeometryNodeTree", lambda sheet: _draw(sheet, key_weights)
    )  # fmt: skip


def _draw(sheet: Sheet, key_weights: NDArray[np.floating]) -> None:
    #   controls --> [strengths] static, pores, dynamic --+
    #                   ^ Regions                         |
    #   52 weights --> Weight Masks --> not in HiFace's --+--> [pack] --> Capture --> Store x 7 --> Remove
    #   mesh --------> Tension ---> not in FaceScape's ---+                  ^
    #   Geometry ------------------------------------------------------------+
    _interface(sheet)
    static, pores, moving = _strengths(sheet)
    masks = _masks(sheet, key_weights, moving)
    by_tension = _tension(sheet, moving)
    packed = {name: [static, *masks][CHANNELS * n : CHANNELS * (n + 1)] for n, name in enumerate(DETAIL)}
    packed[TENSION] = [by_tension["Compressed"], by_tension["Stretched"], pores, by_tension["Blood"]]
    with sheet.frame("Packed as the images are, computed once"):
        capture = sheet.node("GeometryNodeCaptureAttribute", 12, 0, domain="POINT")
        sheet.feed(capture.inputs["Geometry"], sheet.inputs(11, -2, ("Geometry",))["Geometry"])
        for row, (name, values) in enumerate(packed.items()):
            capture.capture_items.new("RGBA", name)
            sheet.feed(capture.inputs[name], sheet.colour(values, 11, 1 + row))
    geometry = capture.outputs["Geometry"]
    with sheet.frame("For the material to read"):
        for column, name in enumerate(packed):
            geometry = _stored(sheet, geometry, name, capture.outputs[name], 13 + column)
        geometry = _stored(sheet, geometry, SHOWN, 1.0, 13 + len(packed), "FLOAT")
    with sheet.frame("What only this group needs"):
        for column, name in enumerate((*_STEMS, SKIN_EDGE, EDGE_SHARE)):
            geometry = _removed(sheet, geometry, name, 14 + len(packed) + column)
    sheet.outputs(14 + len(packed) + len(_STEMS) + 2, 0, {"Geometry": geometry})


def _interface(sheet: Sheet) -> None:
    """Geometry, the controls and the blendshapes' weights; and the table of who is who."""
    sheet.tree.is_modifier = True
    sheet.socket("Geometry", "Geometry", "The head, its blendshapes applied")
    sheet.socket("Geometry", "Geometry", "The head with its detail's factors as attributes", output=True)
    by_region = sheet.panel("Regions", "Strength of all detail by region of the face")
    weights = sheet.panel("Blendshapes", "Weights of the blendshapes: driven by the head's shape keys")
    table = {}
    for control in CONTROLS:
        panel = by_region if control.key in REGIONS else None
        if isinstance(control.default, bool):
            made = sheet.socket(
                control.name, "Bool", control.description, default=control.default, single=True, panel=panel
            )  # fmt: skip
        else:
            made = sheet.socket(
                control.name, "Float", control.description, default=control.default,
                limits=(control.minimum, control.maximum), subtype=control.subtype, single=True, panel=panel,
            )  # fmt: skip
        table[control.key] = made.identifier
    for name in ARKIT_NAMES:
        made = sheet.socket(
            name, "Float", f"Weight of the blendshape {name}", default=0.0, limits=(0.0, 1.0), single=True,
            panel=weights,
        )  # fmt: skip
        table[name] = made.identifier
    sheet.tree[controls.INPUTS] = table


def _strengths(sheet: Sheet) -> list[bpy.types.NodeSocket]:
    """What static detail, pores and wrinkles are multiplied with: numbers, or fields where regions differ."""
    with sheet.frame("Strengths"):
        names = [_NAME[key] for key in REGIONS]
        given = sheet.inputs(0, 0, names)
        node = sheet.group(regions.regions_group(), 1, 0)
        for name in names:
            sheet.feed(node.inputs[name], given[name])
        keys = (controls.STATIC, controls.PORES, controls.DYNAMIC)
        shown = sheet.inputs(0, 6, [_NAME[key] for key in (controls.STRENGTH, controls.SIZE, *keys)])
        whole = sheet.math("MULTIPLY", 1, 6, shown[_NAME[controls.STRENGTH]], shown[_NAME[controls.SIZE]])
        parts = [
            sheet.math("MULTIPLY", 2, 6 + row, whole, shown[_NAME[key]], label=_NAME[key])
            for row, key in enumerate(keys)
        ]
        return [
            sheet.math("MULTIPLY", 3, 6 + row, part, node.outputs["Factor"]) for row, part in enumerate(parts)
        ]  # fmt: skip


def _masks(
    sheet: Sheet, key_weights: NDArray[np.floating], moving: bpy.types.NodeSocket
) -> list[bpy.types.NodeSocket]:
    """The 19 weight masks times the strength of wrinkles; 0 in HiFace mode."""
    with sheet.frame("FaceScape: weight masks of the key expressions"):
        given = sheet.inputs(4, 12, (*ARKIT_NAMES, _NAME[controls.ONSET]))
        node = sheet.group(weight_masks.weight_masks_group(key_weights), 6, 12)
        sheet.feed(node.inputs[weight_masks.STRENGTH], moving)
        for name, socket in given.items():
            sheet.feed(node.inputs[name], socket)
        hiface = sheet.inputs(4, 9, (_NAME[controls.MODE],))[_NAME[controls.MODE]]
        off = sheet.math("MULTIPLY", 5, 9, hiface, BEYOND_ALL_WEIGHTS, label="no blendshape is on in HiFace mode")
        sheet.feed(node.inputs[weight_masks.LEAST_WEIGHT], off)
        return [node.outputs[name] for name in KEY_NAMES]


def _tension(sheet: Sheet, moving: bpy.types.NodeSocket) -> dict[str, bpy.types.NodeSocket]:
    """Compressed and Stretched times the strength of wrinkles, 0 in FaceScape's mode; Blood, 0 unless asked for."""
    with sheet.frame("HiFace: tension of the skin"):
        given = sheet.inputs(4, 34, (_NAME[controls.ONSET], _NAME[controls.MODE]))
        node = sheet.group(tension.tension_group(), 6, 34, Onset=given[_NAME[controls.ONSET]])
        in_units = sheet.math("DIVIDE", 7, 33, moving, TENSION_UNIT, label="as the image has it")
        values = {}
        for row, name in enumerate(("Compressed", "Stretched")):
            on = given[_NAME[controls.MODE]]
            shown = sheet.switch("FLOAT", on, 0.0, node.outputs[name], 8, 34 + row, label=name)
            values[name] = sheet.math("MULTIPLY", 9, 34 + row, shown, in_units)
    with sheet.frame("Blood flow: stretched skin reddens, compressed skin pales"):
        amount = sheet.inputs(6, 40, (_NAME[controls.BLOOD_FLOW],))[_NAME[controls.BLOOD_FLOW]]
        plain = sheet.group(tension.tension_group(), 6, 42)
        change = sheet.math("SUBTRACT", 7, 42, plain.outputs["Stretched"], plain.outputs["Compressed"])
        shown = sheet.switch("FLOAT", sheet.compare(amount, 7, 40), 0.0, change, 8, 41)
        values["Blood"] = sheet.math("MULTIPLY", 9, 41, shown, amount)
    return values


def _stored(
    sheet: Sheet, geometry: bpy.types.NodeSocket, name: str, value: Value, column: float,
    data_type: str = "FLOAT_COLOR",
) -> bpy.types.NodeSocket:
    node = sheet.node(
        "GeometryNodeStoreNamedAttribute", column, 0, data_type=data_type, domain="POINT", label=name
    )
    node.inputs["Name"].default_value = name
    sheet.feed(node.inputs["Geometry"], geometry)
    sheet.feed(next(socket for socket in node.inputs if socket.enabled and socket.name == "Value"), value)
    return node.outputs["Geometry"]


def _removed(sheet: Sheet, geometry: bpy.types.NodeSocket, name: str, column: float) -> bpy.types.NodeSocket:
    """Takes off all attributes of this name; an asterisk stands for anything."""
    node = sheet.node("GeometryNodeRemoveAttribute", column, 0, label=name)
    if hasattr(node, "pattern_mode"):
        node.pattern_mode = "WILDCARD"
    else:  # from 5.0 on
        node.inputs["Pattern Mode"].default_value = "Wildcard"
    node.inputs["Name"].default_value = name
    sheet.feed(node.inputs["Geometry"], geometry)
    return node.outputs["Geometry"]
