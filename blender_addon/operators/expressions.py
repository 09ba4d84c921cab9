"""Sliders of a head: reset, mirror, link left and right, the photo's own expression."""

from __future__ import annotations


def register() -> None:
    """Register this module's classes with Blender."""


def unregister() -> None:
    """Take them back."""
