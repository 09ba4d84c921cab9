"""Dynamic detail: one representation for FaceScape's key expressions and HiFace's tension, and its evaluation."""
