"""Brings back what was deleted of a head, from its bundle; what is there stays as the person made it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import bpy
from mathutils import Matrix

from ..backend_door import FaceError
from ..detail_nodes.controls import detail_modifier
from ..heads import ARMATURE, CAMERA, HEAD, PART, RECORD, heads_in_file, is_head, parts_of, record_of
from . import mend_mesh
from .armature import build_armature
from .bundle_source import BundleSource
from .camera import build_camera
from .detail import add_detail
from .detail_change import lacks_detail
from .materials import build_materials, load_image
from .mesh import build_mesh
from .record import KEY_TOKEN, describe, new_token, update
from .seen import SEEN, store_seen


class CannotRebuild(FaceError):
    """The head cannot be changed as it stands."""


class PartlyRebuilt(FaceError):
    """Something was brought back, something else cannot be; the sentence says both."""


def rebuild(part: bpy.types.Object, places: Iterable[Path] = ()) -> tuple[bpy.types.Object, list[str]]:
    """Repair the head of which ``part`` is left.

    Parameters
    ----------
    part : a head's mesh object, or its armature or camera where the mesh is gone
    places : folders that may hold the bundle, beside the one that the head's record names

    Returns
    -------
    the head's mesh object, and what was brought back, in words; nothing where nothing was missing

    Raises
    ------
    CannotRebuild : the head is linked or not in Object Mode
    BundleGone, BundleInvalid : something is missing, and so is what it could be brought back from
    TopologyChanged : something is missing that fits the original mesh only
    PartlyRebuilt : as the two before, but other things could be brought back
    """
    source = BundleSource(part[RECORD].to_dict(), places)
    head = part if is_head(part) else _head_on(part)
    done = []
    if head is None:
        if not part.is_editable or part.override_library is not None:
            raise CannotRebuild(f"{part.name} is linked from another file: make it local to repair its head.")
        head = _new_mesh(part, source)
        done.append("mesh")
    _refuse_locked(head)
    _complete_record(head, source)
    problem: FaceError | None = None
    mends = (_mend_keys, _mend_surface, _mend_rig, _mend_camera, _mend_seen, _mend_detail, _mend_drivers)
    for mend in mends:
        try:
            done += mend(head, source)
        except FaceError as error:  # what does not depend on it can be repaired all the same
            problem = problem or error
    if problem is not None and done:
        raise PartlyRebuilt(f"Brought back: {', '.join(done)}. {problem}") from problem
    if problem is not None:
        raise problem
    return head, done


def _mend_keys(head: bpy.types.Object, source: BundleSource) -> list[str]:
    basis, keys = mend_mesh.mend_keys(head, source)
    return (["Basis"] if basis else []) + ([_counted(keys, "blendshape")] if keys else [])


def _mend_surface(head: bpy.types.Object, source: BundleSource) -> list[str]:
    done = ["UV map"] if mend_mesh.mend_uv(head, source) else []
    materials = mend_mesh.mend_materials(head, source)
    done += [_counted(materials, "material")] if materials else []
    images = mend_mesh.mend_images(head, source)
    return done + ([_counted(images, "texture")] if images else [])


def _mend_seen(head: bpy.types.Object, source: BundleSource) -> list[str]:
    if SEEN in head.data.attributes or not source.is_there or not mend_mesh.same_topology(head, source):
        return []
    store_seen(head, source.head)
    return ["what the photo showed"]


def _mend_detail(head: bpy.types.Object, source: BundleSource) -> list[str]:
    if not lacks_detail(head) or not mend_mesh.same_topology(head, source):
        return []
    add_detail(head, source.head, float(record_of(head).get("size_factor", 1.0)))
    return ["dynamic detail"]


def _head_on(part: bpy.types.Object) -> bpy.types.Object | None:
    """The head that an armature or camera belongs to, where its mesh is still there."""
    return next((head for head in heads_in_file() if part in parts_of(head)), None)


def _refuse_locked(head: bpy.types.Object) -> None:
    parts = parts_of(head)
    blocks = [block for part in parts if part is not None for block in (part, part.data)]
    for block in (*blocks, head.data.shape_keys):
        if block is not None and (not block.is_editable or block.override_library is not None):
            raise CannotRebuild(f"{block.name} is linked from another file: make it local to repair it.")
    if any(part is not None and part.mode == "EDIT" for part in parts):
        raise CannotRebuild("Leave Edit Mode before the head is repaired.")


def _complete_record(head: bpy.types.Object, source: BundleSource) -> None:
    """Give heads of earlier versions the entries that they lack, where their bundle is at hand."""
    record = head[RECORD].to_dict()
    if "size_factor" not in record and source.is_there:
        update(parts_of(head), **describe(source.original, record["jaw_open_degrees"]) | record)


def _new_mesh(part: bpy.types.Object, source: BundleSource) -> bpy.types.Object:
    """The whole mesh anew, where the armature or camera that is left says it was."""
    obj = build_mesh(source.head, "Head")
    for material in build_materials(source.head, obj.name):
        obj.data.materials.append(material)
    _link_beside(obj, part)
    armature = part if part.type == "ARMATURE" else part.parent
    if armature is not None and armature.type == "ARMATURE":
        obj.parent = armature
        modifier = obj.modifiers.new("Armature", "ARMATURE")
        modifier.object = armature
    obj[PART], obj[RECORD] = HEAD, part[RECORD].to_dict()
    new_token(obj.data.shape_keys)
    return obj


def _mend_rig(head: bpy.types.Object, source: BundleSource) -> list[str]:
    done = []
    armature = parts_of(head).armature
    if armature is None:
        armature = _new_armature(head, source)
        done.append("armature")
    modifier = next((m for m in head.modifiers if m.type == "ARMATURE" and m.object in (None, armature)), None)
    if modifier is None:
        modifier = head.modifiers.new("Armature", "ARMATURE")
        modifier.use_vertex_groups, modifier.use_bone_envelopes = True, False
        # Before the person's own work on the posed head; detail looks at the blendshapes alone.
        head.modifiers.move(len(head.modifiers) - 1, 0 if detail_modifier(head) is None else 1)
        done += [] if "armature" in done else ["armature modifier"]
    if modifier.object is None:
        modifier.object = armature
        done += [] if done else ["armature modifier"]
    groups = mend_mesh.mend_groups(head, armature, source)
    return [*done, _counted(groups, "vertex group")] if groups else done


def _new_armature(head: bpy.types.Object, source: BundleSource) -> bpy.types.Object:
    """An armature in the head's place; the head hangs on it from now on."""
    armature = build_armature(source.skinning, f"{head.name}_rig", _collection_of(head))
    armature[PART], armature[RECORD] = ARMATURE, head[RECORD].to_dict()
    armature.parent, armature.parent_type, armature.parent_bone = head.parent, head.parent_type, head.parent_bone
    armature.matrix_parent_inverse = head.matrix_parent_inverse
    armature.matrix_basis = head.matrix_basis
    if head.animation_data is not None and head.animation_data.action is not None:
        # What moved the head as an object moves the armature now, and the head along with it.
        data = armature.animation_data_create()
        data.action = head.animation_data.action
        if hasattr(data, "action_slot"):
            data.action_slot = head.animation_data.action_slot
        head.animation_data.action = None
    head.parent, head.parent_type = armature, "OBJECT"
    head.matrix_parent_inverse = head.matrix_basis = Matrix()
    return armature


def _mend_camera(head: bpy.types.Object, source: BundleSource) -> list[str]:
    parts = parts_of(head)
    camera = parts.camera or _orphaned_camera(head)
    if camera is None:
        camera = build_camera(source.head, f"{head.name}_photo_camera", _photo(head, source))
        _link_beside(camera, head)
        camera[PART], camera[RECORD] = CAMERA, head[RECORD].to_dict()
        camera.parent = parts.armature
        return ["photo camera"]
    if camera.parent is None:
        camera.parent = parts.armature
    backgrounds = camera.data.background_images
    if any(entry.image is not None for entry in backgrounds):
        return []
    entry = backgrounds[0] if len(backgrounds) else backgrounds.new()
    entry.image = _photo(head, source)
    entry.frame_method = "STRETCH"
    camera.data.show_background_images = True
    return ["photo"]


def _orphaned_camera(head: bpy.types.Object) -> bpy.types.Object | None:
    """The camera that hung on an armature which somebody deleted."""
    record = head[RECORD].to_dict()
    for obj in bpy.data.objects:
        if obj.get(PART) == CAMERA and obj.parent is None and RECORD in obj and obj[RECORD].to_dict() == record:
            return obj
    return None


def _photo(head: bpy.types.Object, source: BundleSource) -> bpy.types.Image:
    path = source.head.photo
    return load_image(path, f"{head.name}_photo", f"//{path.name}")


def _mend_drivers(head: bpy.types.Object, _source: BundleSource) -> list[str]:
    """Let drivers that read from shape keys which are gone read from the head's own."""
    keys = head.data.shape_keys
    if keys is None:
        return []
    if KEY_TOKEN not in keys:
        new_token(keys)
    mended = 0
    for owner in (head, head.data, keys):
        for curve in () if owner.animation_data is None else owner.animation_data.drivers:
            targets = [target for variable in curve.driver.variables for target in variable.targets]
            lost = [target for target in targets if target.id_type == "KEY" and target.id is None]
            for target in lost:
                target.id = keys
            if lost or not curve.driver.is_valid:
                curve.driver.is_valid = True  # is tried again
                owner.update_tag()
            mended += bool(lost)
    return [_counted(mended, "driver")] if mended else []


def _collection_of(obj: bpy.types.Object) -> bpy.types.Collection:
    """A collection of the object that the view layer shows. Raises CannotRebuild."""
    shown = {layer.collection for layer in _layers(bpy.context.view_layer.layer_collection) if not layer.exclude}
    for collection in obj.users_collection:
        if collection in shown:
            return collection
    raise CannotRebuild(f"{obj.name} is not in this view layer: show its collection to repair it.")


def _layers(layer: bpy.types.LayerCollection) -> Iterable[bpy.types.LayerCollection]:
    yield layer
    for child in layer.children:
        yield from _layers(child)


def _link_beside(obj: bpy.types.Object, other: bpy.types.Object) -> None:
    _collection_of(other).objects.link(obj)


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"
