"""What the running job tells the panel; lives with the window manager, is never saved."""

from __future__ import annotations


def register() -> None:
    """Register this module's classes with Blender."""


def unregister() -> None:
    """Take them back."""
