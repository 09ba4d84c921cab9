"""The strength of detail by region, as nodes: g = 1 + sum_r region_r (factor_r - 1)."""

from __future__ import annotations

import bpy

from .attributes import REGION
from .controls import CONTROLS, REGIONS
from .sheet import Sheet, Value, shared_group

KIND, CONTENT = "regions", "1"


def regions_group() -> bpy.types.NodeTree:
    """The shared group "Facewright Regions"."""
    return shared_group(KIND, CONTENT, "Facewright Regions", "GeometryNodeTree", _draw)


def _draw(sheet: Sheet) -> None:
    #   1.0 --> MULTIPLY_ADD --> MULTIPLY_ADD --> ... one a region ... --> Factor
    #              ^    ^ factor - 1
    #   fw_region_<name>, switched off where the factor is 1
    controls = [control for control in CONTROLS if control.key in REGIONS]
    for control in controls:
        sheet.socket(
            control.name, "Float", control.description, default=1.0, limits=(control.minimum, control.maximum),
            subtype=control.subtype, single=True,
        )  # fmt: skip
    sheet.socket("Factor", "Float", "g: by how much all detail is strengthened here", output=True)
    factor: Value = 1.0
    for number, (control, attribute) in enumerate(zip(controls, REGION, strict=True)):
        row = 4 * number
        with sheet.frame(control.name):
            given = sheet.inputs(0, row, (control.name,), folded=True)
            mask = sheet.attribute(attribute, "FLOAT", 1, row + 1, folded=True)
            more = sheet.math("SUBTRACT", 1, row, given[control.name], 1.0)
            on = sheet.compare(more, 2, row, operation="NOT_EQUAL")
            region = sheet.switch("FLOAT", on, 0.0, mask, 3, row, label=control.name)
            factor = sheet.math("MULTIPLY_ADD", 4, row, region, more, factor)
    sheet.outputs(5, 0, {"Factor": factor})
