"""Runs inside Blender beside what is tested: answers the driver's questions and times the main thread.

It looks and never acts, except where the driver sets the stage (window size, theme). Questions are Python
expressions in a file; the answer is a file too, because nothing else passes all of Blender's states.
"""

import importlib
import json
import os
import time
import traceback
from pathlib import Path

import blf
import bpy
import gpu
import mathutils
import numpy as np

FOLDER = Path(os.environ["FACEWRIGHT_WINDOW"])
PULSE_S = 0.01


class Pulse:
    """Longest time between two ticks of a timer, seconds: how long the interface stood still."""

    def __init__(self):
        self.restart()

    def restart(self):
        self.last, self.longest, self.stalls = time.perf_counter(), 0.0, []

    def beat(self):
        now = time.perf_counter()
        gap, self.last = now - self.last, now
        self.longest = max(self.longest, gap)
        if gap > 0.05:
            self.stalls.append(round(gap, 3))


pulse = Pulse()


def areas(kind="VIEW_3D"):
    """(window, area) of every area of a kind, in all windows."""
    windows = bpy.context.window_manager.windows
    return [(window, area) for window in windows for area in window.screen.areas if area.type == kind]


def region(kind="UI", space="VIEW_3D"):
    """[left, top, width, height] of a region in its window's pixels, origin top left; None where it is hidden."""
    for window, area in areas(space):
        for found in area.regions:
            if found.type == kind and found.width > 1:
                return [found.x, window.height - found.y - found.height, found.width, found.height]
    return None


def scroll(kind="UI"):
    """Where the sidebar is scrolled to: changes until the end is reached."""
    for _, area in areas():
        for found in area.regions:
            if found.type == kind:
                return round(found.view2d.region_to_view(0, 0)[1], 1)
    return None


def tabs():
    """The chosen tab of the sidebar."""
    for _, area in areas():
        for found in area.regions:
            if found.type == "UI":
                return found.active_panel_category
    return None


def file_selector():
    """[folder, file name] of the open file selector."""
    parameters = areas("FILE_BROWSER")[0][1].spaces.active.params
    return [parameters.directory.decode(), parameters.filename]


def hovered():
    """(owner, property) under the mouse pointer, as Blender itself sees it; None where there is none."""
    window, area = areas()[0]
    for found in area.regions:
        if found.type == "UI":
            with bpy.context.temp_override(window=window, area=area, region=found):
                under = bpy.context.property
                return None if under is None else [repr(under[0]), under[1]]
    return None


def heads():
    """What a person would count on each head of the scene."""
    return [
        {
            "name": obj.name,
            "vertices": len(obj.data.vertices),
            "keys": 0 if obj.data.shape_keys is None else len(obj.data.shape_keys.key_blocks) - 1,
            "armature": obj.find_armature() is not None,
            "images": len({node.image for slot in obj.material_slots if slot.material and slot.material.node_tree
                           for node in slot.material.node_tree.nodes if node.type == "TEX_IMAGE" and node.image}),
            "height_m": round(obj.dimensions.z, 3),
        }
        for obj in bpy.context.scene.objects if obj.type == "MESH" and "facewright" in obj
    ]  # fmt: skip


def contents():
    """Names of everything in the file that a reconstruction could add or change."""
    kinds = ("objects", "meshes", "armatures", "cameras", "lights", "materials", "images", "shape_keys", "actions")
    found = {kind: {item.name for item in getattr(bpy.data, kind)} for kind in (*kinds, "collections", "worlds")}
    found["images"] -= {"Render Result", "Viewer Node"}
    return {kind: sorted(names) for kind, names in found.items()}


def value(key, head=0):
    """A shape key's value on one of the scene's heads."""
    obj = [obj for obj in bpy.context.scene.objects if obj.type == "MESH" and "facewright" in obj][head]
    return round(obj.data.shape_keys.key_blocks[key].value, 4)


def view():
    """How the 3D view looks at the scene and how it shows it."""
    space = areas()[0][1].spaces.active
    camera = space.camera
    return {
        "perspective": space.region_3d.view_perspective,
        "turned": [round(n, 3) for n in space.region_3d.view_rotation],
        "distance": round(space.region_3d.view_distance, 3),
        "camera": camera and camera.name,
        "local camera": space.use_local_camera,
        "shading": [space.shading.type, space.shading.color_type, space.shading.light],
    }


def weights(head=0):
    """{name: value} of a head's shape keys that are not zero."""
    obj = [obj for obj in bpy.context.scene.objects if obj.type == "MESH" and "facewright" in obj][head]
    keys = obj.data.shape_keys.key_blocks[1:]
    return {key.name: round(key.value, 3) for key in keys if abs(key.value) > 1e-4}


def curves(head=0):
    """{data path: [[frame, value], ...]} of the action on a head's shape keys."""
    obj = [obj for obj in bpy.context.scene.objects if obj.type == "MESH" and "facewright" in obj][head]
    data = obj.data.shape_keys.animation_data
    if data is None or data.action is None:
        return {}
    action = data.action
    if hasattr(action, "fcurves"):
        found = action.fcurves
    else:
        found = action.layers[0].strips[0].channelbag(data.action_slot).fcurves
    return {curve.data_path: [[round(n, 3) for n in key.co] for key in curve.keyframe_points] for curve in found}


def pictured():
    """Whether all pictures of the head's key expressions are drawn."""
    previews = addon("scene.pose_previews")
    return previews.has_pictures(addon("heads").active_head(bpy.context)) and not previews._waiting


def detail():
    """The controls of the active head's dynamic detail by key; None where it has none."""
    controls = addon("detail_nodes.controls")
    modifier = controls.detail_modifier(addon("heads").active_head(bpy.context))
    return modifier and {key: round(float(value), 3) for key, value in controls.get_controls(modifier).items()}


def detail_as():
    """Whether renderers show the active head's detail as a bump or as displacement."""
    return addon("heads").active_head(bpy.context).facewright_head.displacement


def detail_keys():
    """How many keyframes the active head's own action holds, which the detail's controls are keyed in."""
    head = addon("heads").active_head(bpy.context)
    return sum(len(curve.keyframe_points) for curve in addon("scene.curves").fcurves_of(head))


def export_task():
    """How far the running export is; None where none runs."""
    task = addon("exporting.running").current()
    return None if task is None else task.fraction


def export_report():
    """What the panel says about the last export."""
    report = addon("exporting.running").last()
    return [] if report is None else list(report.lines())


def addon(module):
    """A module of the installed extension."""
    return importlib.import_module(f"bl_ext.user_default.facewright.{module}")


def words(text):
    """Write how Blender's interface draws a text to ``words.npy``: (H, W) coverage, 0..255."""
    preferences = bpy.context.preferences
    points = preferences.ui_styles[0].widget.points * preferences.system.ui_scale
    blf.size(0, points)
    width, height = int(blf.dimensions(0, text)[0]) + 4, int(points * 1.7)
    canvas = gpu.types.GPUOffScreen(width, height)
    to_clip_space = mathutils.Matrix(
        ((2 / width, 0, 0, -1), (0, 2 / height, 0, -1), (0, 0, -1, 0), (0, 0, 0, 1))
    )
    with canvas.bind():
        framebuffer = gpu.state.active_framebuffer_get()
        framebuffer.clear(color=(0.0, 0.0, 0.0, 1.0))
        gpu.state.blend_set("ALPHA")
        with gpu.matrix.push_pop(), gpu.matrix.push_pop_projection():
            gpu.matrix.load_matrix(mathutils.Matrix.Identity(4))
            gpu.matrix.load_projection_matrix(to_clip_space)
            blf.position(0, 2, int(points * 0.5), 0)
            blf.color(0, 1, 1, 1, 1)
            blf.draw(0, text)
        pixels = framebuffer.read_color(0, 0, width, height, 4, 0, "UBYTE")
    canvas.free()
    pixels.dimensions = width * height * 4
    np.save(FOLDER / "words.npy", np.array(pixels, dtype=np.uint8).reshape(height, width, 4)[::-1, :, 0])


def workers():
    """Command lines of Python processes that run the extension's worker."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:  # ended meanwhile
            continue
        if "worker" in command and "python" in command and state != "Z":
            found.append(command.strip())
    return found


def answer():
    """Answer the driver's question, if there is one."""
    question = FOLDER / "question.json"
    if not question.exists():
        return
    asked = json.loads(question.read_text(encoding="utf-8"))
    question.unlink()
    reply = {"id": asked["id"]}
    try:
        if asked["kind"] == "exec":
            exec(asked["code"], globals())
            reply["value"] = None
        else:
            reply["value"] = eval(asked["code"], globals())
    except Exception:  # whatever the driver asked wrongly, it must be told
        reply["error"] = traceback.format_exc()
    made = FOLDER / "answer.tmp"
    made.write_text(json.dumps(reply, default=str), encoding="utf-8")
    made.rename(FOLDER / "answer.json")
    pulse.last = time.perf_counter()  # the question's own time is not Blender's


def tick():
    """The timer: it stays through file loads."""
    pulse.beat()
    answer()
    return PULSE_S


bpy.context.preferences.view.show_splash = False
bpy.app.timers.register(tick, first_interval=0.5, persistent=True)
