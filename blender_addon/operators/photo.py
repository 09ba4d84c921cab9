"""Choose a photo, look for faces in it, choose one of them."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import ClassVar

import bpy

from .. import photo_look
from ..backend_door import FaceError
from ..photo_files import EXTENSIONS, HEIF_EXTENSIONS, can_be_photo, check_photo, file_of_image, photo_path

LISTED_IMAGES = 20  # in the menu; the others are found by name


class FACEWRIGHT_OT_choose_photo(bpy.types.Operator):
    """Makes a file the scene's photo."""

    bl_idname = "facewright.choose_photo"
    bl_label = "Choose Photo"
    bl_description = (
        "Choose the photo of a face: JPEG, PNG, WebP, TIFF or BMP. Photos can be dropped onto the 3D view, too"
    )
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(
        name="Photo", description="The photo's file", subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"}
    )
    filter_glob: bpy.props.StringProperty(
        default=";".join(f"*{extension}" for extension in (*EXTENSIONS, *HEIF_EXTENSIONS)),
        options={"HIDDEN", "SKIP_SAVE"},
    )
    filter_image: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    display_type: bpy.props.EnumProperty(  # the numbers are the file browser's own
        items=(("DEFAULT", "Default", "", 0), ("THUMBNAIL", "Thumbnails", "", 3)),
        default="THUMBNAIL",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        path = photo_path(context.scene)
        if path is not None:
            self.filepath = str(path)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        return choose(self, context, Path(bpy.path.abspath(self.filepath)))

    def draw(self, context: bpy.types.Context) -> None:
        """Nothing: what was chosen is in the panel."""


class FACEWRIGHT_OT_drop_photo(bpy.types.Operator):
    """Makes a file that was dropped onto the 3D view the scene's photo, and shows it."""

    bl_idname = "facewright.drop_photo"
    # What Blender's menu of things to do with a dropped file says.
    bl_label = "Facewright: Head from This Photo"
    bl_description = "Make this the photo from which Facewright makes a head"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO", "INTERNAL"}

    filepath: bpy.props.StringProperty(
        name="Photo", description="The photo's file", subtype="FILE_PATH", options={"HIDDEN", "SKIP_SAVE"}
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        done = choose(self, context, Path(self.filepath))
        if done == {"FINISHED"}:
            show_tab(context)
        return done


class FACEWRIGHT_OT_use_image(bpy.types.Operator):
    """Makes an image of the .blend file the scene's photo."""

    bl_idname = "facewright.use_image"
    bl_label = "Use as Facewright Photo"
    bl_description = (
        "Make a head from this image: one that is open in Blender, packed, or pasted into an Image Editor. "
        "An image without a file of its own is copied to Facewright's user folder"
    )
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    image: bpy.props.StringProperty(name="Image", description="Name of the image", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not any(can_be_photo(image) for image in bpy.data.images):
            cls.poll_message_set("No image is open in Blender")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.image:
            return self.execute(context)
        return context.window_manager.invoke_props_dialog(self)

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop_search(self, "image", bpy.data, "images")

    def execute(self, context: bpy.types.Context) -> set[str]:
        image = bpy.data.images.get(self.image)
        if image is None:
            self.report({"ERROR"}, f"There is no image {self.image}." if self.image else "Choose an image.")
            return {"CANCELLED"}
        try:
            path = file_of_image(image)
        except FaceError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return choose(self, context, path)


class HasPhoto:
    """Mix-in for operators that need a photo."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not context.scene.facewright_photo.filepath:
            cls.poll_message_set("Choose a photo first")
            return False
        return True


class FACEWRIGHT_OT_clear_photo(HasPhoto, bpy.types.Operator):
    """Leaves the scene without a photo."""

    bl_idname = "facewright.clear_photo"
    bl_label = "Remove Photo"
    bl_description = "Forget the chosen photo. The file and the heads made from it stay as they are"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.facewright_photo.filepath = ""
        return {"FINISHED"}


class FACEWRIGHT_OT_look_for_faces(HasPhoto, bpy.types.Operator):
    """Looks for faces: in the background when clicked, to the end when called by a script."""

    bl_idname = "facewright.look_for_faces"
    bl_label = "Look for Faces"
    bl_description = "Find the faces in the photo (again), without waiting for it. Scripts wait until it is done"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        photo_look.forget(photo_path(context.scene))
        photo_look.follow(context.scene)
        return {"FINISHED"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            look = photo_look.look_now(context.scene)
        except FaceError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        count = len(look.faces)
        self.report({"INFO"}, look.message or (f"{count} faces" if count > 1 else "1 face"))
        return {"FINISHED"}


class FACEWRIGHT_OT_choose_face(HasPhoto, bpy.types.Operator):
    """Chooses among several faces."""

    bl_idname = "facewright.choose_face"
    bl_label = "Choose Face"
    bl_description = "Make the head from this face of the photo"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    index: bpy.props.IntProperty(
        name="Face", description="Counted from the largest face, which is 1", min=1, default=1
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        found = context.window_manager.facewright_found
        count = len(found.faces)
        if found.state == "DONE" and found.filepath == str(photo_path(context.scene)) and self.index > count:
            there = "no face" if not count else "1 face" if count == 1 else f"{count} faces"
            self.report({"ERROR"}, f"Face {self.index} was asked for, but the photo holds {there}.")
            return {"CANCELLED"}
        context.scene.facewright_photo.face = self.index
        return {"FINISHED"}


class FACEWRIGHT_MT_open_images(bpy.types.Menu):
    """The images that are open in Blender."""

    bl_idname = "FACEWRIGHT_MT_open_images"
    bl_label = "Use an Open Image"
    bl_description = (
        "Take an image that is open in Blender. To use a picture from the clipboard, paste it in an Image Editor "
        "(Image > Paste) first"
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        images = [image for image in bpy.data.images if can_be_photo(image)]
        if not images:
            layout.label(text="No image is open in Blender")
        for image in images[:LISTED_IMAGES]:
            layout.operator(
                "facewright.use_image", text=image.name, icon_value=layout.icon(image), translate=False
            ).image = image.name
        if len(images) > LISTED_IMAGES:
            layout.separator()
            layout.operator_context = "INVOKE_DEFAULT"
            layout.operator("facewright.use_image", text="More...").image = ""


def choose(operator: bpy.types.Operator, context: bpy.types.Context, path: Path) -> set[str]:
    """Make a file the scene's photo, or report why it cannot be; what the operator returns."""
    try:
        check_photo(path)
    except FaceError as error:
        operator.report({"ERROR"}, str(error))
        return {"CANCELLED"}
    context.scene.facewright_photo.filepath = str(path)
    return {"FINISHED"}


def show_tab(context: bpy.types.Context) -> None:
    """Open the sidebar of the 3D view at the tab Facewright, where a dropped photo appears."""
    area = context.area
    if area is None or area.type != "VIEW_3D":
        return
    area.spaces.active.show_region_ui = True
    sidebar = next(region for region in area.regions if region.type == "UI")
    with contextlib.suppress(AttributeError, TypeError):  # a sidebar that was never drawn has no tabs yet
        sidebar.active_panel_category = "Facewright"


def _draw_in_image_menu(menu: bpy.types.Menu, context: bpy.types.Context) -> None:
    image = getattr(context, "edit_image", None)
    if image is not None and can_be_photo(image):
        menu.layout.separator()
        menu.layout.operator("facewright.use_image", icon="USER").image = image.name


_CLASSES = (
    FACEWRIGHT_OT_choose_photo,
    FACEWRIGHT_OT_drop_photo,
    FACEWRIGHT_OT_use_image,
    FACEWRIGHT_OT_clear_photo,
    FACEWRIGHT_OT_look_for_faces,
    FACEWRIGHT_OT_choose_face,
    FACEWRIGHT_MT_open_images,
)


def register() -> None:
    """Register this module's classes with Blender."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.IMAGE_MT_image.append(_draw_in_image_menu)
    photo_look.register()


def unregister() -> None:
    """Take them back."""
    photo_look.unregister()
    bpy.types.IMAGE_MT_image.remove(_draw_in_image_menu)
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
