"""The 52 blendshapes as artists know them: regions, sides, FACS names, key expressions. No bpy in the tables."""
