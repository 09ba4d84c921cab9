"""The shader's node group "Facewright Displacement": the head's maps, each times its factor, summed.

    height = step / 1000 * sum_c (65535 value_c - offset) factor_c

over the 23 channels of keys_1.png .. keys_5.png and tension.png. Images hold millimetres in steps; the factors are
what the modifier stored at the vertices, so this sum knows neither modes nor controls. Where the modifier is
switched off, the height is 0.
"""

from __future__ import annotations

import bpy

from .attributes import DETAIL, SHOWN, TENSION
from .sheet import Sheet, Value, shared_group

KIND, CONTENT = "displacement", "2"
LARGEST = 65535.0
"""Of a 16-bit image, which the shader sees as 1."""
IMAGES = (*(f"keys_{number}" for number in range(1, len(DETAIL) + 1)), "tension")
"""The images in the order of their attributes."""
STEP, OFFSET, HEIGHT = "Step", "Offset", "Height"


def colour_socket(image: str) -> str:
    """The group's input for the colour of one of IMAGES."""
    return image.replace("_", " ").capitalize()


def alpha_socket(image: str) -> str:
    """The group's input for the alpha of one of IMAGES but the last."""
    return f"{colour_socket(image)} Alpha"


def displacement_group() -> bpy.types.NodeTree:
    """The shared group "Facewright Displacement"."""
    return shared_group(KIND, CONTENT, "Facewright Displacement", "ShaderNodeTree", _draw)


def _draw(sheet: Sheet) -> None:
    #   Offset --> / 65535 --+
    #   Keys 1 ------------> - --> DOT_PRODUCT --+
    #   fw_detail_1 colour ------------^         +--> ADD --> ... 5 times, and tension --> x Step x Shown --> Height
    #   Keys 1 Alpha ------> - --> MULTIPLY -----+
    #   fw_detail_1 alpha -------------^
    for image in IMAGES:
        sheet.socket(colour_socket(image), "Color", f"Colour of {image}.png", default=(0.5, 0.5, 0.5, 1.0))
        if image != IMAGES[-1]:
            sheet.socket(alpha_socket(image), "Float", f"Alpha of {image}.png", default=0.5, limits=(0.0, 1.0))
    sheet.socket(STEP, "Float", "Millimetres per step of the images", default=0.00025, limits=(0.0, 1.0))
    sheet.socket(OFFSET, "Float", "Which value of the images, of 65535, is no displacement", default=32768.0,
                 limits=(0.0, LARGEST))  # fmt: skip
    sheet.socket(HEIGHT, "Float", "Displacement along the normal, outwards, in metres", output=True)
    scales = sheet.inputs(0, -4, (STEP, OFFSET))
    offset = sheet.math("DIVIDE", 1, -3, scales[OFFSET], LARGEST)
    metres = sheet.math("MULTIPLY", 1, -4, scales[STEP], LARGEST / 1000.0)
    total: Value = 0.0
    for number, (image, name) in enumerate(zip(IMAGES, (*DETAIL, TENSION), strict=True)):
        row = 8 * number
        with sheet.frame(f"{image}.png x {name}"):
            given = sheet.inputs(0, row, (colour_socket(image), alpha_socket(image)))
            factors = sheet.node("ShaderNodeAttribute", 0, row + 3, attribute_name=name).outputs
            colour = sheet.vector_math("SUBTRACT", 2, row, given[colour_socket(image)], offset)
            dot = sheet.vector_math("DOT_PRODUCT", 3, row, colour, factors["Color"])
            total = sheet.math("ADD", 5, row, dot, total)
            if alpha_socket(image) in given:
                alpha = sheet.math("SUBTRACT", 2, row + 2, given[alpha_socket(image)], offset)
                total = sheet.math("MULTIPLY_ADD", 6, row + 2, alpha, factors["Alpha"], total)
    shown = sheet.node("ShaderNodeAttribute", 6, -3, attribute_name=SHOWN).outputs["Fac"]
    height = sheet.math("MULTIPLY", 7, 0, total, metres)
    sheet.outputs(9, 0, {HEIGHT: sheet.math("MULTIPLY", 8, 0, height, shown)})
