"""Panels of the sidebar tab "Facewright"."""
