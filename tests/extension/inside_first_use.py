"""Runs in the clean environment: installs the zip, reconstructs a photo with the add-on's operators, saves.

    python -I inside_first_use.py ANSWERS ZIP PHOTO OUTPUT
"""

import json
import os
import sys
import time
import traceback
from pathlib import Path

ANSWERS, ZIP, PHOTO, OUTPUT = map(Path, sys.argv[1:5])
PACKAGE = "bl_ext.user_default.facewright"


def answer(name, value):
    with ANSWERS.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"name": name, "value": value}) + "\n")


def loaded():
    return {name: module.__file__ for name, module in sys.modules.items() if getattr(module, "__file__", None)}


def refusal(operator, **arguments):
    """What an operator that must fail tells the person."""
    try:
        return f"no error, but {operator(**arguments)}"
    except RuntimeError as error:
        return str(error)


def main():
    import bpy

    answer("blender", list(bpy.app.version))
    answer("before install", hasattr(bpy.types.Scene, "facewright_photo"))
    bpy.ops.extensions.package_install_files(filepath=str(ZIP), repo="user_default", enable_on_install=True)
    answer("modules after enabling", loaded())
    answer("user folder", bpy.utils.extension_path_user(PACKAGE))

    scene = bpy.context.scene
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    damaged = OUTPUT / "holiday.heic"
    damaged.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200))
    scene.facewright_photo.filepath = str(damaged)
    answer("HEIC", refusal(bpy.ops.facewright.reconstruct))
    answer("objects after a refusal", len(bpy.data.objects))

    scene.facewright_photo.filepath = str(PHOTO)
    scene.facewright_photo.texture_size = "1024"
    started = time.perf_counter()
    answer("reconstruct", sorted(bpy.ops.facewright.reconstruct()))
    answer("seconds", time.perf_counter() - started)
    answer("modules after reconstructing", loaded())
    (head,) = (obj for obj in bpy.data.objects if obj.type == "MESH" and "facewright" in obj)
    describe(bpy, head)

    jaw = head.data.shape_keys.key_blocks["jawOpen"]
    for frame, value in ((1, 0.0), (10, 1.0)):
        jaw.value = value
        jaw.keyframe_insert("value", frame=frame)
    answer("export", sorted(bpy.ops.facewright.export(filepath=str(OUTPUT / "head.fbx"), preset="FBX_UNREAL")))

    wheels = Path(bpy.utils.user_resource("EXTENSIONS")) / ".local"
    answer("packages after the export", sorted({path.name for path in wheels.glob("lib/python3*/site-packages/*")}))

    bpy.ops.wm.save_as_mainfile(filepath=str(OUTPUT / "scene.blend"), compress=True)
    answer("finished", True)


def describe(bpy, head):
    """What the tests check about the head."""
    keys = head.data.shape_keys.key_blocks
    answer("shape keys", [key.name for key in keys])
    answer("moved", {key.name: moved(keys[0], key) for key in keys[1:]})
    corners = [head.matrix_world @ vertex.co for vertex in head.data.vertices]
    answer("size", [max(c[axis] for c in corners) - min(c[axis] for c in corners) for axis in range(3)])
    (armature,) = (modifier.object for modifier in head.modifiers if modifier.type == "ARMATURE")
    answer("bones", [bone.name for bone in armature.data.bones])
    images = {
        node.image
        for slot in head.material_slots
        for node in slot.material.node_tree.nodes
        if node.type == "TEX_IMAGE" and node.image is not None
    }
    answer("images", [[i.name, list(i.size), i.packed_file is not None, i.has_data] for i in images])
    answer("record", head["facewright"].to_dict())


def moved(basis, key):
    """The farthest that a shape key moves a vertex, in metres."""
    return max((a.co - b.co).length for a, b in zip(basis.data, key.data))


try:
    main()
except BaseException:
    traceback.print_exc()
finally:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # bpy can hang or crash while an interpreter ends
