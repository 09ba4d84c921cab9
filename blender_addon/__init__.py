"""Facewright in Blender: one photo to an animatable head, from the sidebar of the 3D view.

``register`` and ``unregister`` are what Blender calls; everything that needs bpy is imported there, so that
``python -m blender_addon`` can say in one sentence that Blender's module is missing.
"""

from __future__ import annotations


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled; stops what still runs."""
    from . import registration

    registration.unregister()
