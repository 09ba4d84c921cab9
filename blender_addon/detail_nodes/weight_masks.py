"""The weight masks M_i of FaceScape Eq. (8) as nodes: where and how strongly each key expression's wrinkles show.

    u_i = sum_j alpha_j alphahat_ij A_j        s = sum_j alpha_j^2 A_j
    M_i = m_i w_i / sum_k w_k                  m, w of the group "Facewright Key Weight"; alpha below 0 counts as 0
    onset o: M_i <- max(0, (M_i - o) / (1 - o)), times the strength g
          = max(0, m_i w_i g / ((1 - o) sum_k w_k) - g o / (1 - o))

``facewright.dynamic_detail.weight_masks`` says why, and the tests compare this with it. A blendshape whose weight
is 0 is switched off before its mask is read, and what then depends on no mask at all costs one number instead of
one a vertex.
"""

from __future__ import annotations

import hashlib

import bpy
import numpy as np
from numpy.typing import NDArray

from ..backend_door import ARKIT_NAMES
from .attributes import ACTIVATION, INVERSE_ENERGY, KEY_NAMES
from .key_weight import CONTENT as KEY_WEIGHT_CONTENT
from .key_weight import key_weight_group
from .sheet import Sheet, Value, shared_group

KIND = "weight_masks"
ONSET, STRENGTH = "Onset", "Strength"
LEAST_SUM = 1e-20

Socket = bpy.types.NodeSocket


def content(key_weights: NDArray[np.floating]) -> str:
    """Version of what the group does: the key expressions' weights stand in its nodes."""
    weights = np.ascontiguousarray(key_weights, "<f8").tobytes()
    return f"1.{KEY_WEIGHT_CONTENT}.{hashlib.sha256(weights).hexdigest()[:12]}"


def weight_masks_group(key_weights: NDArray[np.floating]) -> bpy.types.NodeTree:
    """The shared group "Facewright Weight Masks" for key weights (19, 52), alphahat of FaceScape Eq. (8)."""
    return shared_group(
        KIND, content(key_weights), "Facewright Weight Masks", "GeometryNodeTree",
        lambda sheet: _draw(sheet, key_weights),
    )  # fmt: skip


def _draw(sheet: Sheet, key_weights: NDArray[np.floating]) -> None:
    #   alpha_j --> above 0? --> [switch] A_j or 0 --+--> [19 x key] sum of alpha_j alphahat_ij A_j --> Key Weight
    #   fw_act_j ------------------^                 +--> [energy]   sum of alpha_j^2 A_j -----------------^  |  |
    #                                                     fw_inv_i ----------------------------------------^  |  |
    #   Strength, Onset --> [scale and shift] <------------------------------------------- sum of 19 x w ------+  |
    #                              +------------> 19 x max(0, m w scale + shift) <----------------------- m w ----+
    sheet.socket(STRENGTH, "Float", "What all masks are multiplied with", default=1.0, limits=(0.0, 1e6))
    sheet.socket(
        ONSET, "Float", "Share of a key expression before its wrinkles begin", default=0.0, limits=(0.0, 0.9),
        subtype="FACTOR", single=True,
    )  # fmt: skip
    for name in ARKIT_NAMES:
        sheet.socket(name, "Float", f"Weight of the blendshape {name}", default=0.0, limits=(0.0, 1.0), single=True)
    for name in KEY_NAMES:
        sheet.socket(name, "Float", f"Weight mask of the key expression {name}", output=True)
    masks, energy = _active(sheet)
    products, weights = {}, {}
    for number, name in enumerate(KEY_NAMES):
        column, row = 9 + 8 * (number % 2), 9 * (number // 2)
        with sheet.frame(name):
            total = _sum_of(sheet, masks, key_weights[number], column, row)
            inverse = sheet.attribute(INVERSE_ENERGY[number], "FLOAT", column + 2, row + 1)
            node = sheet.group(
                key_weight_group(), column + 4, row, Sum=total, Inverse_Energy=inverse, Energy=energy
            )  # fmt: skip
        products[name], weights[name] = node.outputs["Weighted Share"], node.outputs["Weight"]
    sheet.outputs(30, 0, _normalised(sheet, products, weights))


def _active(sheet: Sheet) -> tuple[list[Socket], Socket]:
    """A_j of every blendshape that has a weight, 0 and nothing else of the others; and s."""
    masks: list[Socket] = []
    energy: Value = 0.0
    with sheet.frame("Active blendshapes: their masks, and the energy of all"):
        for number, (name, attribute) in enumerate(zip(ARKIT_NAMES, ACTIVATION, strict=True)):
            row = 2 * number
            alpha = sheet.inputs(0, row, (name,), folded=True)[name]
            on = sheet.compare(alpha, 2, row)
            mask = sheet.attribute(attribute, "FLOAT", 1, row + 1, folded=True)
            masks.append(sheet.switch("FLOAT", on, 0.0, mask, 3, row, label=name))
            square = sheet.math("MULTIPLY", 4, row + 1, alpha, alpha)
            energy = sheet.math("MULTIPLY_ADD", 5, row, masks[-1], square, energy, label="s")
    return masks, energy


def _sum_of(
    sheet: Sheet, masks: list[Socket], weights: NDArray[np.floating], column: float, row: float
) -> Socket:
    """u_i: the active blendshapes of one key expression, as strong as it has them."""
    total: Value = 0.0
    members = np.flatnonzero(weights)
    given = sheet.inputs(column, row, [ARKIT_NAMES[number] for number in members])
    for place, number in enumerate(members):
        name, alpha = ARKIT_NAMES[number], given[ARKIT_NAMES[number]]
        if weights[number] != 1.0:
            alpha = sheet.math("MULTIPLY", column + 1, row + place, alpha, float(weights[number]), label=name)
        total = sheet.math("MULTIPLY_ADD", column + 3, row + place, masks[number], alpha, total, label=name)
    return total


def _normalised(sheet: Sheet, products: dict[str, Socket], weights: dict[str, Socket]) -> dict[str, Socket]:
    """Strength times m_i w_i / sum w, after the onset."""
    with sheet.frame("Sum of the weights"):
        total: Value = 0.0
        for place, weight in enumerate(weights.values()):
            total = sheet.math("ADD", 25, 5 + place, weight, total)
        total = sheet.math("MAXIMUM", 26, 5, total, LEAST_SUM)
    with sheet.frame("Strength and onset"):
        given = sheet.inputs(24, 0, (STRENGTH, ONSET))
        remaining = sheet.math("SUBTRACT", 25, 1, 1.0, given[ONSET])
        gain = sheet.math("DIVIDE", 26, 0, given[STRENGTH], remaining)
        shift = sheet.math("MULTIPLY", 27, 1, gain, sheet.math("MULTIPLY", 26, 2, given[ONSET], -1.0))
        scale = sheet.math("DIVIDE", 27, 0, gain, total)
    with sheet.frame("Weight masks"):
        return {
            name: sheet.math(
                "MAXIMUM", 29, 5 + place, sheet.math("MULTIPLY_ADD", 28, 5 + place, product, scale, shift), 0.0,
                label=name,
            )
            for place, (name, product) in enumerate(products.items())
        }  # fmt: skip
