"""The head's mesh object: faces, UVs, material slots, Basis and the blendshapes as shape keys."""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ..backend_door import BundleInvalid, Head
from .coordinates import to_blender

UV_LAYER = "UVMap"
BASIS = "Basis"


def build_mesh(head: Head, name: str) -> bpy.types.Object:
    """One unlinked mesh object: vertices in metres, smooth shading, one UV map, Basis and E shape keys.

    Faces keep the order of the bundle, and vertices their ids, so that data computed on the head's topology
    can be written to the object later. Raises BundleInvalid where Blender finds the faces inconsistent.
    """
    mesh = bpy.data.meshes.new(name)
    basis = to_blender(head.neutral)
    _add_faces(mesh, basis, head.quads, head.material)
    corners = head.quads.ravel() >= 0
    layer = mesh.uv_layers.new(name=UV_LAYER, do_init=False)
    layer.data.foreach_set("uv", np.ascontiguousarray(head.uv.reshape(-1, 2)[corners], np.float32).ravel())
    mesh.update(calc_edges=True)
    if mesh.validate(verbose=False):
        bpy.data.meshes.remove(mesh)
        raise BundleInvalid("The head bundle's faces are not a consistent mesh; rebuild the bundle.")
    obj = bpy.data.objects.new(name, mesh)
    _add_shape_keys(obj, basis, head)
    return obj


def _add_faces(
    mesh: bpy.types.Mesh, vertices: NDArray[np.float32], quads: NDArray[np.int32], material: NDArray[np.uint8]
) -> None:
    """Fill an empty mesh with (V, 3) vertices and (F, 4) faces whose unused fourth corner is -1."""
    used = quads >= 0
    sizes = used.sum(1)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
    corner_vertices = np.ascontiguousarray(quads[used], np.int32)
    mesh.vertices.add(len(vertices))
    mesh.loops.add(len(corner_vertices))
    mesh.polygons.add(len(quads))
    mesh.vertices.foreach_set("co", vertices.ravel())
    mesh.loops.foreach_set("vertex_index", corner_vertices)
    mesh.polygons.foreach_set("loop_start", starts)
    mesh.polygons.foreach_set("material_index", material.astype(np.int32))
    mesh.shade_smooth()


def _add_shape_keys(obj: bpy.types.Object, basis: NDArray[np.float32], head: Head) -> None:
    """Basis and one relative key per blendshape, value 0, slider 0 to 1, names verbatim."""
    obj.shape_key_add(name=BASIS, from_mix=False)
    offsets = to_blender(head.blendshapes)
    for blendshape, offset in zip(head.blendshape_names, offsets, strict=True):
        key = obj.shape_key_add(name=blendshape, from_mix=False)
        key.points.foreach_set("co", (basis + offset).ravel())
        key.slider_min, key.slider_max, key.value = 0.0, 1.0, 0.0
    obj.data.shape_keys.name = obj.name
    # A key that is shown alone hides the others; artists expect to mix.
    obj.show_only_shape_key = False
    obj.active_shape_key_index = 0
