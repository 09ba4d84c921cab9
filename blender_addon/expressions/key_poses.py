"""The 20 key expressions as poses: their labels, and how a pose joins what the face already shows."""

from __future__ import annotations

from collections.abc import Mapping

from ..backend_door import KEY_EXPRESSIONS

STRONGEST = 1.5

TIPS: dict[str, str] = {
    "neutral": "The face at rest",
    "smile": "A warm smile, lips just parted (AU6, AU12)",
    "mouth_stretch": "The mouth as wide open as it goes (AU27, which FACS calls mouth stretch)",
    "anger": "Knit brows, a glare and tight lips (AU4, AU5, AU7, AU17, AU23)",
    "jaw_left": "The jaw to the subject's left (AU30)",
    "jaw_right": "The jaw to the subject's right (AU30)",
    "jaw_forward": "The jaw thrust forward (AU29)",
    "mouth_left": "The mouth to the subject's left",
    "mouth_right": "The mouth to the subject's right",
    "dimpler": "Corners of the mouth pressed in (AU14)",
    "chin_raiser": "Chin and lower lip pushed up (AU17)",
    "lip_puckerer": "Lips drawn together (AU18)",
    "lip_funneler": "Lips thrust out into a funnel (AU22)",
    "sadness": "Inner brows up, corners of the mouth down (AU1, AU4, AU15, AU17)",
    "lip_roll": "Both lips rolled over the teeth (AU28)",
    "grin": "Bared teeth (AU6, AU12, AU16, AU20)",
    "cheek_blowing": "Both cheeks full of air (AU34)",
    "eye_closed": "Both eyes shut (AU43)",
    "brow_raiser": "Both brows up (AU1, AU2)",
    "brow_lower": "Both brows down and together (AU4)",
}


def label_of_pose(name: str) -> str:
    """Name of a key expression as buttons and assets write it: "lip_roll" is "Lip Roll"."""
    return name.replace("_", " ").title()


SHORT_LABELS = {
    "mouth_stretch": "Stretch", "jaw_forward": "Forward", "chin_raiser": "Chin Up", "lip_puckerer": "Pucker",
    "lip_funneler": "Funnel", "cheek_blowing": "Cheeks", "brow_raiser": "Brows Up", "brow_lower": "Brows Low",
    "eye_closed": "Eyes Shut",
}  # fmt: skip
"""Labels that fit under a small picture, where the whole name does not."""


def posed(
    current: Mapping[str, float], pose: Mapping[str, float], strength: float = 1.0, add: bool = False
) -> dict[str, float]:
    """What the face shows after a pose is applied, for every blendshape of ``current``.

    strength : 0 to 1.5, out of range is clamped; what comes out is between 0 and 1
    add : on top of what the face shows; otherwise in its place, blendshapes without weight going to 0
    """
    strength = min(max(strength, 0.0), STRONGEST)
    result = {}
    for name, weight in current.items():
        change = strength * pose.get(name, 0.0)
        result[name] = weight if add and change == 0.0 else min(max(change + (weight if add else 0.0), 0.0), 1.0)
    return result


POSES: dict[str, Mapping[str, float]] = dict(KEY_EXPRESSIONS)
"""Key expression -> blendshape -> weight, in FaceScape's order."""
