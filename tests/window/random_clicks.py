"""Runs inside the windowed Blender: one random sequence of what background mode cannot do.

Jobs are modal here, as from a button: while they run the person undoes, deletes, loads another file, starts a
second one, disables the add-on. Between steps the window is drawn with the tab in view, so that every panel's
drawing meets every state. ``random_sequences.py`` sets SEED and STEPS, and judges what was printed.
"""

import importlib
import os
import random
import time
import traceback
from pathlib import Path

import bpy

SEED, STEPS = 0, 15  # replaced by the driver
PACKAGE = "bl_ext.user_default.facewright"
PHOTO, OUT = Path(os.environ["FACEWRIGHT_PHOTO"]), Path(os.environ["FACEWRIGHT_OUT"])
JOB_END_S = 90.0
choose = random.Random(SEED)


def part(name):
    """A module of the extension."""
    return importlib.import_module(f"{PACKAGE}.{name}")


def view():
    """What a click in the 3D view gives an operator."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    return {"window": window, "screen": window.screen, "area": area, "region": region}


def click(operator, how="INVOKE_DEFAULT", **values):
    """An operator as from a button; refusals are lines."""
    space, name = operator.split(".")
    call = getattr(getattr(bpy.ops, space), name)
    with bpy.context.temp_override(**view()):
        try:
            if not call.poll():
                return f"{operator}: not possible now"
            return f"{operator} {values}: {call(how, True, **values)}"
        except RuntimeError as error:
            if "Traceback" in str(error):
                raise
            return f"{operator} {values}: refused: {str(error).strip().splitlines()[-1][:120]}"


def heads():
    return list(part("heads").heads_of(bpy.context.scene))


def activate():
    """Make some head active, in Object Mode."""
    if bpy.context.mode != "OBJECT":
        click("object.mode_set", "EXEC_DEFAULT", mode="OBJECT")
    found = heads()
    if found:
        with bpy.context.temp_override(**view()):
            head = choose.choice(found)
            bpy.context.view_layer.objects.active = head
            head.select_set(True)
    return bool(found)


def choose_photo():
    line = click("facewright.choose_photo", "EXEC_DEFAULT", filepath=str(PHOTO))
    bpy.context.scene.facewright_photo.texture_size = "512"
    return line


def reconstruct():
    choose_photo()
    return click("facewright.reconstruct")


def wait_for_job():
    """The person waits until the head is there."""
    Walk.patient_until = time.monotonic() + JOB_END_S
    return "wait for the running job"


def cancel():
    return click("facewright.cancel")


def steps_of_undo():
    return "; ".join(click(choose.choice(["ed.undo", "ed.undo", "ed.redo"])) for _ in range(choose.randint(1, 3)))


def duplicate():
    if not activate():
        return None
    for obj in part("heads").parts_of(bpy.context.object):
        if obj is not None:
            obj.select_set(True)
    return click("object.duplicate", "EXEC_DEFAULT")


def delete():
    if not activate():
        return None
    chosen = choose.choice([obj for obj in part("heads").parts_of(bpy.context.object) if obj is not None])
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj == chosen)
    return click("object.delete", "EXEC_DEFAULT", use_global=choose.random() < 0.5)


def mode():
    if not activate():
        return None
    return click("object.mode_set", "EXEC_DEFAULT", mode=choose.choice(["EDIT", "SCULPT", "OBJECT"]))


def on_head(operator, **values):
    return lambda: click(operator, "EXEC_DEFAULT", **values) if activate() else None


def rename():
    if not activate():
        return None
    bpy.context.object.name = choose.choice(["Hero", "Ärger", "x" * 60])
    return f"rename to {bpy.context.object.name}"


def save():
    return click("wm.save_as_mainfile", "EXEC_DEFAULT", filepath=str(OUT / "file.blend"))


def load():
    path = OUT / "file.blend"
    if not path.is_file() or choose.random() < 0.3:
        return click("wm.read_homefile", "EXEC_DEFAULT", app_template="")
    return click("wm.open_mainfile", "EXEC_DEFAULT", filepath=str(path))


def export():
    if not activate():
        return None
    return click("facewright.export", filepath=str(OUT / "head.glb"), preset="GLB", check_existing=False)


def restart_addon():
    bpy.ops.preferences.addon_disable(module=PACKAGE)
    bpy.ops.preferences.addon_enable(module=PACKAGE)
    return "disable and enable the extension"


def workspace():
    window = bpy.context.window_manager.windows[0]
    there = [space for space in bpy.data.workspaces if space.name in ("Layout", "Modeling")]
    window.workspace = choose.choice(there or [window.workspace])
    return f"workspace {window.workspace.name}"


WHAT = {
    choose_photo: 0.5, reconstruct: 3, wait_for_job: 3, cancel: 1, steps_of_undo: 3, duplicate: 2, delete: 2,
    mode: 1.5, rename: 1, save: 1.5, load: 1.2, export: 1, restart_addon: 0.5, workspace: 0.5,
    on_head("facewright.link_sides"): 1.5, on_head("facewright.photo_expression"): 1,
    on_head("facewright.rebuild"): 2, on_head("facewright.key_expressions"): 1,
    on_head("facewright.look_through_photo"): 2, on_head("facewright.show_seen"): 2,
    on_head("facewright.apply_key_expression", expression="grin"): 1,
    on_head("facewright.set_size", measure="PUPILS", length=0.06): 1,
}  # fmt: skip


def show_tab():
    """The sidebar with our tab, drawn now."""
    try:
        with bpy.context.temp_override(**view()):
            space = bpy.context.space_data
            space.show_region_ui, space.shading.type = True, "SOLID"
            sidebar = next(region for region in bpy.context.area.regions if region.type == "UI")
            if sidebar.active_panel_category != "Facewright":
                sidebar.active_panel_category = "Facewright"
            bpy.context.area.tag_redraw()
    except (AttributeError, TypeError, StopIteration):
        return  # not drawn yet, or a workspace without a 3D view


class Walk:
    """One step for each tick of a timer, then the wait for what still runs."""

    done, until, patient_until = 0, None, 0.0

    def __call__(self):
        try:
            return self.tick()
        except Exception:
            traceback.print_exc()
            self.end("SEQUENCE FAILED")
            return None

    def tick(self):
        bpy.context.preferences.view.show_splash = False
        show_tab()
        if time.monotonic() < Walk.patient_until and part("job.session").running() is not None:
            return 0.2
        if self.done < STEPS:
            line = reconstruct() if self.done == 0 else None
            while line is None:
                line = choose.choices(list(WHAT), list(WHAT.values()))[0]()
            self.done += 1
            print(f"step {self.done}: {line}", flush=True)
            return choose.choice([0.1, 0.4, 1.0, 2.5])
        self.until = self.until or time.monotonic() + JOB_END_S
        job, task = part("job.session").running(), part("exporting.running").current()
        if job is None and task is None and not workers():
            self.end("SEQUENCE OK")
            return None
        if time.monotonic() > self.until:
            print("still running:", job and job.kind, task, workers())
            self.end("SEQUENCE FAILED")
            return None
        return 0.3

    @staticmethod
    def end(word):
        print(word, flush=True)
        bpy.ops.wm.quit_blender()


def workers():
    """Our own processes that have not ended."""
    left = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if int(parent) == os.getpid() and state != "Z" and b"launch.py" in command:
            left.append(int(folder.name))
    return left


bpy.app.timers.register(Walk(), first_interval=2.0, persistent=True)
