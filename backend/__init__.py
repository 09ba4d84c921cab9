"""Facewright: one photo of a face to an animatable head. ``api.reconstruct`` is the one door."""

__version__ = "0.1.0"
