"""In the worker: a snapshot becomes objects in an empty file, with materials that other programs understand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import NDArray

from ..scene.curves import ensure_fcurve, set_keys
from ..scene.materials import export_cornea, node_tree, principled
from .snapshot import STILL, Snapshot, with_curve

TEXTURE_WORDS = {"skin": "albedo", "eye": "eye", "teeth": "teeth", "mouth": "mouth"}
IMAGE_SUFFIXES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg"}


class Staged(NamedTuple):
    """The objects to write, and the texture files that were written beside the file."""

    head: bpy.types.Object
    armature: bpy.types.Object
    textures: list[Path]


def stage(snapshot: Snapshot, library: Path, armature: str, textures: Path, rename_armature: str | None) -> Staged:
    """Build the head of a snapshot into the open, empty file.

    ``library`` holds its materials and the armature's data, called ``armature``; ``textures`` is the folder for
    its texture files, made here.
    """
    with bpy.data.libraries.load(str(library)) as (source, wanted):
        wanted.materials, wanted.armatures = source.materials, [armature]
    load_painted(library.parent)
    scene = bpy.context.scene
    set_rate(scene, snapshot.fps)
    rig = bpy.data.objects.new(rename_armature or snapshot.armature, bpy.data.armatures[armature])
    head = _mesh(snapshot)
    for obj in (rig, head):
        scene.collection.objects.link(obj)
    _bind(snapshot, head, rig)
    bpy.context.view_layer.update()  # bones can be posed from here on
    _pose(snapshot, head, rig)
    if snapshot.animated:
        scene.frame_start, scene.frame_end = int(snapshot.frames[0]), int(snapshot.frames[-1])
        _animate(snapshot, head, rig)
        scene.frame_set(scene.frame_start)
    textures.mkdir()
    written = list(_textures(head, bpy.path.clean_name(snapshot.name), textures))
    rig.select_set(True)
    head.select_set(True)
    bpy.context.view_layer.objects.active = rig
    return Staged(head, rig, written)


def set_rate(scene: bpy.types.Scene, fps: float) -> None:
    """Give a scene its frames per second; 29.97 is 30 by a base of 1.001."""
    scene.render.fps = max(1, round(fps))
    scene.render.fps_base = scene.render.fps / fps


def load_painted(folder: Path) -> None:
    """Put images that were painted on and not saved in the place of their older selves."""
    for note in sorted(folder.glob("painted_*.txt")):
        image = bpy.data.images.get(note.read_text(encoding="utf-8"))
        if image is not None:
            fresh = bpy.data.images.load(str(note.with_suffix(".png")))
            fresh.colorspace_settings.name = image.colorspace_settings.name
            image.user_remap(fresh)


def _mesh(snapshot: Snapshot) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(snapshot.name)
    mesh.vertices.add(len(snapshot.basis))
    mesh.loops.add(len(snapshot.corner_vertices))
    mesh.polygons.add(len(snapshot.face_sizes))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(snapshot.basis).ravel())
    mesh.loops.foreach_set("vertex_index", snapshot.corner_vertices)
    mesh.polygons.foreach_set("loop_start", np.cumsum([0, *snapshot.face_sizes[:-1]]).astype(np.int32))
    mesh.polygons.foreach_set("material_index", snapshot.face_materials)
    mesh.polygons.foreach_set("use_smooth", snapshot.face_smooth)
    for name, uv in zip(snapshot.uv_names, snapshot.uvs, strict=True):
        mesh.uv_layers.new(name=name, do_init=False).data.foreach_set("uv", np.ascontiguousarray(uv).ravel())
    mesh.update(calc_edges=True)
    for name in snapshot.materials:
        mesh.materials.append(bpy.data.materials[name] if name else None)
    head = bpy.data.objects.new(snapshot.name, mesh)
    head.shape_key_add(name="Basis", from_mix=False)
    for name, offset, (low, high) in zip(snapshot.channels, snapshot.offsets, snapshot.ranges, strict=True):
        key = head.shape_key_add(name=name, from_mix=False)
        key.data.foreach_set("co", (snapshot.basis + offset).ravel())
        key.slider_min, key.slider_max = float(low), float(high)
    return head


def _bind(snapshot: Snapshot, head: bpy.types.Object, rig: bpy.types.Object) -> None:
    """Vertex groups, parent and the one modifier."""
    for name, weight in zip(snapshot.group_names, snapshot.weights, strict=True):
        group = head.vertex_groups.new(name=name)
        values, inverse = np.unique(weight, return_inverse=True)
        runs = np.split(np.argsort(inverse, kind="stable"), np.cumsum(np.bincount(inverse))[:-1])
        for value, vertices in zip(values.tolist(), runs, strict=True):
            if value > 0.0:
                group.add(vertices.tolist(), value, "REPLACE")
    head.parent = rig
    head.modifiers.new("Armature", "ARMATURE").object = rig


def _pose(snapshot: Snapshot, head: bpy.types.Object, rig: bpy.types.Object) -> None:
    """Everything as it stands at the present frame."""
    rig.matrix_world = Matrix(snapshot.world.tolist())
    head.matrix_local = Matrix(snapshot.local.tolist())
    for name, matrix in zip(snapshot.bones, snapshot.pose, strict=True):
        rig.pose.bones[name].rotation_mode = "QUATERNION"
        rig.pose.bones[name].matrix_basis = Matrix(matrix.tolist())
    for key, value in zip(head.data.shape_keys.key_blocks[1:], snapshot.values, strict=True):
        key.value = float(value)


def _animate(snapshot: Snapshot, head: bpy.types.Object, rig: bpy.types.Object) -> None:
    """One key a frame on whatever moves, and on channels that are held; what stands still keeps its first value."""
    keys = head.data.shape_keys
    curved = with_curve(snapshot.curves)
    for key, values, needed in zip(keys.key_blocks[1:], snapshot.curves.T, curved, strict=True):
        key.value = float(values[0])
        if needed:
            set_keys(ensure_fcurve(keys, key.path_from_id("value")), snapshot.frames, values, "LINEAR")
    rig.rotation_mode = "QUATERNION"
    _animate_matrix(rig, "", rig, snapshot.frames, snapshot.world_curve)
    for name, matrices in zip(snapshot.bones, snapshot.bone_curves.transpose(1, 0, 2, 3), strict=True):
        bone = rig.pose.bones[name]
        _animate_matrix(rig, bone.path_from_id() + ".", bone, snapshot.frames, matrices)


def _animate_matrix(
    owner: bpy.types.Object,
    path: str,
    target: bpy.types.Object | bpy.types.PoseBone,
    frames: NDArray[np.int32],
    matrices: NDArray[np.floating],
) -> None:
    """Location, rotation and scale of an object or bone from (n, 4, 4) matrices."""
    parts = [Matrix(matrix.tolist()).decompose() for matrix in matrices]
    for (_, turn, _), (_, before, _) in zip(parts[1:], parts, strict=False):
        turn.make_compatible(before)  # the same rotation, by the shorter way
    for name, column in (("location", 0), ("rotation_quaternion", 1), ("scale", 2)):
        values = np.array([tuple(part[column]) for part in parts])
        setattr(target, name, values[0].tolist())
        if np.ptp(values, axis=0).max() > STILL:
            for index, curve in enumerate(values.T):
                set_keys(ensure_fcurve(owner, path + name, index), frames, curve, "LINEAR")


def _textures(head: bpy.types.Object, stem: str, folder: Path) -> Iterator[Path]:
    """Write the image of every material into ``folder``, and let our own materials be what exporters know."""
    for slot in head.material_slots:
        material = slot.material
        if material is None:
            continue
        kind = material.get("facewright_material", "")
        if kind == "cornea":
            export_cornea(material)
            continue
        node = colour_node(material)
        if node is None:
            continue
        image = node.image
        name = f"{stem}_{TEXTURE_WORDS[kind]}" if kind in TEXTURE_WORDS else bpy.path.clean_name(material.name)
        file = _write_image(image, folder / name)
        if file is None:
            continue
        yield file
        fresh = bpy.data.images.load(str(file))
        fresh.name = file.stem
        fresh.colorspace_settings.name = image.colorspace_settings.name
        if kind in TEXTURE_WORDS:
            _plain(material, fresh)
        else:
            node.image = fresh


def colour_node(material: bpy.types.Material) -> bpy.types.Node | None:
    """The image node that feeds the material's Base Color, through whatever lies between; else its only one."""
    tree = material.node_tree
    if tree is None:
        return None
    shader = next((node for node in tree.nodes if node.type == "BSDF_PRINCIPLED"), None)
    waiting = [] if shader is None else [link.from_node for link in shader.inputs["Base Color"].links]
    seen = set()
    while waiting:
        node = waiting.pop(0)
        if node.name in seen:
            continue
        seen.add(node.name)
        if node.type == "TEX_IMAGE" and node.image is not None:
            return node
        waiting.extend(link.from_node for socket in node.inputs for link in socket.links)
    images = [node for node in tree.nodes if node.type == "TEX_IMAGE" and node.image is not None]
    return images[0] if len(images) == 1 else None


def _plain(material: bpy.types.Material, image: bpy.types.Image) -> None:
    """The same surface with nothing but the image: what FBX, glTF and USD can say."""
    old = next((node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED"), None)
    roughness = 0.5 if old is None else old.inputs["Roughness"].default_value
    tree = node_tree(material)
    shader = principled(tree, Roughness=roughness)
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image, texture.extension, texture.location = image, "EXTEND", (-340, 0)
    tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])


def _write_image(image: bpy.types.Image, path: Path) -> Path | None:
    """Write an image under ``path`` with its suffix: its own bytes where they are a PNG or JPEG, else as PNG."""
    content = b""
    if image.packed_file is not None:
        content = image.packed_file.data
    elif image.source == "FILE" and Path(bpy.path.abspath(image.filepath)).is_file():
        content = Path(bpy.path.abspath(image.filepath)).read_bytes()
    for magic, suffix in IMAGE_SUFFIXES.items():
        if content.startswith(magic):
            file = path.with_suffix(suffix)
            file.write_bytes(content)
            return file
    if image.size[0] == 0:  # its file is gone
        return None
    file = path.with_suffix(".png")
    image.file_format = "PNG"
    image.save(filepath=str(file))
    return file
