"""How to import a take: the same choices for the scene's next import and for the operator itself."""

from __future__ import annotations

import bpy

from ..expressions.table import REGIONS
from ..live_link.performance import (
    EYES_BONES,
    EYES_SHAPES,
    NEUTRAL_FRAME,
    NEUTRAL_NONE,
    NEUTRAL_QUIET,
    TakeSettings,
)

KEEP, STACK = "KEEP", "STACK"


class TakeOptions:
    """Mix-in of properties; the scene keeps them, the operator shows them beside the file list and afterwards."""

    start_frame: bpy.props.IntProperty(
        name="Start Frame",
        description="Frame of the scene at which the take begins",
        default=1, soft_min=0,
    )  # fmt: skip
    set_range: bpy.props.BoolProperty(
        name="Set Scene Range",
        description="Let the scene begin and end with the take",
        default=False,
    )
    interpolation: bpy.props.EnumProperty(
        name="Resample",
        description="What happens between the recorded moments when the scene has another frame rate",
        items=(
            ("CUBIC", "Smooth", "Curves through the recorded values, without overshooting"),
            ("LINEAR", "Straight", "Straight lines from one recorded value to the next"),
        ),
        default="CUBIC",
    )
    neutral: bpy.props.EnumProperty(
        name="Neutral",
        description="Which face of the recording is the resting face. Its values become zero, so that a face that "
        "trackers take for slightly smiling or frowning rests on the head's own neutral",
        items=(
            (NEUTRAL_NONE, "As Recorded", "Use the values as they are"),
            (NEUTRAL_QUIET, "Quietest Moments", "Find where the face moves least and take that as rest"),
            (NEUTRAL_FRAME, "Frame", "Take the face at a frame of the take as rest"),
        ),
        default=NEUTRAL_NONE,
    )
    neutral_frame: bpy.props.IntProperty(
        name="Neutral Frame",
        description="Frame of the scene at which the recorded face rests",
        default=1,
    )
    smoothing: bpy.props.FloatProperty(
        name="Smoothing",
        description="Take out the tracker's trembling over about this time. Nothing is delayed, and quick moves "
        "such as blinks keep their height. 0 leaves the recording as it is",
        default=0.05, min=0.0, soft_max=0.2, max=1.0, precision=3, step=1, unit="TIME_ABSOLUTE",
    )  # fmt: skip
    tolerance: bpy.props.FloatProperty(
        name="Simplify",
        description="How far curves may leave the recorded values, of a slider's 0 to 1, so that they need fewer "
        "keys and stay easy to edit. 0 sets a key on every frame",
        default=0.005, min=0.0, soft_max=0.05, max=0.5, precision=4, step=0.1,
    )  # fmt: skip
    head: bpy.props.BoolProperty(
        name="Head Rotation",
        description="Turn the head and neck bones as the person turned the head",
        default=True,
    )
    neck_share: bpy.props.FloatProperty(
        name="Neck",
        description="How much of the head's turn the neck takes over",
        default=0.4, min=0.0, max=1.0, subtype="FACTOR",
    )  # fmt: skip
    flip_nod: bpy.props.BoolProperty(
        name="Nod", description="Nod the other way: takes from a phone held sideways may need it"
    )
    flip_turn: bpy.props.BoolProperty(
        name="Turn", description="Turn the other way: takes from a phone held sideways may need it"
    )
    flip_tilt: bpy.props.BoolProperty(
        name="Tilt", description="Tilt the other way"
    )
    eyes: bpy.props.EnumProperty(
        name="Gaze",
        description="What turns the eyes. Both at once would turn them twice",
        items=(
            (EYES_SHAPES, "Shape Keys", "The eyeLook shape keys turn the eyes, and the lids follow"),
            (EYES_BONES, "Bones", "The eye bones turn the eyes; the eyeLook shape keys rest, and so do the lids"),
        ),
        default=EYES_SHAPES,
    )
    previous: bpy.props.EnumProperty(
        name="Previous",
        description="What happens to the animation that the head has already",
        items=(
            (KEEP, "Keep in File", "The earlier actions stay in the file, to be chosen again"),
            (STACK, "Push Down", "The earlier actions become NLA strips below the take"),
        ),
        default=KEEP,
    )


def _gain(label: str) -> bpy.props.FloatProperty:
    return bpy.props.FloatProperty(
        name=label,
        description=f"How strongly the take moves this region: {label}",
        default=1.0, min=0.0, soft_max=2.0, max=4.0, subtype="FACTOR",
    )  # fmt: skip


TakeOptions.__annotations__ |= {f"gain_{region.key.lower()}": _gain(region.label) for region in REGIONS}
OPTION_NAMES = tuple(TakeOptions.__annotations__)


class FACEWRIGHT_PG_take(TakeOptions, bpy.types.PropertyGroup):
    """Scene.facewright_take: the choices for the next import."""


def settings_of(options: TakeOptions) -> TakeSettings:
    """The choices as the import takes them."""
    return TakeSettings(
        start_frame=options.start_frame,
        cubic=options.interpolation == "CUBIC",
        neutral=options.neutral,
        neutral_frame=options.neutral_frame,
        smoothing_seconds=options.smoothing,
        tolerance=options.tolerance,
        gains={region.key: getattr(options, f"gain_{region.key.lower()}") for region in REGIONS},
        head=options.head,
        neck_share=options.neck_share,
        flips=(options.flip_nod, options.flip_turn, options.flip_tilt),
        eyes=options.eyes,
    )


def copy_options(source: TakeOptions, target: TakeOptions) -> None:
    """Give one the choices of the other."""
    for name in OPTION_NAMES:
        setattr(target, name, getattr(source, name))


def register() -> None:
    """Register the choices, and where the scene keeps them."""
    bpy.utils.register_class(FACEWRIGHT_PG_take)
    bpy.types.Scene.facewright_take = bpy.props.PointerProperty(type=FACEWRIGHT_PG_take)


def unregister() -> None:
    """Take them back."""
    del bpy.types.Scene.facewright_take
    bpy.utils.unregister_class(FACEWRIGHT_PG_take)
