"""The 20 key expressions as poses and as assets."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy
from bpy.props import EnumProperty, FloatProperty, StringProperty

from ..backend_door import FaceError
from ..expressions.key_poses import POSES, STRONGEST, TIPS, label_of_pose, posed
from ..scene.expression import weights_of
from ..scene.keyframes import show
from ..scene.pose_assets import make_pose_assets, read_expression, read_from_library, write_catalog
from ..scene.pose_pictures import draw_pose, portrait_of
from ..scene.pose_previews import clear, draw_pictures
from .expressions import OnExpressions

PICTURE_SIZE = 256
"""Pixels of an asset's picture."""

EXPRESSION_ITEMS = [(name, label_of_pose(name), TIPS[name]) for name in POSES]
MODE_ITEMS = [
    ("REPLACE", "Replace", "In place of what the face shows"),
    ("ADD", "Add", "On top of what the face shows"),
]


class FACEWRIGHT_OT_apply_key_expression(OnExpressions, bpy.types.Operator):
    """Pose the face with one of the 20 key expressions."""

    bl_idname = "facewright.apply_key_expression"
    bl_label = "Apply Key Expression"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    expression: EnumProperty(name="Expression", items=EXPRESSION_ITEMS, default="smile")
    strength: FloatProperty(
        name="Strength", description="1 is the full expression; no slider goes beyond 1", subtype="FACTOR",
        default=1.0, min=0.0, max=STRONGEST,
    )  # fmt: skip
    mode: EnumProperty(name="Mode", items=MODE_ITEMS)

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return f"{TIPS[properties.expression]}. Where auto-keying is on, it is keyed"

    def execute(self, context: bpy.types.Context) -> set[str]:
        def apply() -> str:
            head = self.head_of(context)
            pose = POSES[self.expression]
            show(context, head, posed(weights_of(head), pose, self.strength, self.mode == "ADD"))
            return f"{label_of_pose(self.expression)} at {self.strength:.0%}"

        return self.attempt(apply)


class FACEWRIGHT_OT_draw_pose_pictures(OnExpressions, bpy.types.Operator):
    """Draw the key expressions as pictures of this head."""

    bl_idname = "facewright.draw_pose_pictures"
    bl_label = "Draw Pictures"
    bl_description = "Draw the key expressions on this head as it is now, for the buttons; the scene is not changed"
    bl_options: ClassVar = {"REGISTER"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        draw_pictures(self.head_of(context), at_once=bpy.app.background)
        return {"FINISHED"}


class FACEWRIGHT_OT_make_pose_assets(OnExpressions, bpy.types.Operator):
    """Put the key expressions into the asset library."""

    bl_idname = "facewright.make_pose_assets"
    bl_label = "Make Pose Assets"
    bl_description = (
        "Add the 20 key expressions to this file as actions, marked as assets in the catalog Facewright/Key "
        "expressions. They fit every head: right click one in the Asset Browser to apply it. Actions made before "
        "are brought up to date; their pictures show this head. The catalog is written beside this .blend file"
    )
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        def make() -> str:
            portrait = portrait_of(self.head_of(context), [name for pose in POSES.values() for name in pose])
            pictures = {name: draw_pose(portrait, pose, PICTURE_SIZE) for name, pose in POSES.items()}
            count = len(make_pose_assets(pictures))
            if not bpy.data.filepath:
                return f"{count} pose assets; save this file and run this again to give them their own catalog"
            write_catalog(Path(bpy.data.filepath).parent)
            return f"{count} pose assets in the catalog Facewright/Key expressions"

        return self.attempt(make)


class FACEWRIGHT_OT_apply_pose_asset(OnExpressions, bpy.types.Operator):
    """Pose the face with an asset or with any action that animates shape keys."""

    bl_idname = "facewright.apply_pose_asset"
    bl_label = "Apply to Facewright Head"
    bl_description = "Pose the active head's face with the expression that an action, or an asset, begins with"
    bl_options: ClassVar = {"REGISTER", "UNDO"}

    action: StringProperty(
        name="Action", description="Action in this file; where it is empty, the asset under the mouse"
    )
    strength: FloatProperty(
        name="Strength", description="1 is the full expression; no slider goes beyond 1", subtype="FACTOR",
        default=1.0, min=0.0, max=STRONGEST,
    )  # fmt: skip
    mode: EnumProperty(name="Mode", items=MODE_ITEMS)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not self.action and not _is_action(context):
            return context.window_manager.invoke_props_dialog(self)
        return self.execute(context)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.use_property_split = True
        self.layout.prop_search(self, "action", bpy.data, "actions")
        self.layout.prop(self, "strength")
        self.layout.prop(self, "mode")

    def execute(self, context: bpy.types.Context) -> set[str]:
        def apply() -> str:
            head = self.head_of(context)
            name, weights = self._expression(context)
            show(context, head, posed(weights_of(head), weights, self.strength, self.mode == "ADD"))
            return f"{name} at {self.strength:.0%}"

        return self.attempt(apply)

    def _expression(self, context: bpy.types.Context) -> tuple[str, dict[str, float]]:
        """Name and weights of the chosen action. Raises FaceError."""
        if self.action:
            if self.action not in bpy.data.actions:
                raise FaceError(f"There is no action called {self.action} in this file.")
            return self.action, read_expression(bpy.data.actions[self.action])
        if not _is_action(context):
            raise FaceError("Choose an action first, or a pose asset in the Asset Browser.")
        asset = context.asset
        if asset.local_id is not None:
            return asset.name, read_expression(asset.local_id)
        return asset.name, read_from_library(Path(asset.full_library_path), asset.name)


class FACEWRIGHT_MT_key_expressions(bpy.types.Menu):
    """Key expressions as assets."""

    bl_idname = "FACEWRIGHT_MT_key_expressions"
    bl_label = "Key Expressions"
    bl_description = "Pictures of the key expressions, and key expressions in the asset library"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator(FACEWRIGHT_OT_draw_pose_pictures.bl_idname, text="Redraw Pictures", icon="FILE_REFRESH")
        layout.separator()
        layout.operator(FACEWRIGHT_OT_make_pose_assets.bl_idname, icon="ASSET_MANAGER")
        layout.operator_context = "INVOKE_DEFAULT"
        layout.operator(FACEWRIGHT_OT_apply_pose_asset.bl_idname, text="Apply Action...", icon="ACTION").action = ""


def _is_action(context: bpy.types.Context) -> bool:
    """Whether the mouse is on an asset that is an action."""
    asset = getattr(context, "asset", None)
    return asset is not None and asset.id_type == "ACTION"


def _draw_in_asset_menu(self: bpy.types.Menu, context: bpy.types.Context) -> None:
    if _is_action(context):
        self.layout.separator()
        self.layout.operator(FACEWRIGHT_OT_apply_pose_asset.bl_idname).action = ""


CLASSES = (
    FACEWRIGHT_OT_apply_key_expression, FACEWRIGHT_OT_draw_pose_pictures, FACEWRIGHT_OT_make_pose_assets,
    FACEWRIGHT_OT_apply_pose_asset, FACEWRIGHT_MT_key_expressions,
)  # fmt: skip


def register() -> None:
    """Register this module's classes with Blender."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.ASSETBROWSER_MT_context_menu.append(_draw_in_asset_menu)


def unregister() -> None:
    """Take them back."""
    clear()
    bpy.types.ASSETBROWSER_MT_context_menu.remove(_draw_in_asset_menu)
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
