"""Drivers follow a head's copy.

Blender lets the drivers of a copied datablock look at the copy where the original looked at itself, but not always
where several datablocks were copied one after the other (``make single user``, ``object.copy()`` and
``mesh.copy()`` in scripts): then the copy's drivers go on looking at the original head. A head's shape keys carry a
token that is copied with them; where two heads carry the same, the later one is a copy, what it reads from the
original is made to read from itself, and it gets a token of its own. Drivers that a person sets up from one head to
another afterwards are left alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import bpy
from bpy.app.handlers import persistent

from ..detail_nodes.controls import detail_modifier
from ..heads import heads_in_file, parts_of
from .record import KEY_TOKEN, new_token

_counts: tuple[int, ...] = ()


def retarget_drivers(head: bpy.types.Object, original: bpy.types.Object) -> int:
    """Let the drivers of ``head`` that read from ``original`` or its parts read from its own; how many changed.

    Drivers of its objects, mesh, shape keys, and of node trees that only this head uses.
    """
    own, theirs = _datablocks(head), _datablocks(original)
    swap = {block: own[kind] for kind, block in theirs.items() if kind in own and own[kind] != block}
    changed = 0
    for owner in _driven(head):
        if owner in theirs.values():  # such as the armature, where only the mesh was copied
            continue
        for curve in owner.animation_data.drivers:
            targets = [target for variable in curve.driver.variables for target in variable.targets]
            stale = [target for target in targets if target.id in swap]
            for target in stale:
                target.id = swap[target.id]
            if stale:
                # A driver that once failed is not tried again until it is touched.
                curve.driver.is_valid = True
                owner.update_tag()
            changed += bool(stale)
    return changed


def follow_copies() -> int:
    """Find the copies among the heads of the file and let their drivers follow; how many drivers were changed."""
    families = defaultdict(list)
    for head in heads_in_file():
        keys = head.data.shape_keys
        if keys is None or not keys.is_editable:
            continue
        if KEY_TOKEN not in keys:  # a head of an earlier version, or keys that the person made anew
            new_token(keys)
        families[keys[KEY_TOKEN]].append(head)
    changed = 0
    for heads in families.values():
        # Linked duplicates share their keys: they are no copies of each other.
        by_keys = {head.data.shape_keys: head for head in reversed(heads)}
        original, *copies = sorted(by_keys.values(), key=lambda head: head.data.shape_keys.session_uid)
        for copy in copies:
            changed += retarget_drivers(copy, original)
            new_token(copy.data.shape_keys)
    return changed


def restore_lost_targets() -> int:
    """Let drivers of dynamic detail that read nothing read the head's shape keys again; how many did.

    What undo keeps of an overridden head holds no link into the other file's shape keys, so its drivers come back
    without a target.
    """
    restored = 0
    for head in heads_in_file():
        modifier, keys = detail_modifier(head), head.data.shape_keys
        if modifier is None or keys is None or head.animation_data is None or not head.is_editable:
            continue
        own = f'modifiers["{bpy.utils.escape_identifier(modifier.name)}"]'
        for curve in head.animation_data.drivers:
            if not curve.data_path.startswith(own):
                continue
            lost = [
                target for variable in curve.driver.variables for target in variable.targets
                if target.id is None and target.id_type == "KEY"
            ]  # fmt: skip
            for target in lost:
                target.id = keys
            if lost:
                curve.driver.is_valid = True
                head.update_tag()
            restored += bool(lost)
    return restored


@persistent
def follow_after_change(*_: object) -> None:
    """Handler after every change of the scene: looks for copies only where datablocks came or went."""
    global _counts
    counts = (len(bpy.data.shape_keys), len(bpy.data.objects), len(bpy.data.meshes))
    if counts != _counts:
        _counts = counts
        follow_copies()


@persistent
def follow_after_jump(*_: object) -> None:
    """Handler after undo, redo and loading: the state may be one from before a copy was followed."""
    global _counts
    _counts = ()
    restore_lost_targets()
    follow_after_change()


def _datablocks(head: bpy.types.Object) -> dict[str, bpy.types.ID]:
    """The head's datablocks that drivers read from, by kind."""
    parts = parts_of(head)
    found = {
        "head": head,
        "mesh": head.data,
        "keys": head.data.shape_keys,
        "armature": parts.armature,
        "bones": None if parts.armature is None else parts.armature.data,
        "camera": parts.camera,
    }
    return {kind: block for kind, block in found.items() if block is not None}


def _driven(head: bpy.types.Object) -> Iterator[bpy.types.ID]:
    """What of this head, and of no other, carries drivers."""
    blocks = list(_datablocks(head).values())
    for material in head.data.materials:
        if material is not None and material.users - material.use_fake_user == 1 and material.node_tree is not None:
            blocks += [material, material.node_tree]
    for modifier in head.modifiers:
        group = getattr(modifier, "node_group", None)
        if group is not None and group.users - group.use_fake_user == 1:
            blocks.append(group)
    for block in blocks:
        if block.is_editable and block.animation_data is not None and len(block.animation_data.drivers):
            yield block


def register() -> None:
    """Listen to Blender."""
    bpy.app.handlers.depsgraph_update_post.append(follow_after_change)
    for handlers in (bpy.app.handlers.undo_post, bpy.app.handlers.redo_post, bpy.app.handlers.load_post):
        handlers.append(follow_after_jump)


def unregister() -> None:
    """Listen no more."""
    bpy.app.handlers.depsgraph_update_post.remove(follow_after_change)
    for handlers in (bpy.app.handlers.undo_post, bpy.app.handlers.redo_post, bpy.app.handlers.load_post):
        handlers.remove(follow_after_jump)
