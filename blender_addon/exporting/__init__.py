"""Presets, mesh density, and the check of what was written."""
