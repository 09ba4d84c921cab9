"""Builds what lies in assets/: the face model, the landmark embedding, the detector's error model."""
