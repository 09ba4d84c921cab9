"""A head's dynamic detail in Blender: masks on its mesh, the modifier that turns an expression into factors of the
detail's maps, drivers from the shape keys to it, and the maps in the skin's material.

Everything works without the extension and with scripts disabled: drivers only pass a value on, and what is computed
is computed by nodes.
"""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ..backend_door import ARKIT_NAMES, FaceError, Head, HeadDetail
from ..detail_nodes import attributes
from ..detail_nodes.controls import MODIFIER_NAME, SIZE, detail_modifier, input_path, set_control
from ..detail_nodes.detail_group import detail_group
from .curves import find_fcurve
from .detail_material import remove_displacement, show_detail, skin_material
from .links import value_path

BUMP, TRUE = "BUMP", "DISPLACEMENT"
SUBDIVISION = "facewright_subdivision"
"""Custom property of a head: persistent id of the subdivision modifier that ``set_displacement`` added."""
LEAST_EDGE_MM = 1e-6  # shorter edges have no tension


class NoDetail(FaceError):
    """The head has no dynamic detail, or nothing of its own to show it with."""


def add_detail(obj: bpy.types.Object, head: Head, size_factor: float = 1.0) -> None:
    """Give a head's mesh object the detail of its bundle; what it had of it is replaced, controls are kept.

    Parameters
    ----------
    obj : with the topology and the shape keys of ``head``, and a material of ours on its skin
    head : with detail
    size_factor : how large the object is, relative to the bundle

    Raises
    ------
    NoDetail : the bundle has none, or the skin no material of ours
    BundleInvalid : an image cannot be read
    """
    if head.detail is None:
        raise NoDetail("This head's folder has no dynamic detail.")
    material = skin_material(obj)
    if material is None:
        raise NoDetail(f"{obj.name} has no skin material of Facewright's left; Rebuild brings it back.")
    show_detail(material, obj.name, head.detail)
    store_masks(obj.data, head)
    obj.add_rest_position_attribute = True
    modifier = _modifier(obj, head.detail)
    set_control(modifier, SIZE, size_factor)
    drive_by_shape_keys(obj, modifier)


def remove_detail(obj: bpy.types.Object) -> None:
    """Take the detail off a head: modifier, drivers, masks, and the maps in its material."""
    modifier = detail_modifier(obj)
    if modifier is not None:
        for name in ARKIT_NAMES:
            obj.driver_remove(input_path(modifier, name))
        obj.modifiers.remove(modifier)
    for name in attributes.STATIC:
        if name in obj.data.attributes:
            obj.data.attributes.remove(obj.data.attributes[name])
    material = skin_material(obj)
    if material is not None:
        remove_displacement(material)


def store_masks(mesh: bpy.types.Mesh, head: Head) -> None:
    """Write the masks of ``head.detail`` and the edges of the skin to the mesh's attributes. Raises NoDetail."""
    detail = head.detail
    if detail is None or len(mesh.vertices) != detail.activation.shape[1]:
        raise NoDetail("The detail belongs to a head with other vertices.")
    for names, values in (
        (attributes.ACTIVATION, detail.activation),
        (attributes.INVERSE_ENERGY, detail.inverse),
        (attributes.REGION, detail.regions),
    ):
        for name, value in zip(names, values, strict=True):
            _store(mesh, name, "POINT", value)
    skin, share = _skin_edges(mesh, head)
    _store(mesh, attributes.SKIN_EDGE, "EDGE", skin)
    _store(mesh, attributes.EDGE_SHARE, "POINT", share)


def drive_by_shape_keys(obj: bpy.types.Object, modifier: bpy.types.NodesModifier) -> None:
    """Let every blendshape input of the detail's modifier follow its shape key.

    Inputs that have a driver or a curve already, perhaps of the artist's own, keep it.
    """
    keys = obj.data.shape_keys
    for name in ARKIT_NAMES:
        path = input_path(modifier, name)
        if find_fcurve(obj, path) is not None:
            continue
        if obj.animation_data is not None and obj.animation_data.drivers.find(path) is not None:
            continue
        curve = obj.driver_add(path)
        # A new driver maps its result onto itself, by a modifier before 5.0, by two keys from then on.
        for mapping in list(curve.modifiers):
            curve.modifiers.remove(mapping)
        curve.keyframe_points.clear()
        driver = curve.driver
        driver.type = "SUM"
        variable = driver.variables.new()
        variable.name, variable.type = "weight", "SINGLE_PROP"
        target = variable.targets[0]
        target.id_type, target.id, target.data_path = "KEY", keys, value_path(name)


def set_displacement(obj: bpy.types.Object, method: str, levels: int = 2, viewport_levels: int = 0) -> None:
    """Show the detail as a bump of the normals (BUMP), or move the surface itself (TRUE), in both engines.

    TRUE needs faces as fine as the maps: a subdivision surface is added behind the other modifiers, ``levels`` when
    rendered; two make faces of a third of a millimetre. Normals go on seeing the whole map. A subdivision surface
    that the artist has added is used as it is.

    Raises NoDetail.
    """
    material = skin_material(obj)
    if detail_modifier(obj) is None or material is None:
        raise NoDetail(f"{obj.name} has no dynamic detail.")
    ours = _subdivision(obj)
    if method == BUMP:
        material.displacement_method = "BUMP"
        if ours is not None:
            obj.modifiers.remove(ours)
        obj.pop(SUBDIVISION, None)
        return
    material.displacement_method = "BOTH"
    if ours is None and any(modifier.type == "SUBSURF" for modifier in obj.modifiers):
        return
    if ours is None:
        ours = obj.modifiers.new("Facewright Subdivision", "SUBSURF")
        obj[SUBDIVISION] = ours.persistent_uid
    ours.render_levels, ours.levels = levels, viewport_levels


def displacement_of(obj: bpy.types.Object) -> str:
    """How the head shows its detail: BUMP or TRUE."""
    material = skin_material(obj)
    return BUMP if material is None or material.displacement_method == "BUMP" else TRUE


def _subdivision(obj: bpy.types.Object) -> bpy.types.Modifier | None:
    """The subdivision modifier that is ours."""
    uid = obj.get(SUBDIVISION)
    return next((m for m in obj.modifiers if m.type == "SUBSURF" and m.persistent_uid == uid), None)


def _modifier(obj: bpy.types.Object, detail: HeadDetail) -> bpy.types.NodesModifier:
    """The head's detail modifier, before all others: it must see the blendshapes and nothing else."""
    group = detail_group(detail.key_weights)
    modifier = detail_modifier(obj)
    if modifier is None:
        modifier = obj.modifiers.new(MODIFIER_NAME, "NODES")
    if modifier.node_group != group:
        modifier.node_group = group
    obj.modifiers.move(obj.modifiers.find(modifier.name), 0)
    return obj.modifiers[0]


def _skin_edges(mesh: bpy.types.Mesh, head: Head) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(edges,) 1 where an edge is the skin's; (V,) edges of a vertex per edge of the skin, 0 where it has none."""
    used = head.quads >= 0
    edge = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("edge_index", edge)
    ends = np.empty(2 * len(mesh.edges), np.int32)
    mesh.edges.foreach_get("vertices", ends)
    ends = ends.reshape(-1, 2)
    if len(edge) != used.sum():
        raise NoDetail("The detail belongs to a head with other faces.")
    corner_material = np.repeat(head.material, used.sum(1))
    skin = np.zeros(len(ends), np.float32)
    skin[edge[corner_material == head.material_names.index("skin")]] = 1.0
    skin[np.linalg.norm(np.diff(head.neutral[ends], axis=1)[:, 0], axis=1) <= LEAST_EDGE_MM] = 0.0
    count = len(mesh.vertices)
    edges = np.bincount(ends.ravel(), minlength=count)
    of_skin = np.bincount(ends.ravel(), np.repeat(skin, 2), count)
    return skin, np.where(of_skin > 0, edges / np.maximum(of_skin, 1), 0.0).astype(np.float32)


def _store(mesh: bpy.types.Mesh, name: str, domain: str, values: NDArray[np.float32]) -> None:
    """Write numbers to an attribute of the mesh, which is made or made anew where needed."""
    attribute = mesh.attributes.get(name)
    if attribute is not None and (attribute.data_type, attribute.domain) != ("FLOAT", domain):
        mesh.attributes.remove(attribute)
        attribute = None
    if attribute is None:
        attribute = mesh.attributes.new(name, "FLOAT", domain)
    attribute.data.foreach_set("value", np.ascontiguousarray(values, np.float32))
