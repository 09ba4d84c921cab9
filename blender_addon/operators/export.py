"""Write a head to FBX, glTF or USD, and check the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import bpy

from ..backend_door import Density, FaceError
from ..detail_nodes.controls import detail_modifier
from ..exporting import running
from ..exporting.presets import PRESETS
from ..exporting.sample import Range
from ..exporting.task import Report, Settings, start
from ..heads import active_head, heads_of, is_head, parts_of
from ..properties.export import (
    ANIMATION,
    ANIMATIONS,
    CHOICES,
    DENSITIES,
    DENSITY,
    FORMAT,
    FORMATS,
    HEADS,
    WRINKLE_MAPS,
)  # fmt: skip

INTERVAL_S = 0.1
OPTIONS = ("preset", "density", "animation", "wrinkle_maps", "heads")


class FACEWRIGHT_OT_export(bpy.types.Operator):
    """Asks for a place, starts the export and follows it; from a script it blocks until the file is checked."""

    bl_idname = "facewright.export"
    bl_label = "Export Head"
    bl_description = (
        "Write the head with its expressions, textures, armature and animation, then read the file back and "
        "compare. It takes some seconds, in which you can go on working; Esc cancels. The scene stays as it is"
    )

    filepath: bpy.props.StringProperty(
        name="File", description="The file to write", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_glob: bpy.props.StringProperty(
        default=";".join(sorted({f"*{preset.suffix}" for preset in PRESETS.values()})), options={"HIDDEN"}
    )
    preset: bpy.props.EnumProperty(name="Format", description=FORMAT, items=FORMATS, options={"SKIP_SAVE"})
    density: bpy.props.EnumProperty(
        name="Mesh Density", description=DENSITY, items=DENSITIES, options={"SKIP_SAVE"}
    )
    animation: bpy.props.EnumProperty(
        name="Animation", description=ANIMATION, items=ANIMATIONS, options={"SKIP_SAVE"}
    )
    wrinkle_maps: bpy.props.BoolProperty(
        name="Wrinkle Maps", description=WRINKLE_MAPS, default=True, options={"SKIP_SAVE"}
    )
    heads: bpy.props.EnumProperty(name="Heads", description=HEADS, items=CHOICES, options={"SKIP_SAVE"})

    _timer: bpy.types.Timer | None = None
    _stays_alive = False

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if running.current() is not None:
            cls.poll_message_set("An export is running; wait for it or cancel it")
            return False
        if active_head(context) is None and not selected_heads(context):
            cls.poll_message_set("Select a Facewright head first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self._take_options(context)
        self._stays_alive = not bpy.app.background
        if self.filepath:
            return self.execute(context)
        head = active_head(context) or selected_heads(context)[0]
        name = bpy.path.clean_name(head.name) + PRESETS[self.preset].suffix
        folder = context.scene.facewright_export.filepath or bpy.data.filepath
        self.filepath = str(Path(bpy.path.abspath(folder)).with_name(name)) if folder else name
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, context: bpy.types.Context) -> bool:
        """In the file browser: keep the suffix that of the format."""
        path = with_suffix(self.filepath, self.preset)
        changed = path != self.filepath
        self.filepath = path
        return changed

    def draw(self, context: bpy.types.Context) -> None:
        draw_options(self.layout, self, list(heads_of(context.scene)))

    def execute(self, context: bpy.types.Context) -> set[str]:
        self._take_options(context)
        try:
            running.refuse_second()
            path = Path(with_suffix(bpy.path.abspath(self.filepath), self.preset)).absolute()
            settings = Settings(
                self.preset, path, Density[self.density], Range[self.animation], self.wrinkle_maps
            )
            running.begin(start(self._chosen(context), context.scene, settings))
        except FaceError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if not self._stays_alive:
            return self._say(context, running.finish())
        self._keep_options(context, path)
        self._timer = context.window_manager.event_timer_add(INTERVAL_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type == "ESC" and event.value == "PRESS":
            running.cancel()
        elif event.type != "TIMER":
            return {"PASS_THROUGH"}
        report = running.look()
        ended = report is not None or running.current() is None
        redraw(context)
        if not ended:
            return {"PASS_THROUGH"}
        self.cancel(context)
        report = report or running.last()
        return {"CANCELLED"} if report is None else self._say(context, report)

    def cancel(self, context: bpy.types.Context) -> None:
        """Stop looking; Blender calls this, too, when it takes the operator's window away."""
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None

    def _say(self, context: bpy.types.Context, report: Report) -> set[str]:
        self.report({report.level}, "; ".join(report.lines()))
        return {"CANCELLED"} if report.error or report.cancelled else {"FINISHED"}

    def _chosen(self, context: bpy.types.Context) -> list[bpy.types.Object]:
        """The heads to write. Raises FaceError."""
        head = active_head(context)
        chosen = selected_heads(context) if self.heads == "SELECTED" else [head] if head is not None else []
        if not chosen:
            raise FaceError("No head is selected." if self.heads == "SELECTED" else "There is no active head.")
        return chosen

    def _take_options(self, context: bpy.types.Context) -> None:
        """Options that nobody gave are the scene's."""
        for name in OPTIONS:
            if not self.properties.is_property_set(name):
                setattr(self, name, getattr(context.scene.facewright_export, name))

    def _keep_options(self, context: bpy.types.Context, path: Path) -> None:
        kept = context.scene.facewright_export
        for name in OPTIONS:
            setattr(kept, name, getattr(self, name))
        kept.filepath = str(path)


class FACEWRIGHT_OT_export_cancel(bpy.types.Operator):
    """Stops the running export."""

    bl_idname = "facewright.export_cancel"
    bl_label = "Cancel Export"
    bl_description = "Stop the export; a file that is not finished does not appear"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if running.current() is None:
            cls.poll_message_set("No export is running")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        running.cancel()
        running.look()
        redraw(context)
        return {"FINISHED"}


def selected_heads(context: bpy.types.Context) -> list[bpy.types.Object]:
    """Heads that are selected, or whose armature is, by name."""
    chosen = set(context.selected_objects)
    heads = [head for head in heads_of(context.scene) if chosen & set(parts_of(head)[:2])]
    return sorted((head for head in heads if is_head(head)), key=lambda head: head.name)


def with_suffix(path: str, preset: str) -> str:
    """The path with the suffix of the format, in place of any other format's."""
    suffix = PRESETS[preset].suffix
    for other in {known.suffix for known in PRESETS.values()}:
        if path.lower().endswith(other):
            return path if other == suffix else path[: -len(other)] + suffix
    return path + suffix if path else path


def draw_options(layout: bpy.types.UILayout, options: Any, heads: Sequence[bpy.types.Object]) -> None:
    """The options, in the panel and in the file browser."""
    layout.use_property_split = True
    layout.use_property_decorate = False
    column = layout.column()
    column.prop(options, "preset")
    row = column.row()
    row.prop(options, "density", expand=True)
    column.prop(options, "animation")
    if any(detail_modifier(head) is not None for head in heads):
        column.prop(options, "wrinkle_maps")
    if len(heads) > 1:
        column.prop(options, "heads")


def redraw(context: bpy.types.Context) -> None:
    """Let every sidebar show how far the export is."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


CLASSES = (FACEWRIGHT_OT_export, FACEWRIGHT_OT_export_cancel)


def register() -> None:
    """Register the operators with Blender."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    running.register()


def unregister() -> None:
    """Take them back, and stop what still runs."""
    running.unregister()
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
