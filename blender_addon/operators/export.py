"""Write a head to FBX, glTF or USD, and check the file."""

from __future__ import annotations


def register() -> None:
    """Register this module's classes with Blender."""


def unregister() -> None:
    """Take them back."""
