"""The 20 key expressions of FaceScape as weights of ARKit's blendshapes.

FaceScape captured every person in these 20 poses and keeps one displacement map for each (Sec. 3.2 and 4). Here
each pose is written down by the muscles that FaceScape's photos show at work: FACS action units beside the
blendshapes that move them. Two uses: poses that an artist applies with one click, and the fixed weights of the
key expressions, alpha-hat in FaceScape Eq. (8).

Weights of at most 1 are what one person shows at full strength. Left and right are the subject's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from .base import ARKIT_NAMES


def _pose(both: Mapping[str, float] | None = None, **single: float) -> Mapping[str, float]:
    """Weights by name; those in ``both`` go to the left and to the right blendshape of that stem."""
    sides = {f"{stem}{side}": weight for stem, weight in (both or {}).items() for side in ("Left", "Right")}
    return MappingProxyType({**sides, **single})


KEY_EXPRESSIONS: Mapping[str, Mapping[str, float]] = MappingProxyType({
    "neutral": _pose(),
    # AU6+12: corners up and back, cheeks lift, lower lids with them; lips just parted.
    "smile": _pose({"mouthSmile": 0.9, "cheekSquint": 0.6, "eyeSquint": 0.25, "mouthUpperUp": 0.15}),
    # AU27 (FACS calls it mouth stretch): the jaw as far down as it goes, lips pulled long.
    "mouth_stretch": _pose({"mouthLowerDown": 0.25, "mouthUpperUp": 0.2, "eyeSquint": 0.1}, jawOpen=1.0),
    # AU4+5+7+9+17+23: knit brows, a glare, tense lids, wrinkled nose, lips tightened over a raised chin.
    "anger": _pose({"browDown": 1.0, "eyeSquint": 0.5, "eyeWide": 0.3, "noseSneer": 0.4, "mouthPress": 0.6,
                    "mouthFrown": 0.4}, mouthRollUpper=0.4, mouthRollLower=0.2, mouthShrugLower=0.5),
    # AU30: the lips go along with the jaw.
    "jaw_left": _pose(jawLeft=1.0, mouthLeft=0.3),
    "jaw_right": _pose(jawRight=1.0, mouthRight=0.3),
    # AU29
    "jaw_forward": _pose(jawForward=1.0),
    "mouth_left": _pose(mouthLeft=1.0),
    "mouth_right": _pose(mouthRight=1.0),
    # AU14: corners drawn in and pressed against the teeth.
    "dimpler": _pose({"mouthDimple": 1.0, "mouthPress": 0.4, "mouthStretch": 0.25, "mouthFrown": 0.2}),
    # AU17: the chin pushes the lower lip up, the upper lip gives way.
    "chin_raiser": _pose({"mouthFrown": 0.2}, mouthShrugLower=1.0, mouthShrugUpper=0.5),
    # AU18
    "lip_puckerer": _pose(mouthPucker=1.0),
    # AU22+25: lips thrust out like a funnel; the jaw makes room.
    "lip_funneler": _pose(mouthFunnel=1.0, jawOpen=0.15),
    # AU1+4+15+17: inner brows up and together, corners down, chin up, a lowered look.
    "sadness": _pose({"browDown": 0.3, "mouthFrown": 0.8, "eyeSquint": 0.2, "eyeLookDown": 0.2},
                     browInnerUp=1.0, mouthShrugLower=0.5),
    # AU28: both lips over the teeth.
    "lip_roll": _pose({"mouthPress": 0.2}, mouthRollUpper=1.0, mouthRollLower=1.0),
    # AU6+12+16+20+10: bared teeth.
    "grin": _pose({"mouthSmile": 0.5, "mouthStretch": 0.5, "mouthUpperUp": 0.5, "mouthLowerDown": 0.6,
                   "cheekSquint": 0.5, "eyeSquint": 0.3}),
    # AU34: blown cheeks behind lips that draw together to hold the air.
    "cheek_blowing": _pose(cheekPuff=1.0, mouthPucker=0.35),
    # AU43
    "eye_closed": _pose({"eyeBlink": 1.0}),
    # AU1+2 with what the upper lids do along with them, AU5.
    "brow_raiser": _pose({"browOuterUp": 1.0, "eyeWide": 0.35}, browInnerUp=1.0),
    # AU4 with tense lids and a trace of AU9, which knits the brows' inner ends.
    "brow_lower": _pose({"browDown": 1.0, "eyeSquint": 0.35, "noseSneer": 0.1}),
})  # fmt: skip
"""Name -> blendshape name -> weight, in FaceScape's order; blendshapes that are not named are 0."""

KEY_EXPRESSION_NAMES: tuple[str, ...] = tuple(KEY_EXPRESSIONS)


def key_expression_weights(names: Sequence[str] = ARKIT_NAMES) -> NDArray[np.float64]:
    """(20, len(names)) weights of the key expressions; a blendshape that has no place in ``names`` is left out."""
    poses = KEY_EXPRESSIONS.values()
    return np.array([[pose.get(name, 0.0) for name in names] for pose in poses], dtype=np.float64)
