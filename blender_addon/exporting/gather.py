"""Read a head from the open file into a snapshot. Nothing of the file is changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np
from numpy.typing import NDArray

from ..backend_door import FaceError, OutputUnwritable
from ..heads import parts_of
from .sample import Range, still, take_motion
from .snapshot import Snapshot


class CannotExport(FaceError):
    """The head is not in a state that can be written."""


def gather(head: bpy.types.Object, scene: bpy.types.Scene, which: Range) -> Snapshot:
    """The head as it is now, with the animation of the frames that ``which`` names.

    Raises CannotExport where the head has lost its shape keys or its armature.
    """
    parts = parts_of(head)
    mesh = head.data
    if mesh.is_editmode:
        head.update_from_editmode()  # what is being edited reaches the mesh when asked for
    if mesh.shape_keys is None or len(mesh.shape_keys.key_blocks) < 2:
        raise CannotExport(f"{head.name} has no shape keys; rebuild the head first.")
    if parts.armature is None:
        raise CannotExport(f"{head.name} has lost its armature; rebuild the head first.")
    keys = mesh.shape_keys.key_blocks[1:]
    basis, offsets = _shapes(head)
    motion = take_motion(parts, scene, which)
    present = still(parts)
    world = np.array(parts.armature.matrix_world, np.float32)
    groups, weights = _weights(head)
    return Snapshot(
        name=head.name,
        armature=parts.armature.name,
        basis=basis,
        offsets=offsets,
        channels=tuple(key.name for key in keys),
        values=present.channels[0],
        ranges=np.array([(key.slider_min, key.slider_max) for key in keys], np.float32),
        face_sizes=_read(mesh.polygons, "loop_total", np.int32),
        corner_vertices=_read(mesh.loops, "vertex_index", np.int32),
        face_materials=_read(mesh.polygons, "material_index", np.int32),
        face_smooth=_read(mesh.polygons, "use_smooth", bool),
        uv_names=tuple(layer.name for layer in mesh.uv_layers),
        uvs=np.array([_read(layer.data, "uv", np.float32, 2) for layer in mesh.uv_layers]).reshape(
            -1, len(mesh.loops), 2
        ),
        group_names=groups,
        weights=weights,
        materials=tuple("" if slot.material is None else slot.material.name for slot in head.material_slots),
        local=np.array(parts.armature.matrix_world.inverted_safe() @ head.matrix_world, np.float32),
        world=world,
        bones=tuple(bone.name for bone in parts.armature.data.bones),
        pose=present.bones[0],
        fps=scene.render.fps / scene.render.fps_base,
        frames=motion.frames,
        curves=motion.channels,
        bone_curves=motion.bones,
        world_curve=motion.world,
    )


class Library(NamedTuple):
    """Names in a written library: the armature's, and each material's by its own name."""

    armature: str
    materials: dict[str, str]


def write_library(head: bpy.types.Object, path: Path) -> Library:
    """Write the head's materials, with their images, and its armature into a .blend file.

    Images that were painted on and not saved are written beside it as they look now, each with its name in a file
    of its own, for ``stage.load_painted``. What is linked from another file would be written as a mere reference,
    so a copy is written in its place. Raises OutputUnwritable.
    """
    armature = parts_of(head).armature.data
    materials = {slot.material for slot in head.material_slots if slot.material is not None}
    copies = {}
    try:
        copies = {block: block.copy() for block in (*materials, armature) if block.library is not None}
        written = {block: copies.get(block, block) for block in (*materials, armature)}
        bpy.data.libraries.write(
            str(path), set(written.values()), path_remap="ABSOLUTE", fake_user=True, compress=False
        )
        names = Library(written[armature].name, {block.name: written[block].name for block in materials})
        for number, image in enumerate(_painted(materials)):
            _save_copy(image, path.parent / f"painted_{number}.png")
            (path.parent / f"painted_{number}.txt").write_text(image.name, encoding="utf-8")
    except (OSError, RuntimeError) as error:
        raise OutputUnwritable(f"The head could not be prepared for export: {str(error).strip()}") from error
    finally:
        bpy.data.batch_remove(list(copies.values()))
    return names


def left_out(head: bpy.types.Object) -> list[str]:
    """Names of the head's modifiers that do not reach the file (all but its armature)."""
    return [modifier.name for modifier in head.modifiers if modifier.type != "ARMATURE" and modifier.show_viewport]


def _painted(materials: Iterable[bpy.types.Material]) -> list[bpy.types.Image]:
    """Images in the materials' own nodes whose pixels were changed and not yet packed or saved."""
    images = {
        node.image.name: node.image
        for material in materials
        if material.node_tree is not None
        for node in material.node_tree.nodes
        if node.type == "TEX_IMAGE" and node.image is not None and node.image.is_dirty
    }
    return [images[name] for name in sorted(images)]


def _save_copy(image: bpy.types.Image, path: Path) -> None:
    """Write an image's pixels as PNG; the image itself stays unsaved, as it is."""
    copy = bpy.data.images.new("Facewright export", *image.size, alpha=True)
    try:
        copy.colorspace_settings.name = image.colorspace_settings.name
        pixels = np.ones((image.size[0] * image.size[1], 4), np.float32)
        own = np.empty(len(image.pixels), np.float32)
        image.pixels.foreach_get(own)
        pixels[:, : image.channels] = own.reshape(len(pixels), image.channels)
        copy.pixels.foreach_set(pixels.ravel())
        copy.file_format = "PNG"
        copy.filepath_raw = str(path)
        copy.save()
    finally:
        bpy.data.images.remove(copy)


def _shapes(head: bpy.types.Object) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Basis (V, 3), and what each key adds (E, V, 3): relative to its own base key, times its vertex group."""
    blocks = head.data.shape_keys.key_blocks
    places = {key.name: _read(key.data, "co", np.float32, 3) for key in blocks}
    offsets = np.stack([places[key.name] - places[key.relative_key.name] for key in blocks[1:]])
    for offset, key in zip(offsets, blocks[1:], strict=True):
        if key.vertex_group:
            offset *= _group_weights(head, key.vertex_group)[:, None]
    return places[blocks[0].name], offsets


def _weights(head: bpy.types.Object) -> tuple[tuple[str, ...], NDArray[np.float32]]:
    """Names of the vertex groups and their weights (G, V)."""
    names = tuple(group.name for group in head.vertex_groups)
    weights = np.zeros((len(names), len(head.data.vertices)), np.float32)
    for vertex in head.data.vertices:
        for entry in vertex.groups:
            weights[entry.group, vertex.index] = entry.weight
    return names, weights


def _group_weights(head: bpy.types.Object, name: str) -> NDArray[np.float32]:
    names, weights = _weights(head)
    if name not in names:
        return np.ones(len(head.data.vertices), np.float32)
    result: NDArray[np.float32] = weights[names.index(name)]
    return result


def _read(items: bpy.types.bpy_prop_collection, name: str, kind: type, width: int = 1) -> NDArray:
    """An attribute of every item: (n,) or (n, width)."""
    values = np.empty(len(items) * width, kind)
    items.foreach_get(name, values)
    return values if width == 1 else values.reshape(-1, width)


