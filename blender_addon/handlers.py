"""What Facewright does when Blender loads a file, undoes, or quits."""

from __future__ import annotations

import bpy
from bpy.app.handlers import persistent

from .job import session
from .scene import follow


@persistent
def _before_load(*_: object) -> None:
    """Another file takes the place of this one: what was being made for this one is not wanted any more."""
    session.stop()


def register() -> None:
    """Listen to Blender."""
    session.register()
    bpy.app.handlers.load_pre.append(_before_load)
    follow.register()


def unregister() -> None:
    """Listen no more; stop what runs."""
    follow.unregister()
    bpy.app.handlers.load_pre.remove(_before_load)
    session.unregister()
