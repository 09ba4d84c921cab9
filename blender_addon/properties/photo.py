"""The photo and how to reconstruct it, which live with the scene; what was found in it, which is never saved."""

from __future__ import annotations

import bpy

from .. import photo_look, preferences
from ..backend_door import DETAIL_SOURCES

_SIZES = tuple(identifier for identifier, _, _ in preferences.TEXTURE_SIZES)
_AS_PREFERRED = "AS_PREFERRED"
DETAIL_SIZES = (
    ("1024", "1024", "Wrinkles and pores as they are seen at arm's length"),
    ("2048", "2048", "Finer, for close-ups; four times the memory and time"),
)
WRINKLE_SOURCES = tuple(
    (name.upper(), name.capitalize(), words.capitalize()) for name, words in DETAIL_SOURCES.items()
)
# From 4.5 on, a path must say that it may be relative to the .blend file; before, every path might.
_RELATIVE = {"options": {"PATH_SUPPORTS_BLEND_RELATIVE"}} if bpy.app.version >= (4, 5, 0) else {}


def _photo_changed(photo: FACEWRIGHT_PG_photo, context: bpy.types.Context) -> None:
    """Another photo has other faces: the largest is chosen until somebody looks."""
    photo.face = 0
    photo_look.follow(photo.id_data)


def _face_changed(photo: FACEWRIGHT_PG_photo, context: bpy.types.Context) -> None:
    photo_look.mark_face(photo.id_data)


def _texture_size(photo: FACEWRIGHT_PG_photo) -> int:
    chosen = photo.texture_size_chosen
    return _SIZES.index(preferences.settings().texture_size if chosen == _AS_PREFERRED else chosen)


def _choose_texture_size(photo: FACEWRIGHT_PG_photo, value: int) -> None:
    photo.texture_size_chosen = _SIZES[value]


class FACEWRIGHT_PG_photo(bpy.types.PropertyGroup):
    """``Scene.facewright_photo``: which face of which photo, and how to reconstruct it."""

    filepath: bpy.props.StringProperty(
        name="Photo",
        description="The photo of the face: JPEG, PNG, WebP, TIFF or BMP. A sharp, evenly lit photo from the front "
        "that shows the whole face gives the best likeness",
        subtype="FILE_PATH",
        update=_photo_changed,
        **_RELATIVE,
    )
    face: bpy.props.IntProperty(
        name="Face",
        description="Which face of the photo, counted from the largest: 1 is the largest; 0 takes the largest, too",
        min=0,
        soft_max=20,
        default=0,
        update=_face_changed,
    )
    focal_mode: bpy.props.EnumProperty(
        name="Focal Length",
        description="How much the lens flattens or stretches the face depends on its focal length",
        items=(
            ("AUTO", "Auto", "Take it from the photo if the camera wrote it down, else estimate it from the face"),
            ("TYPED", "Manual", "Type the focal length, for photos that were cropped or lost their camera data"),
        ),
        default="AUTO",
    )
    focal_length_mm: bpy.props.FloatProperty(
        name="35 mm Equivalent",
        description="Focal length in millimetres as on a full-frame camera, by the picture's diagonal. Viewers "
        "name it in a photo's details as the 35 mm equivalent; phones have about 24 to 28, portrait lenses 50 to "
        "135. A crop of half the picture's diagonal has twice the focal length",
        min=8.0,
        max=1200.0,
        soft_min=20.0,
        soft_max=200.0,
        step=100,
        precision=1,
        unit="CAMERA",
        default=50.0,
    )
    texture_size_chosen: bpy.props.EnumProperty(
        name="Texture Size Chosen Here",
        description="The texture size of this scene, or that of the preferences where nobody has chosen one here",
        items=((_AS_PREFERRED, "As in Preferences", ""), *preferences.TEXTURE_SIZES),
        default=_AS_PREFERRED,
        options={"HIDDEN"},
    )
    texture_size: bpy.props.EnumProperty(
        name="Texture Size",
        description="Width and height of the skin's texture. More than the face has in the photo adds no detail",
        items=preferences.TEXTURE_SIZES,
        get=_texture_size,
        set=_choose_texture_size,
    )
    use_detail: bpy.props.BoolProperty(
        name="Dynamic Detail",
        description="Make wrinkles, too: the lines that the photo shows, and those that come and go with the "
        "expressions. Heads of the built-in face model can have them",
        default=True,
    )
    detail_size: bpy.props.EnumProperty(
        name="Detail Size",
        description="Width and height of the displacement maps",
        items=DETAIL_SIZES,
        default="1024",
    )
    detail_source: bpy.props.EnumProperty(
        name="Wrinkles From",
        description="How the wrinkles of the expressions are found",
        items=WRINKLE_SOURCES,
    )
    age_mode: bpy.props.EnumProperty(
        name="Age",
        description="Older skin has more and deeper lines",
        items=(
            ("AUTO", "Auto", "Estimate from the photo how lined the skin is"),
            ("TYPED", "Manual", "Type the person's age, for photos that are small, soft or retouched"),
        ),
        default="AUTO",
    )
    age_years: bpy.props.IntProperty(
        name="Years", description="The person's age", min=1, max=120, soft_min=5, soft_max=90, default=35
    )
    model_mode: bpy.props.EnumProperty(
        name="Face Model",
        description="The statistical model of heads that is fitted to the photo",
        items=(
            ("BUILTIN", "Built-in", "The model that comes with Facewright"),
            ("FILE", "From File", "A file of yours: FaceScape's bilinear model v1.6 or ICT-FaceKit Light"),
        ),
        default="BUILTIN",
    )
    model_path: bpy.props.StringProperty(
        name="Model File",
        description="The face model's .npz file. Heads made with it are bound by that model's licence",
        subtype="FILE_PATH",
        **_RELATIVE,
    )


class FACEWRIGHT_PG_face(bpy.types.PropertyGroup):
    """A face that was found: its box in pixels of the upright photo, origin top left."""

    x: bpy.props.FloatProperty(name="Left", subtype="PIXEL")
    y: bpy.props.FloatProperty(name="Top", subtype="PIXEL")
    width: bpy.props.FloatProperty(name="Width", subtype="PIXEL")
    height: bpy.props.FloatProperty(name="Height", subtype="PIXEL")
    confidence: bpy.props.FloatProperty(name="Confidence", min=0.0, max=1.0, subtype="FACTOR")
    warning: bpy.props.StringProperty(name="Warning")


class FACEWRIGHT_PG_found(bpy.types.PropertyGroup):
    """``WindowManager.facewright_found``: what is known about the photo ``filepath`` (absolute); never saved."""

    state: bpy.props.EnumProperty(
        name="State",
        items=(
            ("NONE", "Not Looked Yet", "Nobody has looked for faces in this photo"),
            ("LOOKING", "Looking", "Faces are being looked for"),
            ("DONE", "Done", "The photo was read; faces holds those that were found"),
            ("FAILED", "Failed", "The photo could not be read; message says why"),
        ),
        default="NONE",
    )
    filepath: bpy.props.StringProperty(name="Photo")
    width: bpy.props.IntProperty(name="Width", description="Of the upright photo, in pixels")
    height: bpy.props.IntProperty(name="Height", description="Of the upright photo, in pixels")
    focal_length_mm: bpy.props.FloatProperty(
        name="Focal Length", description="35 mm equivalent that the camera wrote into the photo; 0: none to believe"
    )
    faces: bpy.props.CollectionProperty(type=FACEWRIGHT_PG_face)
    message: bpy.props.StringProperty(name="Message", description="What a person should know, or empty")
    notes: bpy.props.StringProperty(name="Notes", description="What was noticed about the file, one a line")


_CLASSES = (FACEWRIGHT_PG_photo, FACEWRIGHT_PG_face, FACEWRIGHT_PG_found)


def register() -> None:
    """Register this module's classes with Blender."""
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.facewright_photo = bpy.props.PointerProperty(type=FACEWRIGHT_PG_photo)
    bpy.types.WindowManager.facewright_found = bpy.props.PointerProperty(type=FACEWRIGHT_PG_found)


def unregister() -> None:
    """Take them back."""
    del bpy.types.WindowManager.facewright_found
    del bpy.types.Scene.facewright_photo
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
