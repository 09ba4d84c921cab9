"""Look at the result: the photo's camera, its overlay, what was seen and what was invented."""

from __future__ import annotations


def register() -> None:
    """Register this module's classes with Blender."""


def unregister() -> None:
    """Take them back."""
