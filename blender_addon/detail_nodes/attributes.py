"""Names of the mesh attributes through which a head's detail, its modifier and its material speak to each other.

Stored with the head, numbers per vertex, read by the modifier and taken off the mesh behind it:

    fw_act_<blendshape>         activation A_j of FaceScape Eq. (7)
    fw_inv_<key expression>     one over what FaceScape Eq. (8) gives at the key expression itself
    fw_region_<region>          how much of the vertex belongs to a region of the face
    fw_skin_edge                of edges: 1 where both sides are skin, or one; 0 elsewhere
    fw_edge_share               edges of a vertex per edge of the skin; 0 where it has none

Stored by the modifier, colours per vertex, read by the material. Four numbers each, because EEVEE lets a material
read 13 attributes and no more; the channels are those of the images that they multiply:

    fw_detail_1 .. fw_detail_5  static, M_1 .. M_19: keys_1.png .. keys_5.png
    fw_tension                  t+, t- (of TENSION_UNIT), pores: tension.png; alpha: blood flow, above 0 redder
    fw_detail_shown             1; missing where the modifier is switched off, and then a material sees 0, while it
                                sees the alpha of a missing colour as 1
"""

from __future__ import annotations

from ..backend_door import ARKIT_NAMES, KEY_EXPRESSIONS
from .controls import REGIONS

KEY_NAMES = tuple(KEY_EXPRESSIONS)[1:]
"""The 19 key expressions besides neutral."""
CHANNELS = 4

ACTIVATION = tuple(f"fw_act_{name}" for name in ARKIT_NAMES)
INVERSE_ENERGY = tuple(f"fw_inv_{name}" for name in KEY_NAMES)
REGION = tuple(f"fw_region_{name}" for name in REGIONS)
SKIN_EDGE, EDGE_SHARE = "fw_skin_edge", "fw_edge_share"
STATIC = (*ACTIVATION, *INVERSE_ENERGY, *REGION, SKIN_EDGE, EDGE_SHARE)
"""Everything that is stored with a head."""

DETAIL = tuple(f"fw_detail_{number}" for number in range(1, 2 + len(KEY_NAMES) // CHANNELS))
TENSION = "fw_tension"
SHOWN = "fw_detail_shown"
REST_POSITION = "rest_position"
"""Blender's own, before shape keys, where the object asks for it."""
