"""What Facewright does when Blender loads a file, undoes, or duplicates a head."""

from __future__ import annotations


def register() -> None:
    """Register this module's classes with Blender."""


def unregister() -> None:
    """Take them back."""
