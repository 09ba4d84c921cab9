"""How to export; lives with the scene."""

from __future__ import annotations


def register() -> None:
    """Register this module's classes with Blender."""


def unregister() -> None:
    """Take them back."""
