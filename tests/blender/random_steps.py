"""The steps of random sequences: what a person may do with the panel, and with Blender around it.

A step draws what it does from ``walk.random``, calls the real operators and returns a line for the log;
it returns None where there is nothing to do it to. Refusals, one sentence each, are fine; anything else that goes
wrong is not.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import bpy
import numpy as np
from random_checks import Broken, scene_state

import blender_addon
from blender_addon.backend_door import FaceError
from blender_addon.detail_nodes import controls
from blender_addon.detail_nodes.controls import detail_modifier
from blender_addon.exporting.presets import PRESETS
from blender_addon.heads import heads_of, parts_of, shape_keys
from blender_addon.job import session
from blender_addon.scene.detail_images import detail_images

NAMES = ("Hero", "Ärger", "a.001", 'the "best" one', "x" * 60, "脸", "Head", "back\\slash", "jawOpen")


class Walk(NamedTuple):
    """One sequence: its numbers, a folder of its own, the photo, and files made for it."""

    random: random.Random
    folder: Path
    photo: Path
    take: Path


def operator(name: str, **values: Any) -> str:
    """Run one of our operators as a click does, undo step and all; the line for the log."""
    call = getattr(bpy.ops.facewright, name)
    said = ", ".join(f"{key}={value!r}" for key, value in values.items())
    try:
        if not call.poll():
            return f"{name}({said}): not possible now"
        result = call("EXEC_DEFAULT", True, **values)
    except RuntimeError as error:
        if "Traceback" in str(error):
            raise Broken(f"{name}({said}) raised:\n{error}") from error
        return f"{name}({said}): refused: {str(error).strip().splitlines()[-1][:150]}"
    return f"{name}({said}): {', '.join(result)}"


def pushed(line: str) -> str:
    """An undo step for what a step did to the data itself."""
    bpy.ops.ed.undo_push(message=line[:60])
    return line


def local_heads() -> list[bpy.types.Object]:
    return [head for head in heads_of(bpy.context.scene) if head.library is None]


def choose_head(walk: Walk) -> bpy.types.Object | None:
    """Make one of the heads active, or one of its parts."""
    heads = local_heads()
    if not heads:
        return None
    head = walk.random.choice(heads)
    whole = [part for part in parts_of(head) if part is not None]
    part = walk.random.choice(whole if walk.random.random() < 0.3 else [head])
    if part.name in bpy.context.view_layer.objects:
        if bpy.context.mode != "OBJECT":
            bpy.ops.object.mode_set(mode="OBJECT")
        for obj in bpy.context.view_layer.objects:
            obj.select_set(False)
        bpy.context.view_layer.objects.active = part
        part.select_set(True)
    return head


# ------------------------------------------------------------------------------------------------ photo and worker


def photo(walk: Walk) -> str:
    bad = walk.folder / "no photo.jpg"
    bad.write_text("not a picture")
    path = walk.random.choice([walk.photo, walk.photo, walk.photo, bad, walk.folder / "gone.png"])
    line = operator("choose_photo", filepath=str(path))
    bpy.context.scene.facewright_photo.texture_size = "512"
    return line


def clear_photo(walk: Walk) -> str:
    return operator("clear_photo")


def choose_face(walk: Walk) -> str:
    return operator("choose_face", index=walk.random.choice([1, 1, 2, 7]))


def use_photo(walk: Walk) -> None:
    bpy.ops.facewright.choose_photo("EXEC_DEFAULT", True, filepath=str(walk.photo))
    bpy.context.scene.facewright_photo.face = 0
    bpy.context.scene.facewright_photo.texture_size = "512"


def reconstruct(walk: Walk) -> str:
    if walk.random.random() < 0.9:
        use_photo(walk)
    before = len(local_heads())
    line = operator("reconstruct")
    if "FINISHED" in line and len(local_heads()) != before + 1:
        raise Broken(f"{before} heads before, {len(local_heads())} after a reconstruction")
    return line


def interrupted(walk: Walk) -> str:
    """A reconstruction that is cancelled, or whose worker is killed, at a random moment."""
    use_photo(walk)
    before, delay = scene_state(), walk.random.uniform(0.0, 6.0)
    kill = walk.random.random() < 0.4

    def interrupt() -> None:
        end = time.monotonic() + delay
        while time.monotonic() < end:
            time.sleep(0.01)
        job = session.running()
        if job is None:
            return
        if not kill:
            job.process.cancel()
        elif job.process.pid is not None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(job.process.pid, signal.SIGKILL)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        line = operator("reconstruct")
    finally:
        thread.join()
    if "FINISHED" not in line and scene_state() != before:
        raise Broken(f"an interrupted reconstruction changed the file: {line}")
    return f"{'kill' if kill else 'cancel'} after {delay:.2f} s: {line}"


def refresh_textures(walk: Walk) -> str | None:
    if choose_head(walk) is None:
        return None
    return operator("refresh_textures", texture_size="512", photo=walk.random.choice(["", str(walk.photo)]))


# ------------------------------------------------------------------------------------------------ Blender around it


def undo(walk: Walk) -> str:
    return _steps(walk, bpy.ops.ed.undo, "undo")


def redo(walk: Walk) -> str:
    return _steps(walk, bpy.ops.ed.redo, "redo")


def _steps(walk: Walk, call: Callable[[], object], name: str) -> str:
    count = walk.random.randint(1, 4)
    for done in range(count):
        try:
            call()
        except RuntimeError:  # nothing left
            return f"{name} x {done}, no more"
    return f"{name} x {count}"


def rename(walk: Walk) -> str | None:
    head = choose_head(walk)
    if head is None:
        return None
    parts = [part for part in parts_of(head) if part is not None]
    blocks = [*parts, *(part.data for part in parts), head.data.shape_keys or head, *bpy.data.actions]
    block = walk.random.choice([block for block in blocks if block.is_editable])
    old, block.name = block.name, walk.random.choice(NAMES)
    return pushed(f"rename {old} to {block.name}")


def duplicate(walk: Walk) -> str | None:
    head = choose_head(walk)
    if head is None or bpy.context.mode != "OBJECT":
        return None
    whole, linked, script = (walk.random.random() < chance for chance in (0.6, 0.25, 0.25))
    if script:
        copy = head.copy()
        copy.data = head.data.copy()
        bpy.context.scene.collection.objects.link(copy)
        return pushed(f"copy {head.name} by script")
    for part in parts_of(head) if whole else (head,):
        if part is not None and part.name in bpy.context.view_layer.objects:
            part.hide_set(False)
            part.select_set(True)
    bpy.context.view_layer.objects.active = head
    bpy.ops.object.duplicate("EXEC_DEFAULT", True, linked=linked)
    return f"duplicate {head.name}{' with its parts' if whole else ''}{', linked' if linked else ''}"


def delete_part(walk: Walk) -> str | None:
    head = choose_head(walk)
    if head is None or bpy.context.mode != "OBJECT":
        return None
    parts = parts_of(head)
    name = head.name

    def remove(obj: bpy.types.Object | None) -> None:
        if obj is not None:
            bpy.data.objects.remove(obj)

    keys = list(shape_keys(head))
    whats: dict[str, Callable[[], object]] = {
        "armature": lambda: remove(parts.armature),
        "camera": lambda: remove(parts.camera),
        "mesh": lambda: remove(head),
        "all blendshapes": lambda: _remove_keys(head, keys),
        "material slots": lambda: head.data.materials.clear(),
        "a material": lambda: [bpy.data.materials.remove(material) for material in list(head.data.materials)[:1]],
        "modifiers": lambda: head.modifiers.clear(),
        "vertex groups": lambda: head.vertex_groups.clear(),
        "UV map": lambda: [head.data.uv_layers.remove(layer) for layer in list(head.data.uv_layers)[:1]],
    }
    if keys:
        some = walk.random.sample(keys, min(len(keys), walk.random.choice([1, 1, 5])))
        whats["blendshapes " + " ".join(some)] = lambda: _remove_keys(head, some)
    what = walk.random.choice(list(whats))
    whats[what]()
    if bpy.context.view_layer.objects.active is None and len(bpy.context.view_layer.objects):
        bpy.context.view_layer.objects.active = bpy.context.view_layer.objects[0]
    return pushed(f"delete {what} of {name}")


def _remove_keys(head: bpy.types.Object, names: list[str]) -> None:
    """By the button of the list. After ``Object.shape_key_remove`` Blender (seen in 4.5 and 5.2) crashes at the
    next evaluation where keys have drivers, with no add-on at all. Nobody can delete keys of linked and overridden
    heads."""
    bpy.context.view_layer.objects.active = head
    if any(one.library or one.override_library for one in (head, head.data)):
        return
    if len(names) == len(shape_keys(head)):
        bpy.ops.object.shape_key_remove(all=True)
        return
    for name in names:
        head.active_shape_key_index = head.data.shape_keys.key_blocks.find(name)
        bpy.ops.object.shape_key_remove()


def rebuild(walk: Walk) -> str | None:
    return operator("rebuild") if choose_head(walk) else None


def save(walk: Walk) -> str:
    path = walk.folder / f"file{walk.random.randint(1, 2)}.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=walk.random.random() < 0.5)
    return f"save {path.name}"


def reload(walk: Walk) -> str | None:
    files = sorted(walk.folder.glob("*.blend"))
    if not files:
        return None
    path = walk.random.choice(files)
    bpy.ops.wm.open_mainfile(filepath=str(path))
    return pushed(f"open {path.name}")


def append(walk: Walk) -> str | None:
    """Bring heads of a saved file in, as a person does with a collection; appended, linked, or overridden."""
    saved = [walk.folder.parent / "start.blend", *sorted(walk.folder.glob("*.blend"))]
    files = [path for path in saved if path.is_file() and str(path) != bpy.data.filepath]
    if not files or bpy.context.mode != "OBJECT":
        return None
    path, link = walk.random.choice(files), walk.random.random() < 0.4
    with bpy.data.libraries.load(str(path), link=link) as (there, here):
        here.collections = [name for name in there.collections if name not in ("Collection", "Lights")][:1]
    if not here.collections or here.collections[0] is None:
        return None
    collection = here.collections[0]
    if collection in list(bpy.context.scene.collection.children):
        return None  # linked before
    bpy.context.scene.collection.children.link(collection)
    line = f"{'link' if link else 'append'} {collection.name} from {path.name}"
    if link and walk.random.random() < 0.5:
        collection.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)
        line += ", overridden"
    return pushed(line)


def select(walk: Walk) -> str:
    objects = [*bpy.context.view_layer.objects, None]
    chosen = walk.random.choice(objects)
    if bpy.context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    for obj in bpy.context.view_layer.objects:
        obj.select_set(False)
    bpy.context.view_layer.objects.active = chosen
    if chosen is not None:
        chosen.select_set(True)
    return f"select {chosen.name if chosen else 'nothing'}"


def mode(walk: Walk) -> str | None:
    active = bpy.context.view_layer.objects.active
    if active is None or active.type not in ("MESH", "ARMATURE") or not active.visible_get() or active.library:
        return None
    modes = ["OBJECT", "EDIT", "SCULPT"] if active.type == "MESH" else ["OBJECT", "EDIT", "POSE"]
    chosen = walk.random.choice(modes)
    try:
        bpy.ops.object.mode_set("EXEC_DEFAULT", True, mode=chosen)
    except RuntimeError as error:
        return f"mode {chosen} of {active.name}: Blender refused: {str(error).strip()[:80]}"
    return f"mode {chosen} of {active.name}"


def new_scene(walk: Walk) -> str:
    if len(bpy.data.scenes) > 1 and walk.random.random() < 0.6:
        bpy.data.scenes.remove(bpy.data.scenes[-1])
        return pushed("delete a scene")
    scene = bpy.data.scenes.new("Second")
    for head in local_heads()[:1]:
        scene.collection.objects.link(head)
    return pushed("add a scene that shows a head, too")


def sculpt(walk: Walk) -> str | None:
    head = choose_head(walk)
    if head is None or head.data.shape_keys is None or bpy.context.mode != "OBJECT":
        return None
    key = walk.random.choice(list(head.data.shape_keys.key_blocks))
    co = np.empty(3 * len(key.data), np.float32)
    key.data.foreach_get("co", co)
    co[:300] += 0.001
    key.data.foreach_set("co", co)
    head.data.update()
    return pushed(f"sculpt {key.name} of {head.name}")


def restart_addon(walk: Walk) -> str:
    blender_addon.unregister()
    blender_addon.register()
    return "disable and enable the add-on"


# ------------------------------------------------------------------------------------------- expressions, animation


def links(walk: Walk) -> str | None:
    return operator("link_sides", link=walk.random.random() < 0.65) if choose_head(walk) else None


def key_expression(walk: Walk) -> str | None:
    if choose_head(walk) is None:
        return None
    names = [item.identifier for item in _property("apply_key_expression", "expression").enum_items]
    return operator(
        "apply_key_expression", expression=walk.random.choice(names),
        strength=round(walk.random.uniform(0, 1.5), 2), mode=walk.random.choice(["REPLACE", "ADD"]),
    )  # fmt: skip


def expression(walk: Walk) -> str | None:
    if choose_head(walk) is None:
        return None
    name = walk.random.choice(["reset_expressions", "photo_expression", "mirror_expressions"])
    if name == "mirror_expressions":
        return operator(name, mode=walk.random.choice(["SWAP", "TO_RIGHT", "TO_LEFT"]))
    return operator(name)


def slider(walk: Walk) -> str | None:
    head = choose_head(walk)
    keys = shape_keys(head) if head else {}
    if not keys:
        return None
    key = keys[walk.random.choice(list(keys))]
    key.value = walk.random.random()
    return pushed(f"{key.name} to {key.value:.2f}")


def keyframes(walk: Walk) -> str | None:
    if choose_head(walk) is None:
        return None
    bpy.context.scene.frame_set(walk.random.randint(1, 60))
    return operator(walk.random.choice(["key_expressions", "key_expressions", "delete_keys", "clear_animation"]))


def auto_key(walk: Walk) -> str:
    settings = bpy.context.scene.tool_settings
    settings.use_keyframe_insert_auto = not settings.use_keyframe_insert_auto
    return f"auto-keying {'on' if settings.use_keyframe_insert_auto else 'off'}"


def pose_assets(walk: Walk) -> str | None:
    if choose_head(walk) is None:
        return None
    if walk.random.random() < 0.5 or not bpy.data.actions:
        return operator("make_pose_assets")
    return operator("apply_pose_asset", action=walk.random.choice([action.name for action in bpy.data.actions]))


def import_take(walk: Walk) -> str | None:
    if choose_head(walk) is None:
        return None
    cut = walk.folder / "cut.csv"
    cut.write_bytes(walk.take.read_bytes()[:-150])
    return operator(
        "import_take", filepath=str(walk.random.choice([walk.take, walk.take, walk.take, cut])),
        eyes=walk.random.choice(["SHAPES", "BONES"]), previous=walk.random.choice(["KEEP", "STACK"]),
        neutral=walk.random.choice(["NONE", "QUIET"]), set_range=walk.random.random() < 0.5,
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------- size, files


def set_size(walk: Walk) -> str | None:
    if choose_head(walk) is None:
        return None
    return operator("set_size", measure="PUPILS", length=round(walk.random.uniform(0.05, 0.075), 4))


def overlay(walk: Walk) -> str | None:
    return operator(walk.random.choice(["look_through_photo", "show_seen"])) if choose_head(walk) else None


def detail_control(walk: Walk) -> str | None:
    """Set a control of the detail, key it, or bring all back."""
    head = choose_head(walk)
    modifier = detail_modifier(head) if head else None
    if modifier is None or head.override_library is not None:
        return operator("reset_detail") if head else None
    if walk.random.random() < 0.2:
        return operator("reset_detail")
    control = walk.random.choice(controls.CONTROLS[:-1])
    value = walk.random.uniform(control.minimum, control.maximum)
    controls.set_control(modifier, control.key, value)
    if walk.random.random() < 0.3:
        head.keyframe_insert(controls.input_path(modifier, control.key), frame=walk.random.randint(1, 60))
    return pushed(f"{control.key} of {head.name}'s detail to {controls.get_control(modifier, control.key)}")


def detail_surface(walk: Walk) -> str | None:
    head = choose_head(walk)
    if head is None or detail_modifier(head) is None or head.override_library is not None:
        return None
    try:
        head.facewright_head.displacement = walk.random.choice(["BUMP", "DISPLACEMENT"])
    except FaceError as error:  # its material is gone
        return f"detail as displacement of {head.name}: refused: {error}"
    return pushed(f"detail of {head.name} as {head.facewright_head.displacement}")


def transfer_detail(walk: Walk) -> str | None:
    if choose_head(walk) is None:
        return None
    others = [head.session_uid for head in heads_of(bpy.context.scene)]
    return operator(
        "transfer_detail", part=walk.random.choice(["STATIC", "DYNAMIC"]), source=walk.random.choice([*others, 0])
    )


def delete_detail(walk: Walk) -> str | None:
    """What Rebuild then has to bring back."""
    head = choose_head(walk)
    modifier = detail_modifier(head) if head else None
    if modifier is None or head.override_library is not None or bpy.context.mode != "OBJECT":
        return None
    images = [*detail_images(head).values()]
    whats = {
        "modifier": lambda: head.modifiers.remove(modifier),
        "a driver": lambda: head.driver_remove(controls.input_path(modifier, "browInnerUp")),
        "an image": lambda: bpy.data.images.remove(walk.random.choice(images)) if images else None,
    }
    what = walk.random.choice(list(whats))
    whats[what]()
    return pushed(f"delete {what} of {head.name}'s detail")


def export(walk: Walk) -> str | None:
    if choose_head(walk) is None:
        return None
    preset = walk.random.choice(list(PRESETS))
    path = walk.folder / f"export{PRESETS[preset].suffix}"
    densities = [item.identifier for item in _property("export", "density").enum_items]
    return operator("export", filepath=str(path), preset=preset, density=walk.random.choice(densities))


def _property(name: str, prop: str) -> Any:
    return getattr(bpy.ops.facewright, name).get_rna_type().properties[prop]


STEPS: dict[Callable[[Walk], str | None], float] = {
    photo: 2, clear_photo: 0.5, choose_face: 0.5, reconstruct: 1.2, interrupted: 1.5, refresh_textures: 0.4,
    undo: 6, redo: 3.5, rename: 3, duplicate: 3.5, delete_part: 5, rebuild: 3, save: 2.5, reload: 2.5, append: 1.5,
    select: 2, mode: 2, new_scene: 0.7, sculpt: 1, restart_addon: 0.5, links: 4, key_expression: 3, expression: 3,
    slider: 2.5, keyframes: 3, auto_key: 0.7, pose_assets: 0.7, import_take: 2.5, set_size: 2, overlay: 2.5,
    export: 0.8, detail_control: 3, detail_surface: 1, transfer_detail: 0.8, delete_detail: 1,
}  # fmt: skip
"""Every step and how often it comes, relative to the others."""
