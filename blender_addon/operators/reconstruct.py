"""Reconstruct a head from the photo, and cancel."""

from __future__ import annotations


def register() -> None:
    """Register this module's classes with Blender."""


def unregister() -> None:
    """Take them back."""
