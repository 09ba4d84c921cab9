"""``facewright make-pseudo-pairs``: photographs whose face has exactly known geometry."""
