"""Runs the backend as a process of its own; only ``session`` knows Blender."""
