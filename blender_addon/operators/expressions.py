"""Sliders of a head: reset, mirror, link left and right, the photo's own expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ..backend_door import FaceError
from ..expressions.key_poses import posed
from ..expressions.sides import copied, mirrored
from ..expressions.table import OTHER, REGION_OF, REGIONS, ROW_OF, describe, region_names
from ..heads import OnHead, active_head, record_of, shape_keys
from ..scene.expression import expression_names, weights_of
from ..scene.keyframes import show
from ..scene.links import link_sides, unlink_sides

REGION_ITEMS = [
    ("ALL", "All", "Every expression of the head; shape keys of your own stay"),
    *((region.key, region.label, f"Expressions of this region: {region.label.lower()}") for region in REGIONS),
    (OTHER, "Other", "Shape keys of your own, which are none of the 52"),
]


def names_in(head: bpy.types.Object, region: str) -> list[str]:
    """The expressions of one region, in the panel's order; "ALL" for all, OTHER for the artist's own keys."""
    if region == "ALL":
        return expression_names(head)
    blocks = shape_keys(head)
    if region == OTHER:
        return [name for name in blocks if name not in REGION_OF]
    return [name for name in region_names(region) if name in blocks]


class OnExpressions(OnHead):
    """Mix-in for operators that need the active head to have expressions."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        head = active_head(context)
        if head is None or not shape_keys(head):
            cls.poll_message_set("This head has no expressions left: Rebuild brings them back")
            return False
        return True

    def attempt(self, act: Callable[[], str]) -> set[str]:
        """Run ``act`` and report the sentence that it returns; what goes wrong is one sentence, too."""
        try:
            self.report({"INFO"}, act())
        except FaceError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class FACEWRIGHT_OT_reset_expressions(OnExpressions, bpy.types.Operator):
    """Bring sliders back to 0."""

    bl_idname = "facewright.reset_expressions"
    bl_label = "Reset Expressions"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    region: EnumProperty(name="Region", items=REGION_ITEMS, default="ALL")
    name: StringProperty(name="Only", description="Reset only this blendshape", options={"SKIP_SAVE"})

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        whole = "all expressions of this head" if properties.region == "ALL" else "the expressions of this region"
        return f"Set {properties.name or whole} to 0. Where auto-keying is on, this is keyed"

    def execute(self, context: bpy.types.Context) -> set[str]:
        def reset() -> str:
            head = self.head_of(context)
            names = [self.name] if self.name else names_in(head, self.region)
            count = show(context, head, dict.fromkeys(names, 0.0))
            return f"Reset {_expressions(count)}"

        return self.attempt(reset)


class FACEWRIGHT_OT_mirror_expressions(OnExpressions, bpy.types.Operator):
    """Swap the sides, or copy one side to the other."""

    bl_idname = "facewright.mirror_expressions"
    bl_label = "Mirror Expressions"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    mode: EnumProperty(
        name="Mode",
        items=[
            ("SWAP", "Swap Left and Right", "The expression as a mirror shows it, jaw and gaze too"),
            ("TO_RIGHT", "Copy Left to Right", "The subject's right side does what the left side does; "
             "both eyes look the same way, and the jaw stays"),
            ("TO_LEFT", "Copy Right to Left", "The subject's left side does what the right side does; "
             "both eyes look the same way, and the jaw stays"),
        ],
    )  # fmt: skip

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return properties.bl_rna.properties["mode"].enum_items[properties.mode].description

    def execute(self, context: bpy.types.Context) -> set[str]:
        def mirror() -> str:
            head = self.head_of(context)
            now = weights_of(head)
            weights = mirrored(now) if self.mode == "SWAP" else copied(now, to_right=self.mode == "TO_RIGHT")
            return f"Changed {_expressions(show(context, head, weights))}"

        return self.attempt(mirror)


class FACEWRIGHT_OT_link_sides(OnExpressions, bpy.types.Operator):
    """Let the right side follow the left, or free it."""

    bl_idname = "facewright.link_sides"
    bl_label = "Link Left and Right"
    bl_description = (
        "One slider for both sides of the face: the subject's right side follows the left. Where both sides are "
        "posed or animated, the left side stays; where only the right one is, it moves to the left. Both eyes look "
        "the same way. Unlinking leaves every frame as it looks"
    )
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    link: BoolProperty(name="Linked", description="Link the sides; off frees them", default=True)

    def execute(self, context: bpy.types.Context) -> set[str]:
        def change() -> str:
            head = self.head_of(context)
            if not self.link:
                return f"Unlinked {unlink_sides(head)} pairs; the right side keeps what it showed"
            report = link_sides(head)
            own = f"; with drivers of their own: {', '.join(report.skipped)}" if report.skipped else ""
            return f"The right side follows the left in {report.linked} pairs{own}"

        return self.attempt(change)


class FACEWRIGHT_OT_photo_expression(OnExpressions, bpy.types.Operator):
    """Show what the face does in the photo."""

    bl_idname = "facewright.photo_expression"
    bl_label = "Photo's Own Expression"
    bl_description = "Show the expression that the face has in the photo. Where auto-keying is on, it is keyed"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    strength: FloatProperty(
        name="Strength", description="1 is what the photo shows, 0 the neutral face", subtype="FACTOR",
        default=1.0, min=0.0, max=1.5,
    )  # fmt: skip

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if not record_of(active_head(context)).get("expression"):
            cls.poll_message_set("It is not known which expression this head had in its photo")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        def apply() -> str:
            head = self.head_of(context)
            weights = posed(weights_of(head), record_of(head)["expression"], self.strength)
            show(context, head, weights)
            return f"The photo's expression uses {_expressions(sum(value > 0.0 for value in weights.values()))}"

        return self.attempt(apply)


class FACEWRIGHT_OT_pick_expression(OnExpressions, bpy.types.Operator):
    """A row's label: make the shape key active, or reset the row."""

    bl_idname = "facewright.pick_expression"
    bl_label = "Select Expression"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    name: StringProperty(name="Blendshape", description="The shape key to select")
    reset: BoolProperty(
        name="Reset", description="Set it, and its other side, to 0 instead", options={"SKIP_SAVE"}
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        row = ROW_OF.get(properties.name)
        about = describe(row) if row else f"{properties.name}, a shape key of your own"
        return f"{about}\n\nClick: make it the active shape key\nAlt+Click: set it to 0"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.reset = event.alt
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        def act() -> str:
            head = self.head_of(context)
            if self.name not in shape_keys(head):
                raise FaceError(f"{head.name} has no shape key called {self.name}.")
            if self.reset:
                row = ROW_OF.get(self.name)
                show(context, head, dict.fromkeys(row.names if row else (self.name,), 0.0))
                return f"Reset {self.name}"
            head.active_shape_key_index = head.data.shape_keys.key_blocks.find(self.name)
            return f"{self.name} is the active shape key"

        return self.attempt(act)


class FACEWRIGHT_MT_mirror(bpy.types.Menu):
    """What can be done with the two sides."""

    bl_idname = "FACEWRIGHT_MT_mirror"
    bl_label = "Mirror"
    bl_description = "Swap the sides of the face, or copy one to the other"

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.operator_enum(FACEWRIGHT_OT_mirror_expressions.bl_idname, "mode")


def _expressions(count: int) -> str:
    return "1 expression" if count == 1 else f"{count} expressions"


CLASSES = (
    FACEWRIGHT_OT_reset_expressions, FACEWRIGHT_OT_mirror_expressions, FACEWRIGHT_OT_link_sides,
    FACEWRIGHT_OT_photo_expression, FACEWRIGHT_OT_pick_expression, FACEWRIGHT_MT_mirror,
)  # fmt: skip


register, unregister = bpy.utils.register_classes_factory(CLASSES)
