"""Files straight from a scene of our own making: .blend, FBX and glTF, for ``python -m blender_addon``.

What the panel writes goes through ``exporting``, which leaves the person's scene alone and checks the file.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from .backend_door import FaceError, OutputUnwritable
from .exporting.presets import FBX_OPTIONS, GLTF_OPTIONS
from .scene.build import HeadObjects
from .scene.detail_material import insert_blood_flow, remove_blood_flow
from .scene.materials import export_cornea


class ExportFailed(FaceError):
    """Blender did not write the file."""


def save_blend(path: Path) -> None:
    """Save the whole file, compressed; images are packed in it. The open file keeps its own name."""

    def write(name: str) -> None:
        bpy.ops.wm.save_as_mainfile(
            filepath=name, compress=True, copy=True, check_existing=False, relative_remap=False
        )

    _write(path, write)


def export_fbx(path: Path, objects: HeadObjects) -> None:
    """Write head and armature as binary FBX, textures embedded, one Blender unit (1 m) as one metre.

    The numbers of the objects in the file come from Python's string hashes: two runs write the same bytes where
    the environment gives them the same PYTHONHASHSEED and folders of equally long names.
    """

    def write(name: str) -> None:
        bpy.ops.export_scene.fbx(filepath=name, bake_anim=is_animated(objects), **FBX_OPTIONS)
        clean_fbx(Path(name))

    with _selected(objects), _export_materials(objects):
        _write(path, write)


def export_glb(path: Path, objects: HeadObjects) -> None:
    """Write head and armature as binary glTF: morph targets with normals, skin, textures, animation."""

    def write(name: str) -> None:
        bpy.ops.export_scene.gltf(filepath=name, export_animations=is_animated(objects), **GLTF_OPTIONS)

    with _selected(objects), _export_materials(objects):
        _write(path, write)


def is_animated(objects: HeadObjects) -> bool:
    """Whether the head's shape keys or bones carry an action, a driver or a strip to export.

    Drivers of modifiers, such as those of dynamic detail, move nothing that a file holds.
    """
    owners = (objects.head.data.shape_keys, objects.head, objects.armature)
    data = [owner.animation_data for owner in owners if owner.animation_data is not None]
    return any(
        entry.action is not None
        or len(entry.nla_tracks)
        or any(not curve.data_path.startswith("modifiers[") for curve in entry.drivers)
        for entry in data
    )


def _write(path: Path, write: Callable[[str], None]) -> None:
    """Let Blender write a file of this name into a folder of its own beside ``path``, then move it there whole.

    Raises OutputUnwritable (folder missing, read-only, disk full), ExportFailed (nothing usable was written).
    """
    path = path.absolute()
    try:
        with tempfile.TemporaryDirectory(prefix=".facewright-", dir=path.parent) as folder:
            made = Path(folder) / path.name
            write(str(made))
            if not made.is_file() or made.stat().st_size == 0:
                raise ExportFailed(f"Blender did not write {path.name}; is the disk full?")
            made.replace(path)
    except RuntimeError as error:  # how Blender's operators report
        raise ExportFailed(f"Blender could not write {path.name}: {str(error).strip()}") from error
    except OSError as error:
        raise OutputUnwritable(f"{path} cannot be written: {error.strerror}.") from error


def clean_fbx(path: Path) -> None:
    """Take out of a fresh FBX file what says where and when it was made; every byte keeps its place.

    The textures' absolute paths become relative ones by "./././" in place of the folder. The header's
    CreationTimeStamp gets the date that the exporter gives all its other dates, 1970-01-01.
    """
    content = path.read_bytes()
    folder = (str(path.parent) + os.sep).encode()
    here = ("." + os.sep).encode()
    content = content.replace(folder, here * (len(folder) // 2) + here[1:] * (len(folder) % 2))
    stamp = content.index(b"CreationTimeStamp")
    fixed = {"Year": 1970, "Month": 1, "Day": 1, "Hour": 0, "Minute": 0, "Second": 0, "Millisecond": 0}
    changed = bytearray(content)
    for name, value in fixed.items():
        # Each is a node: length of the name, the name, then one property: "I" and a 32-bit integer.
        node = bytes([len(name)]) + name.encode() + b"I"
        start = content.index(node, stamp) + len(node)
        changed[start : start + 4] = value.to_bytes(4, "little")
    path.write_bytes(changed)


@contextmanager
def _selected(objects: HeadObjects) -> Iterator[None]:
    """Select exactly head and armature, with the selection, active object and frame put back afterwards."""
    layer = bpy.context.view_layer
    before, active = [obj for obj in layer.objects if obj.select_get()], layer.objects.active
    frame = bpy.context.scene.frame_current
    for obj in before:
        obj.select_set(False)
    wanted = (objects.head, objects.armature)
    for obj in wanted:
        obj.select_set(True)
    layer.objects.active = objects.armature
    try:
        yield
    finally:
        for obj in wanted:
            obj.select_set(False)
        for obj in before:
            obj.select_set(True)
        layer.objects.active = active
        bpy.context.scene.frame_set(frame)


@contextmanager
def _export_materials(objects: HeadObjects) -> Iterator[None]:
    """Put a plain, almost clear material in the cornea's slot, and the skin's texture straight on its shader.

    Neither format knows more than that.
    """
    slots = objects.head.data.materials
    replaced = []
    flowing = [
        material.node_tree
        for material in slots
        if material is not None and material.node_tree is not None and remove_blood_flow(material.node_tree)
    ]
    for index, material in enumerate(slots):
        if material is not None and material.get("facewright_material") == "cornea":
            name = material.name
            material.name = name + "_scene"
            stand_in = bpy.data.materials.new(name)
            export_cornea(stand_in)
            slots[index] = stand_in
            replaced.append((index, material, stand_in, name))
    try:
        yield
    finally:
        for tree in flowing:
            insert_blood_flow(tree)
        for index, material, stand_in, name in replaced:
            slots[index] = material
            bpy.data.materials.remove(stand_in)
            material.name = name
