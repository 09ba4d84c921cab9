"""Replaces the images of a head by new ones made from its photo, and nothing else of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import bpy

from ..backend_door import FaceError, Head, read_head
from ..detail_nodes.controls import detail_modifier
from ..heads import heads_in_file, parts_of, record_of
from .detail_change import renew_detail
from .detail_images import shows_detail
from .materials import MATERIAL, TEXTURE, load_texture
from .record import describe, update
from .seen import store_seen
from .whole import all_or_nothing


class PhotoGone(FaceError):
    """Neither the photo nor a copy of it is there any more."""


class NotThisHead(FaceError):
    """The textures do not fit the head, or the head is gone."""


class NewTextures(NamedTuple):
    """A bundle whose textures a head is to get."""

    head: Head


def texture_request(head: bpy.types.Object, size: int, photo: Path | None, model: Path | None) -> dict[str, Any]:
    """What to ask the worker for new textures of a head, ``size`` pixels wide, but for where the bundle goes.

    ``photo``: another photo than the one that the head was made from; ``model``: the face model's file, None for
    the built-in one. Raises PhotoGone.
    """
    record = record_of(head)
    settings = json.loads(record.get("settings", "{}"))
    known = record.get("photo", {})
    focal = settings.get("focal_length_mm")
    if photo is None:
        photo = next((path for path in _photos(record) if path.is_file()), None)
        if photo is None:
            raise PhotoGone(
                f"The photo {known.get('name', 'of this head')} is not where it was, and the head's own copy of it "
                "is gone too: put either back in its place."
            )
        if photo.parent in _bundles(record):
            focal = focal or known.get("focal_length_mm")  # the copy does not say it itself
    return {
        "photo": str(photo),
        "face": known.get("face"),
        "focal_length_mm": focal,
        "model": None if model is None else str(model),
        "texture_size": size,
    }


def prepare(bundle: Path) -> NewTextures:
    """Read the bundle that the worker made; in any thread. Raises BundleInvalid."""
    return NewTextures(read_head(bundle))


def refresh(head: bpy.types.Object, new: NewTextures) -> str:
    """Give a head's materials the new images; one sentence that says so.

    Images that others use too, such as the material of a copy of this head, change there as well.

    Raises NotThisHead where the head has another UV layout than the new textures are for; BundleInvalid.
    """
    record = record_of(head)
    fresh = describe(new.head, record["jaw_open_degrees"])
    if record.get("model_sha256", fresh["model_sha256"]) != fresh["model_sha256"]:
        raise NotThisHead(f"This head is of the face model {record['model']}: choose that under Photo > Settings.")
    files = {"skin": new.head.albedo, "eye": new.head.iris, "teeth": new.head.teeth, "mouth": new.head.mouth}
    nodes = [
        (node, files[material[MATERIAL]])
        for material in head.data.materials
        if material is not None and material.get(MATERIAL) in files and material.node_tree is not None
        for node in _texture_nodes(material)
    ]
    if not nodes:
        raise NotThisHead("This head's materials have no texture of Facewright's left; Rebuild brings it back.")
    with all_or_nothing():  # all are loaded before the first is replaced
        loaded = {path: load_texture(path, path.stem) for path in {path for _, path in nodes}}
    for node, path in nodes:
        _replace(node, loaded[path])
    if len(head.data.vertices) == len(new.head.neutral):
        store_seen(head, new.head)
    made = f"{len(loaded)} textures"
    if new.head.detail is not None and detail_modifier(head) is not None:
        renew_detail(head, new.head)
        made += " and the detail"
    entries = {name: fresh[name] for name in ("textures", "texture_size", "seen_percent") if name in fresh}
    update(parts_of(head), **entries)
    return f"{made} of {head.name} made anew, {entries['texture_size']} px"


def head_by_id(session_uid: int) -> bpy.types.Object:
    """The head that a job was started for; undo may have made another object of it. Raises NotThisHead."""
    for head in heads_in_file():
        if head.session_uid == session_uid:
            return head
    raise NotThisHead("The head was deleted meanwhile.")


def _photos(record: dict[str, Any]) -> list[Path]:
    """Where the photo may lie: where it was, or its copy in the head's folder."""
    path = record.get("photo", {}).get("path")
    return ([Path(path)] if path else []) + [folder / "photo.jpg" for folder in _bundles(record)]


def _bundles(record: dict[str, Any]) -> list[Path]:
    return [Path(record[name]) for name in ("bundle", "textures") if record.get(name)]


def _texture_nodes(material: bpy.types.Material) -> list[bpy.types.Node]:
    """The nodes that show the material's own texture: those with an image of ours, else the only one there is."""
    nodes = [node for node in material.node_tree.nodes if node.type == "TEX_IMAGE" and not shows_detail(node)]
    ours = [node for node in nodes if node.image is not None and TEXTURE in node.image]
    return ours or (nodes if len(nodes) == 1 else [])


def _replace(node: bpy.types.Node, new: bpy.types.Image) -> None:
    """Let everybody who uses the node's image use the new one, which takes over its name and settings."""
    old = node.image
    if old == new:  # a node before this one had the same image
        return
    if old is None:
        node.image = new
        return
    name, fake_user = old.name, old.use_fake_user
    new.colorspace_settings.name, new.alpha_mode = old.colorspace_settings.name, old.alpha_mode
    old.user_remap(new)
    bpy.data.images.remove(old)
    new.name, new.use_fake_user = name, fake_user
