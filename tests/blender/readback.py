"""What Blender's objects hold, as arrays, and their position in other programs' files after re-import."""

from __future__ import annotations

import bpy
import numpy as np

from blender_addon.scene.build import HeadObjects


def positions(obj: bpy.types.Object) -> np.ndarray:
    """(V, 3) float32 vertex positions of the mesh itself."""
    out = np.empty(len(obj.data.vertices) * 3, np.float32)
    obj.data.vertices.foreach_get("co", out)
    return out.reshape(-1, 3)


def key_positions(key: bpy.types.ShapeKey) -> np.ndarray:
    """(V, 3) float32 positions of a shape key."""
    out = np.empty(len(key.data) * 3, np.float32)
    key.data.foreach_get("co", out)
    return out.reshape(-1, 3)


def key_offsets(obj: bpy.types.Object) -> dict[str, np.ndarray]:
    """Offsets (V, 3) of every shape key but the basis, in world axes and units."""
    keys = obj.data.shape_keys.key_blocks
    basis = key_positions(keys[0])
    turn = np.array(obj.matrix_world.to_3x3(), np.float32)
    return {key.name: (key_positions(key) - basis) @ turn.T for key in keys[1:]}


def evaluated(obj: bpy.types.Object) -> np.ndarray:
    """(V, 3) world positions after shape keys and modifiers."""
    graph = bpy.context.evaluated_depsgraph_get()
    graph.update()
    shown = obj.evaluated_get(graph)
    mesh = shown.to_mesh()
    out = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", out)
    shown.to_mesh_clear()
    matrix = np.array(obj.matrix_world, np.float64)
    return out.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3]


def animate(objects: HeadObjects) -> dict[str, list[tuple[int, float]]]:
    """Key two shapes and the jaw bone over frames 1 to 11; the keyed values by shape name."""
    curves = {"jawOpen": [(1, 0.0), (6, 0.8), (11, 0.1)], "eyeBlinkLeft": [(1, 0.0), (4, 1.0), (11, 0.0)]}
    for name, frames in curves.items():
        key = objects.head.data.shape_keys.key_blocks[name]
        for frame, value in frames:
            key.value = value
            key.keyframe_insert("value", frame=frame)
        key.value = 0.0
    bone = objects.armature.pose.bones["jaw"]
    for frame, angle in ((1, 0.0), (11, 0.3)):
        bone.rotation_euler = (angle, 0.0, 0.0)
        bone.keyframe_insert("rotation_euler", frame=frame)
    bone.rotation_euler = (0.0, 0.0, 0.0)
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 11
    return curves


def shape_values(obj: bpy.types.Object, name: str, frames: range) -> list[float]:
    """Value of a shape key on each frame."""
    values = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        values.append(obj.data.shape_keys.key_blocks[name].value)
    return values


def only_mesh() -> bpy.types.Object:
    """The one mesh object of the open file (glTF import brings its own helper shapes for bones)."""
    found = [o for o in bpy.context.scene.objects if o.type == "MESH" and o.data.shape_keys]
    assert len(found) == 1, [o.name for o in found]
    return found[0]


def only_armature() -> bpy.types.Object:
    """The one armature object of the open file."""
    (found,) = (o for o in bpy.context.scene.objects if o.type == "ARMATURE")
    return found
