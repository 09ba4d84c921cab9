"""Where displacement comes from: mechanics of the skin, the photo, and networks."""
