"""What makes a head fit to animate: eyes seated, lids and lips that close, teeth and tongue that stay inside.

Runs when a head is made, on its own neutral and blendshapes, whatever identity and model they come from, as long as
the topology names the parts. numpy only, deterministic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import TopologyMismatch
from ..mesh.topology import Topology
from .base import ARKIT_NAMES, HeadGeometry
from .dental_arch import Mouth, clear_mouth_close, clear_teeth, clear_teeth_together, limit_rolls
from .eyelids import correct_lids, seat_eyeballs, turn_eyeballs
from .lips import Lips, close_lips, seal_mouth_close
from .open_mouth import lay_tongue_down, show_teeth
from .penetration import penetration
from .tongue_room import make_room
from .unfold import unfold

__all__ = ["REGIONS", "apply_correctives", "penetration"]

REGIONS = (
    "eye_left", "eye_right", "socket_left", "socket_right", "lid_upper_left", "lid_lower_left", "lid_upper_right",
    "lid_lower_right", "lip_upper", "lip_lower", "mouth_bag", "teeth_upper", "teeth_lower", "gums_upper",
    "gums_lower", "tongue",
)  # fmt: skip

BLINKS = (ARKIT_NAMES.index("eyeBlinkLeft"), ARKIT_NAMES.index("eyeBlinkRight"))


def apply_correctives(
    topology: Topology, neutral: NDArray[np.float64], blendshapes: NDArray[np.float64]
) -> HeadGeometry:
    """Correct one person's head.

    Parameters
    ----------
    topology : Topology with the regions REGIONS
    neutral : (V, 3) mm, model space
    blendshapes : (52, V, 3) mm, offsets at weight 1 in the order of ARKIT_NAMES

    Returns
    -------
    HeadGeometry : new arrays, float64

    Raises
    ------
    TopologyMismatch
        Regions are missing, or the arrays do not belong to the topology.
    """
    missing = [name for name in REGIONS if name not in topology.regions]
    if missing:
        raise TopologyMismatch(f"The head's topology does not name the regions {', '.join(missing)}.")
    expected = (len(ARKIT_NAMES), len(neutral), 3)
    if blendshapes.shape != expected or len(neutral) < topology.vertex_count:
        raise TopologyMismatch(
            f"The head has {neutral.shape} neutral and {blendshapes.shape} blendshapes, "
            f"but the topology needs {(len(ARKIT_NAMES), topology.vertex_count, 3)}."
        )
    rest = np.array(neutral, dtype=np.float64)
    shapes = np.array(blendshapes, dtype=np.float64)

    eyes = seat_eyeballs(topology, rest)
    turn_eyeballs(eyes, rest, shapes)
    correct_lids(topology, eyes, rest, shapes)

    lips = Lips(topology, rest)
    close_lips(lips, rest, shapes)
    make_room(topology, lips, rest, shapes)
    lay_tongue_down(topology, rest, shapes)
    show_teeth(topology, lips, rest, shapes)
    mouth = Mouth(topology, rest, lips)
    limit_rolls(mouth, rest, shapes)
    clear_teeth(mouth, rest, shapes)
    clear_mouth_close(mouth, rest, shapes)
    clear_teeth_together(mouth, rest, shapes)
    # Clearing the teeth can part the lips by a little: seal again, both edges stay in front of the teeth.
    close_lips(lips, rest, shapes)
    seal_mouth_close(lips, rest, shapes)
    # And sealing draws the chin in: the fold under the lower lip keeps off the teeth's roots.
    clear_mouth_close(mouth, rest, shapes)
    unfold(topology, rest, shapes, sealed=BLINKS)
    return HeadGeometry(rest, shapes)
