"""In the worker: read a written file into an empty Blender, and what it holds as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np
from numpy.typing import NDArray

from ..export import ExportFailed
from .presets import Preset
from .snapshot import Snapshot
from .stage import set_rate


class Found(NamedTuple):
    """What a file holds, in the scene's axes and metres.

    points (V', 3) at rest; channels E' names; offsets (E', V', 3); curves (n, E') over the snapshot's frames;
    posed (p, V', 3) on the probe frames, after shapes and bones; bones; textures: names of images with pixels.
    """

    points: NDArray[np.float64]
    channels: tuple[str, ...]
    offsets: NDArray[np.float32]
    curves: NDArray[np.float32]
    posed: NDArray[np.float32]
    bones: tuple[str, ...]
    textures: tuple[str, ...]


def probe_frames(snapshot: Snapshot) -> list[int]:
    """Frames on which the whole animated head is compared: the first, the middle and the last."""
    frames = snapshot.frames
    return sorted({int(frames[0]), int(frames[len(frames) // 2]), int(frames[-1])}) if snapshot.animated else []


def posed_points(head: bpy.types.Object, frames: list[int]) -> NDArray[np.float32]:
    """(p, V, 3) places in the scene on some frames, after shapes and bones."""
    result = np.empty((len(frames), len(head.data.vertices), 3), np.float32)
    for row, frame in enumerate(frames):
        bpy.context.scene.frame_set(frame)
        shown = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
        matrix = np.array(shown.matrix_world, np.float32)
        result[row] = _places(shown.data.vertices) @ matrix[:3, :3].T + matrix[:3, 3]
    return result


def read_back(preset: Preset, path: Path, snapshot: Snapshot) -> Found:
    """Import ``path`` into an empty file; the open one is lost. Raises ExportFailed where that is impossible."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    set_rate(scene, snapshot.fps)
    try:
        if preset.format == "FBX":
            bpy.ops.import_scene.fbx(filepath=str(path), anim_offset=0.0)
        elif preset.format == "GLTF":
            bpy.ops.import_scene.gltf(filepath=str(path))
        else:
            bpy.ops.wm.usd_import(filepath=str(path), import_textures_mode="IMPORT_PACK")
    except RuntimeError as error:
        raise ExportFailed(f"{path.name} was written, but cannot be read back: {str(error).strip()}") from error
    # glTF brings helper shapes for bones; the head is the largest mesh.
    meshes = [obj for obj in scene.objects if obj.type == "MESH"]
    if not meshes:
        raise ExportFailed(f"{path.name} was written, but holds no mesh.")
    head = max(meshes, key=lambda obj: len(obj.data.vertices))
    rig = next((obj for obj in scene.objects if obj.type == "ARMATURE"), None)
    return _found(head, rig, snapshot)


def _found(head: bpy.types.Object, rig: bpy.types.Object | None, snapshot: Snapshot) -> Found:
    scene = bpy.context.scene
    if snapshot.animated:
        scene.frame_set(int(snapshot.frames[0]))
    matrix = np.array(head.matrix_world, np.float64)
    blocks = [] if head.data.shape_keys is None else list(head.data.shape_keys.key_blocks)
    basis = _places(blocks[0].data if blocks else head.data.vertices)
    turn = matrix[:3, :3].T.astype(np.float32)
    curves = np.zeros((len(snapshot.frames), max(0, len(blocks) - 1)), np.float32)
    offsets = np.zeros((max(0, len(blocks) - 1), *basis.shape), np.float32)
    for k, key in enumerate(blocks[1:]):
        offsets[k] = (_places(key.data) - basis) @ turn
    for row, frame in enumerate(snapshot.frames):
        scene.frame_set(int(frame))
        curves[row] = [key.value for key in blocks[1:]]
    images = {
        node.image
        for slot in head.material_slots
        if slot.material is not None and slot.material.node_tree is not None
        for node in slot.material.node_tree.nodes
        if node.type == "TEX_IMAGE" and node.image is not None
    }
    return Found(
        basis @ matrix[:3, :3].T + matrix[:3, 3],
        tuple(key.name for key in blocks[1:]),
        offsets,
        curves,
        posed_points(head, probe_frames(snapshot)),
        () if rig is None else tuple(bone.name for bone in rig.data.bones),
        tuple(sorted(image.name for image in images if image.size[0] > 0)),
    )


def _places(items: bpy.types.bpy_prop_collection) -> NDArray[np.float32]:
    values = np.empty(3 * len(items), np.float32)
    items.foreach_get("co", values)
    return values.reshape(-1, 3)
