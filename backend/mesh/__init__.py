"""Topology, geometry image, rasteriser, normals, OBJ: everything that knows meshes and nothing of faces."""
