"""The shader's node group "Facewright Blood Flow": skin that is stretched reddens, skin that is compressed pales.

    colour' = colour * exp(-k change)          Beer-Lambert's law: more or less haemoglobin under the same skin

Haemoglobin takes green and blue and leaves red, so the change is one of hue and hardly of brightness (Jimenez et
al. 2010, "A practical appearance model for dynamic facial color").
"""

from __future__ import annotations

import bpy

from .attributes import SHOWN, TENSION
from .sheet import Sheet, shared_group

KIND, CONTENT = "blood_flow", "2"
EXTINCTION = (0.24, 1.20, 1.00)
"""k of red, green and blue, per unit of tension; the ratios are those of oxygenated blood, softened."""


def blood_flow_group() -> bpy.types.NodeTree:
    """The shared group "Facewright Blood Flow"."""
    return shared_group(KIND, CONTENT, "Facewright Blood Flow", "ShaderNodeTree", _draw)


def _draw(sheet: Sheet) -> None:
    #   fw_tension alpha --> x fw_detail_shown --> 3 x MULTIPLY -k --> EXPONENT --> Combine --> MULTIPLY --> Color
    #   Color ----------------------------------------------------------------------------------^
    sheet.socket("Color", "Color", "Skin colour at rest", default=(0.8, 0.6, 0.5, 1.0))
    sheet.socket("Color", "Color", "Skin colour with the blood that the expression leaves in it", output=True)
    with sheet.frame("0 where the modifier is switched off"):
        stored = sheet.node("ShaderNodeAttribute", -1, 2, attribute_name=TENSION).outputs["Alpha"]
        shown = sheet.node("ShaderNodeAttribute", -1, 3, attribute_name=SHOWN).outputs["Fac"]
        change = sheet.math("MULTIPLY", 0, 2, stored, shown)
    combine = sheet.node("ShaderNodeCombineColor", 3, 2)
    for row, extinction in enumerate(EXTINCTION):
        depth = sheet.math("MULTIPLY", 1, 2 + row, change, -extinction)
        sheet.feed(combine.inputs[row], sheet.math("EXPONENT", 2, 2 + row, depth))
    colour = sheet.inputs(3, 0, ("Color",))["Color"]
    sheet.outputs(5, 0, {"Color": sheet.vector_math("MULTIPLY", 4, 0, colour, combine.outputs[0])})
