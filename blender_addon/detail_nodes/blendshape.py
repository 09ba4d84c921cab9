"""One blendshape where it moves the skin: its activation mask times its weight, and what it adds to the energy.

    p = alpha A                                u_i is a sum of these
    s <- s + alpha p                           the energy: squared weights, each where it moves the skin

At or below the least weight it is switched off: its mask is not read, and the product is one number, 0, instead of
one a vertex. Whatever depends on such products alone then costs next to nothing.
"""

from __future__ import annotations

import bpy

from .sheet import Sheet, shared_group

KIND, CONTENT = "blendshape", "1"


def blendshape_group() -> bpy.types.NodeTree:
    """The shared group "Facewright Blendshape"."""
    return shared_group(KIND, CONTENT, "Facewright Blendshape", "GeometryNodeTree", _draw)


def _draw(sheet: Sheet) -> None:
    #   Mask --> Named Attribute --> MULTIPLY --> Switch ------------------------> Product
    #   Weight -----+-------------------^           ^                  |
    #               +--> GREATER_THAN Least Weight -+                  v
    #               +--------------------------------------------> MULTIPLY_ADD --> Energy
    #   Energy Before ----------------------------------------------------^
    sheet.socket("Mask", "String", "Name of the attribute with the activation mask", single=True)
    sheet.socket("Weight", "Float", "alpha: the blendshape's weight", default=0.0, limits=(0.0, 1.0), single=True)
    sheet.socket("Least Weight", "Float", "The blendshape is off at this weight and below", single=True)
    sheet.socket("Energy Before", "Float", "s of the blendshapes before this one")
    sheet.socket("Product", "Float", "p: the mask times the weight", output=True)
    sheet.socket("Energy", "Float", "s with this blendshape", output=True)
    given = sheet.inputs(0, 0, ("Mask", "Weight", "Least Weight", "Energy Before"))
    mask = sheet.attribute(given["Mask"], "FLOAT", 1, 0)
    on = sheet.compare(given["Weight"], 2, 2, least=given["Least Weight"])
    product = sheet.math("MULTIPLY", 2, 0, mask, given["Weight"], label="alpha A")
    shown = sheet.switch("FLOAT", on, 0.0, product, 3, 0)
    energy = sheet.math("MULTIPLY_ADD", 4, 2, shown, given["Weight"], given["Energy Before"], label="s")
    sheet.outputs(5, 0, {"Product": shown, "Energy": energy})
