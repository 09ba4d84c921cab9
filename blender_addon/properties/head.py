"""Settings of one head; live on its object, so that every head of a file has its own."""

from __future__ import annotations

import bpy
from bpy.props import EnumProperty, FloatProperty, FloatVectorProperty, PointerProperty

from ..heads import is_head
from ..scene.detail import BUMP, TRUE, displacement_of, set_displacement
from ..scene.look import set_overlay_opacity
from ..scene.resize import HEIGHT, PUPILS, set_size, size
from ..scene.seen import COMPLETED_COLOUR, OTHER_COLOUR, SEEN_COLOUR
from ..scene.units import from_millimetres, to_millimetres

_PUPILS_TIP = (
    "Distance between the pupils' centres when the eyes look straight ahead. Type the person's own, as an optician "
    "measures it, and the whole head gets that size; blendshapes, bones, animation and the photo's camera follow"
)
_HEIGHT_TIP = (
    "Height of the head from the underside of the chin to the crown, hair not counted, the head held upright. Type "
    "the person's own, and the whole head gets that size; blendshapes, bones, animation and photo camera follow"
)


def _measure(name: str, tip: str, measure: str, millimetres: bool) -> object:
    """A field that shows a measure of the head and resizes it when a length is typed."""

    def get(self: bpy.types.PropertyGroup) -> float:
        head = self.id_data
        length = (size(head, measure) if is_head(head) else None) or 0.0
        return to_millimetres(bpy.context.scene, length) if millimetres else length

    def put(self: bpy.types.PropertyGroup, value: float) -> None:
        set_size(self.id_data, measure, from_millimetres(bpy.context.scene, value) if millimetres else value)

    return FloatProperty(
        name=name, description=tip, get=get, set=put, min=1e-6, precision=4, step=10,
        # Blender shows lengths of cameras in millimetres, whatever the scene's unit.
        subtype="DISTANCE_CAMERA" if millimetres else "DISTANCE", options=set(),
    )  # fmt: skip


def _legend(name: str, tip: str, colour: tuple[float, float, float]) -> object:
    """A swatch that cannot be changed."""
    return FloatVectorProperty(
        name=name, description=tip, subtype="COLOR", size=3, get=lambda _self: colour, options=set()
    )


_DISPLACEMENTS = (
    (BUMP, "Bump", "Detail tilts the normals that light meets: fast, and right from everywhere but the outline"),
    (
        TRUE, "Displacement",
        "Detail moves the surface itself, outlines and shadows too. The head gets a subdivision surface for it",
    ),
)  # fmt: skip


def _displacement(self: bpy.types.PropertyGroup) -> int:
    head = self.id_data
    return int(is_head(head) and displacement_of(head) == TRUE)


def _set_displacement(self: bpy.types.PropertyGroup, value: int) -> None:
    set_displacement(self.id_data, _DISPLACEMENTS[value][0])


def _opacity_changed(self: bpy.types.PropertyGroup, _context: bpy.types.Context) -> None:
    if is_head(self.id_data):
        set_overlay_opacity(self.id_data, self.overlay_opacity)


class FACEWRIGHT_PG_head(bpy.types.PropertyGroup):
    """Settings of a head, and its size as fields."""

    overlay_opacity: FloatProperty(
        name="Photo Opacity",
        description="How much of the photo covers the head while the view looks through the photo's camera",
        min=0.0, max=1.0, default=0.5, subtype="FACTOR", options=set(), override={"LIBRARY_OVERRIDABLE"},
        update=_opacity_changed,
    )  # fmt: skip
    displacement: EnumProperty(
        name="Detail As", description="How renderers show the head's detail", items=_DISPLACEMENTS,
        get=_displacement, set=_set_displacement, options=set(),
    )  # fmt: skip
    seen_colour: _legend("Seen in the Photo", "Skin that comes from the photo", SEEN_COLOUR)
    completed_colour: _legend("Completed", "Skin that the photo does not show, made up to match", COMPLETED_COLOUR)
    other_colour: _legend("No Skin", "Parts whose surface is not taken from the skin texture", OTHER_COLOUR)
    pupil_distance: _measure("Pupil Distance", _PUPILS_TIP, PUPILS, False)
    pupil_distance_mm: _measure("Pupil Distance", _PUPILS_TIP, PUPILS, True)
    head_height: _measure("Head Height", _HEIGHT_TIP, HEIGHT, False)
    head_height_mm: _measure("Head Height", _HEIGHT_TIP, HEIGHT, True)


def register() -> None:
    """Register this module's classes with Blender."""
    bpy.utils.register_class(FACEWRIGHT_PG_head)
    bpy.types.Object.facewright_head = PointerProperty(
        type=FACEWRIGHT_PG_head, override={"LIBRARY_OVERRIDABLE"}
    )


def unregister() -> None:
    """Take them back."""
    del bpy.types.Object.facewright_head
    bpy.utils.unregister_class(FACEWRIGHT_PG_head)
