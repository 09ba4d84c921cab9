"""Camera, pose, identity and expression from landmarks."""
