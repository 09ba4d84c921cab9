"""Files for other programs: .blend, FBX and glTF with 52 named channels, textures, armature and animation."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from .backend_door import FaceError, OutputUnwritable
from .scene.build import HeadObjects
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

    ``use_mesh_modifiers`` stays off: with any modifier it would drop all shape keys without a word.

    The numbers of the objects in the file come from Python's string hashes: two runs write the same bytes where
    the environment gives them the same PYTHONHASHSEED and folders of equally long names.
    """

    def write(name: str) -> None:
        bpy.ops.export_scene.fbx(
            filepath=name, check_existing=False, use_selection=True, object_types={"ARMATURE", "MESH"},
            global_scale=1.0, apply_unit_scale=True, apply_scale_options="FBX_SCALE_UNITS",
            axis_forward="-Z", axis_up="Y", use_mesh_modifiers=False, mesh_smooth_type="OFF",
            add_leaf_bones=False, primary_bone_axis="Y", secondary_bone_axis="X", armature_nodetype="NULL",
            bake_anim=is_animated(objects), bake_anim_use_all_actions=False, bake_anim_use_nla_strips=False,
            bake_anim_simplify_factor=0.0, path_mode="COPY", embed_textures=True, colors_type="NONE",
        )  # fmt: skip
        _clean_fbx(Path(name))

    with _selected(objects), _export_materials(objects):
        _write(path, write)


def export_glb(path: Path, objects: HeadObjects) -> None:
    """Write head and armature as binary glTF: morph targets with normals, skin, textures, animation."""

    def write(name: str) -> None:
        bpy.ops.export_scene.gltf(
            filepath=name, check_existing=False, use_selection=True, export_format="GLB", export_yup=True,
            export_apply=False, export_skins=True, export_morph=True, export_morph_normal=True,
            export_morph_tangent=False, export_animations=is_animated(objects), export_morph_animation=True,
            export_animation_mode="ACTIVE_ACTIONS", export_vertex_color="NONE", export_extras=False,
            export_cameras=False, export_lights=False, export_image_format="AUTO",
        )  # fmt: skip

    with _selected(objects), _export_materials(objects):
        _write(path, write)


def is_animated(objects: HeadObjects) -> bool:
    """Whether the head's shape keys or bones carry an action, a driver or a strip to export."""
    owners = (objects.head.data.shape_keys, objects.head, objects.armature)
    data = [owner.animation_data for owner in owners if owner.animation_data is not None]
    return any(entry.action is not None or len(entry.drivers) or len(entry.nla_tracks) for entry in data)


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


def _clean_fbx(path: Path) -> None:
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
    """Put a plain, almost clear material in the cornea's slot: neither format knows our shader."""
    slots = objects.head.data.materials
    replaced = []
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
        for index, material, stand_in, name in replaced:
            slots[index] = material
            bpy.data.materials.remove(stand_in)
            material.name = name
