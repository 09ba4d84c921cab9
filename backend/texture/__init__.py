"""Skin and iris colour from the photo into UV."""
