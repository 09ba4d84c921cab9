"""Detail that a head gets later: made for one that has none, or made anew with its textures."""

from __future__ import annotations

import bpy

from ..heads import record_of

BUILT_IN_MODEL = "Facewright"  # as head.json names it


def can_have_detail(head: bpy.types.Object) -> bool:
    """Whether detail can be made for this head: its mesh is the built-in face model's."""
    return record_of(head).get("model") == BUILT_IN_MODEL
