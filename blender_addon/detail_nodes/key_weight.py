"""How much of one key expression shows at a vertex, and how well it explains what shows there.

    m = clip(u / n, 0, 1)                      1 at the key expression itself, n being what u is there
    x = u^2 / n                                the part of the energy s that the key explains; at most s
    w = (x / ((1 + d) s + e - x))^2            grows without bounds as the key alone explains everything
"""

from __future__ import annotations

import bpy

from .sheet import Sheet, shared_group

KIND, CONTENT = "key_weight", "1"
CLOSENESS, FLOOR = 1e-3, 1e-9  # d and e


def key_weight_group() -> bpy.types.NodeTree:
    """The shared group "Facewright Key Weight"."""
    return shared_group(KIND, CONTENT, "Facewright Key Weight", "GeometryNodeTree", _draw)


def _draw(sheet: Sheet) -> None:
    #   Inverse --> Named Attribute --+
    #   Sum ----------------------> MULTIPLY --> MINIMUM 1 ------------------ m --> MULTIPLY --> Weighted Share
    #                              |                                                    ^
    #   Sum -------------------> MULTIPLY x --> DIVIDE --> MULTIPLY (squared) -- w -----+------> Weight
    #   Energy --> MULTIPLY_ADD ---> SUBTRACT -----^
    sheet.socket("Sum", "Float", "u, Eq. (8) of FaceScape: active blendshapes, as strong as this key has them")
    sheet.socket(
        "Inverse", "String", "Name of the attribute with 1 / n: one over the sum at the key expression itself",
        single=True,
    )  # fmt: skip
    sheet.socket("Energy", "Float", "s: squared weights of all blendshapes, each where it moves the skin")
    sheet.socket("Weighted Share", "Float", "Share of the key expression times its weight", output=True)
    sheet.socket("Weight", "Float", "How well this key explains the expression here; not normalised", output=True)
    given = sheet.inputs(-1, 0, ("Sum", "Inverse", "Energy"))
    inverse = sheet.attribute(given["Inverse"], "FLOAT", 0, -2)
    with sheet.frame("How much of the key"):
        ratio = sheet.math("MULTIPLY", 1, 0, given["Sum"], inverse, label="u / n")
        share = sheet.math("MINIMUM", 2, 0, ratio, 1.0, label="m")
    with sheet.frame("How well it explains"):
        explained = sheet.math("MULTIPLY", 2, 2, ratio, given["Sum"], label="x")
        most = sheet.math("MULTIPLY_ADD", 2, 3, given["Energy"], 1.0 + CLOSENESS, FLOOR, label="(1 + d) s + e")
        rest = sheet.math("SUBTRACT", 3, 3, most, explained, label="not explained")
        odds = sheet.math("DIVIDE", 4, 2, explained, rest)
        weight = sheet.math("MULTIPLY", 5, 2, odds, odds, label="w")
    product = sheet.math("MULTIPLY", 6, 0, share, weight, label="m w")
    sheet.outputs(7, 0, {"Weighted Share": product, "Weight": weight})
