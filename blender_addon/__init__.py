"""Facewright in Blender: head bundles become objects, materials, a rig, and files for other programs."""
