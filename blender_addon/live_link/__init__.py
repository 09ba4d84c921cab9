"""Live Link Face takes: file format, timing, curves. Only ``apply`` knows bpy."""
