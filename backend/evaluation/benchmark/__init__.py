"""``facewright make-benchmark``: rendered heads with their true geometry."""
