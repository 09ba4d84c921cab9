"""Looking for faces in the scene's photo, in the background, and what is remembered of it."""

from __future__ import annotations

import bpy


def follow(scene: bpy.types.Scene) -> None:
    """Show what is known about the scene's photo; look for its faces where nothing is."""


def mark_face(scene: bpy.types.Scene) -> None:
    """Show which face of the photo is chosen."""
