"""Photo file to upright RGB pixels, face boxes and 478 landmarks."""
