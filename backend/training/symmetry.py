"""ICT-FaceKit's mean head and expressions made exactly symmetric, so that animations can be mirrored.

The neutral is off by 0.02 mm; a left eye's blink and the mirror image of the right eye's differ by up to 0.5 mm at
the lids, smiles by 0.2 mm at the lips and more inside the mouth. Identity modes stay as they are: people are
asymmetric.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelFileInvalid
from ..face_model.base import ARKIT_NAMES
from .ict_source import SKIN_VERTICES, IctSource
from .parts_surface import mirror_vertices

FLIP = np.array([-1.0, 1.0, 1.0])


def mirrored_name(name: str) -> str:
    """The ARKit blendshape of the other side: mouthSmileLeft for mouthSmileRight, jawLeft for jawRight."""
    if name.endswith("Left"):
        return name.removesuffix("Left") + "Right"
    if name.endswith("Right"):
        return name.removesuffix("Right") + "Left"
    return name


def symmetric(source: IctSource) -> IctSource:
    """The source with the skin of its neutral and expressions replaced by the mean of itself and its mirror image.

    Raises
    ------
    ModelFileInvalid : the skin's vertices do not come in mirrored pairs.
    """
    mirror = mirror_vertices(source)[SKIN_VERTICES]
    if not np.array_equal(mirror[mirror], np.arange(len(mirror))):
        raise ModelFileInvalid("The vertices of the source's skin do not come in mirrored pairs.")

    def mean(own: NDArray[np.float64], twin: NDArray[np.float64]) -> NDArray[np.float64]:
        result: NDArray[np.float64] = 0.5 * (own[SKIN_VERTICES] + twin[mirror] * FLIP)
        return result

    neutral, expression = source.neutral.copy(), source.expression.copy()
    neutral[SKIN_VERTICES] = mean(source.neutral, source.neutral)
    names = [name for name in ARKIT_NAMES if name != "tongueOut"]
    for k, name in enumerate(names):
        twin = source.expression[names.index(mirrored_name(name))]
        expression[k, SKIN_VERTICES] = mean(source.expression[k], twin)
    return replace(source, neutral=neutral, expression=expression)
