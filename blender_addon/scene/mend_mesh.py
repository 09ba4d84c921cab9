"""Puts back what is missing of a head's mesh: blendshapes, UV map, vertex groups, materials and their images.

What is there stays as the person made it: a sculpted Basis carries the blendshapes that come back, the artist's own
materials keep their slots.
"""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

from ..backend_door import ARKIT_NAMES, FaceError
from .bundle_source import BundleSource
from .coordinates import to_blender
from .detail_images import shows_detail
from .materials import MATERIAL, SURFACES, build_materials, load_texture
from .mesh import BASIS, UV_LAYER
from .resize import animation_curves

MATERIALS = (*SURFACES, "cornea")


class TopologyChanged(FaceError):
    """The mesh has other vertices or faces than the head that it was."""


def mend_keys(obj: bpy.types.Object, source: BundleSource) -> tuple[bool, int]:
    """Bring back the Basis and missing blendshapes: whether, and how many. Raises TopologyChanged, BundleGone."""
    keys = obj.data.shape_keys
    present = [] if keys is None else [key.name for key in keys.key_blocks]
    missing = [name for name in ARKIT_NAMES if name not in present[1:]]
    if not missing:
        return False, 0
    head = source.head
    _require_topology(obj, source)
    offsets = dict(zip(head.blendshape_names, to_blender(head.blendshapes), strict=True))
    missing = [name for name in head.blendshape_names if name not in present[1:]]
    moved: list[str] = []
    active = obj.active_shape_key.name if obj.active_shape_key is not None else BASIS
    values = {} if keys is None else {key.name: key.value for key in keys.key_blocks[1:]}
    lost_basis = bool(present) and present[0] in offsets
    if lost_basis:
        # The Basis was deleted, and Blender took the first blendshape for it: take its offset off again.
        _bring_back_basis(obj, offsets[present[0]])
        missing.remove(present[0])
        moved = [present[0]]
    elif not present:
        obj.shape_key_add(name=BASIS, from_mix=False)
    blocks = obj.data.shape_keys.key_blocks
    basis = _points(blocks[0])
    for name in missing:
        key = obj.shape_key_add(name=name, from_mix=False)
        key.points.foreach_set("co", (basis + offsets[name]).ravel())
        key.slider_min, key.slider_max, key.value = 0.0, 1.0, values.get(name, 0.0)
        key.relative_key = blocks[0]
    if present:
        _sort_keys(obj, [BASIS, *head.blendshape_names], [*moved, *missing])
    obj.active_shape_key_index = max(obj.data.shape_keys.key_blocks.find(active), 0)
    obj.data.update()
    return lost_basis, len(missing)


def mend_uv(obj: bpy.types.Object, source: BundleSource) -> bool:
    """Bring back the UV map of a mesh that has none; whether that was needed."""
    mesh = obj.data
    if len(mesh.uv_layers):
        return False
    _require_topology(obj, source)
    head = source.head
    layer = mesh.uv_layers.new(name=UV_LAYER, do_init=False)
    used = head.quads.ravel() >= 0
    layer.data.foreach_set("uv", np.ascontiguousarray(head.uv.reshape(-1, 2)[used], np.float32).ravel())
    return True


def mend_groups(obj: bpy.types.Object, armature: bpy.types.Object, source: BundleSource) -> int:
    """Bring back missing vertex groups of the armature's bones; how many."""
    bones = [bone.name for bone in armature.data.bones if bone.use_deform]
    missing = [name for name in bones if name not in obj.vertex_groups]
    if not missing:
        return 0
    weights = {name: weight for name, weight in source.skinning.weights.items() if name in missing}
    if not weights:  # bones of the artist's own
        return 0
    _require_topology(obj, source)
    add_groups(obj, weights)
    return len(weights)


def mend_materials(obj: bpy.types.Object, source: BundleSource) -> int:
    """Bring back materials that faces have lost; how many. Materials that the artist put in their place stay."""
    slots = obj.data.materials
    if len(slots) >= len(MATERIALS) and None not in list(slots):
        return 0
    _require_topology(obj, source)
    head = source.head
    index = np.empty(len(obj.data.polygons), np.int32)
    obj.data.polygons.foreach_get("material_index", index)
    made = 0
    for number, name in enumerate(head.material_names):
        faces = head.material == number
        slot = int(np.bincount(index[faces]).argmax()) if faces.any() else len(slots)
        there = slots[slot] if slot < len(slots) else None
        if there is not None and there.get(MATERIAL, name) == name:
            continue
        (material,) = build_materials(head._replace(material_names=(name,)), obj.name)
        made += 1
        if slot < len(slots) and there is None:
            slots[slot] = material
        else:  # the slot was removed, and Blender gave its faces to a neighbour
            slots.append(material)
            index[faces] = len(slots) - 1
    obj.data.polygons.foreach_set("material_index", index)
    obj.data.update()
    return made


def mend_images(obj: bpy.types.Object, source: BundleSource) -> int:
    """Load the images that texture nodes of the head's own materials have lost; how many."""
    mended = 0
    for material in obj.data.materials:
        slot = None if material is None else material.get(MATERIAL)
        if slot is None or material.node_tree is None or not material.is_editable:
            continue
        empty = [
            node for node in material.node_tree.nodes
            if node.type == "TEX_IMAGE" and _is_empty(node.image) and not shows_detail(node)
        ]  # fmt: skip
        if not empty or slot not in texture_files(source):
            continue
        path = texture_files(source)[slot]
        image = load_texture(path, f"{obj.name}_{path.stem}")
        for node in empty:
            node.image = image
        mended += 1
    return mended


def texture_files(source: BundleSource) -> dict[str, Path]:
    """Image file by name of material. Raises BundleGone, BundleInvalid."""
    head = source.head
    return {"skin": head.albedo, "eye": head.iris, "teeth": head.teeth, "mouth": head.mouth}


def add_groups(obj: bpy.types.Object, weights: dict[str, NDArray[np.float32]]) -> None:
    """Vertex groups with these weights (V,), by name."""
    for name, weight in weights.items():
        group = obj.vertex_groups.new(name=name)
        for value in np.unique(weight[weight > 0.0]).tolist():
            group.add(np.flatnonzero(weight == np.float32(value)).tolist(), value, "REPLACE")


def same_topology(obj: bpy.types.Object, source: BundleSource) -> bool:
    """Whether the mesh has the vertices and faces of its bundle."""
    mesh, head = obj.data, source.head
    if len(mesh.vertices) != len(head.neutral) or len(mesh.polygons) != len(head.quads):
        return False
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    return np.array_equal(corners, head.quads[head.quads >= 0])


def _require_topology(obj: bpy.types.Object, source: BundleSource) -> None:
    if not same_topology(obj, source):
        raise TopologyChanged(
            f"The mesh of {obj.name} has other vertices or faces than it was made with, so what was deleted of it "
            "cannot be put back."
        )


def _bring_back_basis(obj: bpy.types.Object, offset: NDArray[np.float32]) -> None:
    """The first key, which Blender made the basis, becomes the Basis again, and its blendshape the last key.

    Blender 5 moves nothing above the first key, so the two swap what they hold, and their names.
    """
    keys = obj.data.shape_keys
    first = keys.key_blocks[0]
    name, points = first.name, _points(first)
    again = obj.shape_key_add(name=f"{name} again", from_mix=False)
    again.points.foreach_set("co", points.ravel())
    for setting in ("slider_min", "slider_max", "value", "mute", "interpolation", "vertex_group"):
        setattr(again, setting, getattr(first, setting))
    again.relative_key = first
    basis = points - offset
    first.points.foreach_set("co", basis.ravel())
    obj.data.vertices.foreach_set("co", basis.ravel())
    first.name = BASIS  # whatever animated or read the blendshape follows this name, and must not
    again.name = name
    _redirect(keys, f'key_blocks["{BASIS}"]', f'key_blocks["{name}"]')


def _redirect(keys: bpy.types.Key, old: str, new: str) -> None:
    """Let curves of the keys, and drivers that read from them, mean another key."""
    data = keys.animation_data
    if data is not None:
        for curve in (*animation_curves(keys), *data.drivers):
            curve.data_path = curve.data_path.replace(old, new, 1)
    for user in bpy.data.user_map(subset={keys})[keys] | {keys}:
        owners = (user, getattr(user, "node_tree", None))
        for owner in (owner for owner in owners if owner is not None and owner.animation_data is not None):
            for curve in owner.animation_data.drivers:
                for target in (target for variable in curve.driver.variables for target in variable.targets):
                    if target.id == keys:
                        target.data_path = target.data_path.replace(old, new, 1)


def _sort_keys(obj: bpy.types.Object, order: list[str], added: list[str]) -> None:
    """Move the added blendshapes, which stand behind the others, to where they were."""
    blocks = obj.data.shape_keys.key_blocks
    for name in sorted(added, key=order.index):  # those before it are in their place then
        before = set(order[: order.index(name)])
        place = blocks.find(name)
        goal = 1 + max((number for number, key in enumerate(blocks) if key.name in before), default=0)
        obj.active_shape_key_index = place
        for _ in range(place - goal):
            _move_active(obj, "UP")


def _move_active(obj: bpy.types.Object, way: str) -> None:
    with bpy.context.temp_override(object=obj, active_object=obj):
        bpy.ops.object.shape_key_move(type=way)


def _points(key: bpy.types.ShapeKey) -> NDArray[np.float32]:
    points = np.empty(len(key.points) * 3, np.float32)
    key.points.foreach_get("co", points)
    return points.reshape(-1, 3)


def _is_empty(image: bpy.types.Image | None) -> bool:
    """Whether a texture node shows nothing: no image, or one whose file is gone and that was never packed."""
    return image is None or (image.source == "FILE" and image.packed_file is None and image.size[0] == 0)
