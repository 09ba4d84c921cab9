"""The weight masks M_i of FaceScape Eq. (8) as nodes: where and how strongly each key expression's wrinkles show.

    u_i = sum_j alpha_j alphahat_ij A_j        s = sum_j alpha_j^2 A_j
    M_i = m_i w_i / sum_k w_k                  m, w of the group "Facewright Key Weight"
    onset o: M_i <- max(0, (M_i - o) / (1 - o)), times the strength g
          = max(0, m_i w_i g / ((1 - o) sum_k w_k) - g o / (1 - o))

``facewright.dynamic_detail.weight_masks`` says why, and the tests compare this with it.
"""

from __future__ import annotations

import hashlib

import bpy
import numpy as np
from numpy.typing import NDArray

from ..backend_door import ARKIT_NAMES
from . import blendshape, key_weight
from .attributes import ACTIVATION, INVERSE_ENERGY, KEY_NAMES
from .sheet import Sheet, Value, shared_group

KIND = "weight_masks"
ONSET, STRENGTH, LEAST_WEIGHT = "Onset", "Strength", "Least Weight"
LEAST_SUM = 1e-20

Socket = bpy.types.NodeSocket


def content(key_weights: NDArray[np.floating]) -> str:
    """Version of what the group does: the key expressions' weights stand in its nodes."""
    weights = np.ascontiguousarray(key_weights, "<f8").tobytes()
    return f"1.{blendshape.CONTENT}.{key_weight.CONTENT}.{hashlib.sha256(weights).hexdigest()[:12]}"


def weight_masks_group(key_weights: NDArray[np.floating]) -> bpy.types.NodeTree:
    """The shared group "Facewright Weight Masks" for key weights (19, 52), alphahat of FaceScape Eq. (8)."""
    return shared_group(
        KIND, content(key_weights), "Facewright Weight Masks", "GeometryNodeTree",
        lambda sheet: _draw(sheet, key_weights),
    )  # fmt: skip


def _draw(sheet: Sheet, key_weights: NDArray[np.floating]) -> None:
    #   52 x Blendshape --+-- p_j --> [19 x key] sum of alphahat_ij p_j --> Key Weight --+-- m w --+
    #                     +-- s ---------------------------------------------^           +-- w --+ |
    #   Strength, Onset --> [scale and shift] <--------------------------------- sum of 19 x w --+ |
    #                              +----------> 19 x max(0, m w scale + shift) <------------------+
    sheet.socket(STRENGTH, "Float", "What all masks are multiplied with", default=1.0, limits=(0.0, 1e6))
    sheet.socket(
        ONSET, "Float", "Share of a key expression before its wrinkles begin", default=0.0, limits=(0.0, 0.9),
        subtype="FACTOR", single=True,
    )  # fmt: skip
    sheet.socket(
        LEAST_WEIGHT, "Float", "Blendshapes are off at this weight and below", default=0.0, single=True
    )  # fmt: skip
    for name in ARKIT_NAMES:
        sheet.socket(name, "Float", f"Weight of the blendshape {name}", default=0.0, limits=(0.0, 1.0), single=True)
    for name in KEY_NAMES:
        sheet.socket(name, "Float", f"Weight mask of the key expression {name}", output=True)
    active, energy = _active(sheet)
    products, weights = {}, {}
    for number, name in enumerate(KEY_NAMES):
        column, row = 6 + 4 * (number % 2), 12 * (number // 2)
        with sheet.frame(name):
            total = _sum_of(sheet, active, key_weights[number], column, row)
            node = sheet.group(
                key_weight.key_weight_group(), column + 1.5, row,
                Sum=total, Inverse=INVERSE_ENERGY[number], Energy=energy,
            )  # fmt: skip
        products[name], weights[name] = node.outputs["Weighted Share"], node.outputs["Weight"]
    sheet.outputs(21, 0, _normalised(sheet, products, weights))


def _active(sheet: Sheet) -> tuple[list[Socket], Socket]:
    """alpha_j A_j of every blendshape; and s."""
    products: list[Socket] = []
    energy: Value = 0.0
    group = blendshape.blendshape_group()
    with sheet.frame("Blendshapes where they move the skin"):
        given = sheet.inputs(0, 0, (LEAST_WEIGHT, *ARKIT_NAMES))
        for number, (name, attribute) in enumerate(zip(ARKIT_NAMES, ACTIVATION, strict=True)):
            node = sheet.group(
                group, 2 + 1.2 * (number % 2), 4 * number,
                Mask=attribute, Weight=given[name], Least_Weight=given[LEAST_WEIGHT], Energy_Before=energy,
            )  # fmt: skip
            node.label = name
            products.append(node.outputs["Product"])
            energy = node.outputs["Energy"]
    return products, energy


def _sum_of(
    sheet: Sheet, active: list[Socket], weights: NDArray[np.floating], column: float, row: float
) -> Socket:
    """u_i: the blendshapes of one key expression, as strong as it has them."""
    total: Value = 0.0
    for place, number in enumerate(np.flatnonzero(weights)):
        total = sheet.math(
            "MULTIPLY_ADD", column, row + place, active[number], float(weights[number]), total,
            label=ARKIT_NAMES[number],
        )  # fmt: skip
    return total


def _normalised(sheet: Sheet, products: dict[str, Socket], weights: dict[str, Socket]) -> dict[str, Socket]:
    """Strength times m_i w_i / sum w, after the onset."""
    with sheet.frame("Sum of the weights"):
        total: Value = 0.0
        for place, weight in enumerate(weights.values()):
            total = sheet.math("ADD", 16, 5 + place, weight, total)
        total = sheet.math("MAXIMUM", 17, 5, total, LEAST_SUM)
    with sheet.frame("Strength and onset"):
        given = sheet.inputs(15, 0, (STRENGTH, ONSET))
        remaining = sheet.math("SUBTRACT", 16, 1, 1.0, given[ONSET])
        gain = sheet.math("DIVIDE", 17, 0, given[STRENGTH], remaining)
        shift = sheet.math("MULTIPLY", 18, 1, gain, sheet.math("MULTIPLY", 17, 2, given[ONSET], -1.0))
        scale = sheet.math("DIVIDE", 18, 0, gain, total)
    shown = {}
    with sheet.frame("Weight masks"):
        for place, (name, product) in enumerate(products.items()):
            mask = sheet.math("MULTIPLY_ADD", 19, 5 + place, product, scale, shift, label=name)
            shown[name] = sheet.math("MAXIMUM", 20, 5 + place, mask, 0.0, label=name)
    return shown
