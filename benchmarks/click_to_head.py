"""From the click on Reconstruct to a head that can be posed, and how long Blender's main thread stands still.

    python benchmarks/click_to_head.py PHOTO [--texture-size 2048] [--json OUT]    # needs bpy; no window
    python tests/window/run.py --script benchmarks/click_to_head.py    # a real window

In a window the operator is invoked as the button does it. A timer ticks in the main thread as often as Blender
lets it; the longest gap between two ticks is the longest stall, with all drawing in it, told apart into: idle
before the click; drawing the sidebar without a job, as often as the progress bar is drawn; the click; while the
worker runs; the building of the scene; and the first second after it, when the head is drawn for the first time.
Then Undo and Redo must take the head away and bring it back. At last a second run with the sidebar closed
("closed"): what is left is our own part of the main thread, without drawing, which takes long where it is done in
software. Without a window there is nothing to draw: the numbers are those of the job and of the build alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy

TICK_S = 0.002
IDLE_S, AFTER_S = 3.0, 1.5
BARS = {"seconds": 8.0, "running_ms": 50.0, "build_ms": 1500.0}


def heads() -> list[bpy.types.Object]:
    """The heads of the scene."""
    return [obj for obj in bpy.context.scene.objects if obj.type == "MESH" and "facewright" in obj]


def pose(head: bpy.types.Object) -> None:
    """Move a slider and let Blender evaluate it: from here on the head can be posed."""
    head.data.shape_keys.key_blocks["jawOpen"].value = 0.5
    bpy.context.view_layer.update()


class Window:
    """The measurement in a window: a generator of phases, resumed by every tick of a timer."""

    def __init__(self, photo: str, texture_size: str, out: Path) -> None:
        self.out = out
        self.gaps: dict[str, float] = {}
        self.bars: dict[str, list[tuple[float, str, float]]] = {}
        self.context: dict[str, Any] = {}
        self.result: dict[str, Any] = {"blender": bpy.app.version_string, "machine": machine(), "window": True}
        self.phase = "start"
        self._last = time.perf_counter()
        bpy.context.preferences.view.show_splash = False
        chosen = bpy.context.scene.facewright_photo
        chosen.filepath, chosen.texture_size = photo, texture_size
        self._steps = self._run()

    def tick(self) -> float | None:
        """Note how long the main thread was away, and go on."""
        now = time.perf_counter()
        if self.phase.endswith("running") and not bpy.context.window_manager.facewright.is_running:
            self.phase = self.phase.replace("running", "build")  # that was since the last tick
        self.gaps[self.phase] = max(self.gaps.get(self.phase, 0.0), now - self._last)
        try:
            next(self._steps)
        except StopIteration:
            self._end(0)
        except Exception:
            traceback.print_exc()
            self._end(1)
        # What was done here is a stall only where it stands for what the button does.
        self._last = now if self.phase.endswith("click") else time.perf_counter()
        return TICK_S

    def _wait(self, seconds: float) -> Iterator[None]:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            yield

    def _run(self) -> Iterator[None]:
        window = bpy.context.window_manager.windows[0]
        area = max((a for a in window.screen.areas if a.type == "VIEW_3D"), key=lambda a: a.width * a.height)
        area.spaces.active.show_region_ui = True
        yield from self._wait(2.0)
        side = next(region for region in area.regions if region.type == "UI")
        side.active_panel_category = "Facewright"
        yield from self._wait(4.0)  # what opening a tab draws, and the look for faces of the photo
        self.phase = "idle"
        yield from self._wait(IDLE_S)
        self.phase = "drawing"
        for _ in range(20):
            side.tag_redraw()
            yield from self._wait(0.1)
        self.context = {
            "window": window, "area": area, "region": next(r for r in area.regions if r.type == "WINDOW"),
        }  # fmt: skip
        yield from self._reconstruct("")
        self.phase = "undo"
        counts = []
        for step in (bpy.ops.ed.undo, bpy.ops.ed.redo):
            with bpy.context.temp_override(**self.context):
                step()
            counts.append(len(heads()))
            yield
        self.result["heads after undo and redo"] = counts
        area.spaces.active.show_region_ui = False
        yield from self._wait(3.0)
        yield from self._reconstruct("closed_")

    def _reconstruct(self, run: str) -> Iterator[None]:
        """One click, to its end; ``run`` is put before the names of its numbers."""
        session, before = bpy.context.window_manager.facewright, len(heads())
        self.phase = f"{run}click"
        started = time.perf_counter()
        with bpy.context.temp_override(**self.context):
            bpy.ops.facewright.reconstruct("INVOKE_DEFAULT")
        yield
        self.phase = f"{run}running"
        bar: list[tuple[float, str, float]] = []
        while session.is_running:
            shown = (session.stage, round(session.fraction, 2))
            if not bar or shown != bar[-1][1:]:
                bar.append((round(time.perf_counter() - started, 2), *shown))
            yield
        if len(heads()) != before + 1:
            raise RuntimeError(session.message)
        pose(bpy.context.object)
        self.result[f"{run}seconds"] = round(time.perf_counter() - started, 2)
        self.bars[run or "open_"] = bar
        self.phase = f"{run}after"
        yield
        yield from self._wait(AFTER_S)

    def _end(self, code: int) -> None:
        self.result |= {f"{name}_ms": round(1000.0 * gap, 1) for name, gap in self.gaps.items()}
        text = json.dumps(self.result, indent=1)
        print(text, flush=True)
        self.result["progress"] = self.bars
        (self.out / "click_to_head.json").write_text(json.dumps(self.result) + "\n", encoding="utf-8")
        os._exit(code)


def without_window(photo: str, texture_size: str) -> dict[str, Any]:
    """The measurement in bpy as a module: this loop stands in for Blender's own."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    import blender_addon
    from blender_addon.job import session
    from blender_addon.operators.reconstruct import photo_settings
    from blender_addon.scene.add import add_head, prepare

    bpy.ops.wm.read_factory_settings(use_empty=True)
    blender_addon.register()
    chosen = bpy.context.scene.facewright_photo
    chosen.filepath, chosen.texture_size = photo, texture_size
    session.stop()  # the look for faces
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        request = photo_settings(bpy.context.scene) | {"output": str(Path(folder) / "head")}
        started = last = time.perf_counter()
        job = session.start("reconstruct", request, prepare=lambda event: prepare(Path(event["bundle"])), held=True)
        click, running = time.perf_counter() - started, 0.0
        while job.final is None:
            session.pump()
            time.sleep(TICK_S)
            now = time.perf_counter()
            running, last = max(running, now - last), now
        event = session.checked(job.final)
        before = time.perf_counter()
        add_head(bpy.context, event["prepared"], Path(photo))
        build = time.perf_counter() - before
        session.release(job)
    pose(heads()[0])
    seconds = time.perf_counter() - started
    blender_addon.unregister()
    return {
        "blender": bpy.app.version_string, "machine": machine(), "window": False, "seconds": round(seconds, 2),
        "worker": event["seconds"], "click_ms": round(1000 * click, 1), "running_ms": round(1000 * running, 1),
        "build_ms": round(1000 * build, 1),
    }  # fmt: skip


def machine() -> str:
    """What this was measured on."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def main() -> int:
    """The command line, where there is no window."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--texture-size", default="2048", choices=("512", "1024", "2048", "4096"))
    parser.add_argument("--json", type=Path, help="write the numbers here")
    options = parser.parse_args()
    numbers = without_window(str(options.photo.absolute()), options.texture_size)
    text = json.dumps(numbers, indent=1)
    print(text)
    if options.json:
        options.json.write_text(text + "\n", encoding="utf-8")
    missed = [name for name, bar in BARS.items() if numbers[name] > bar]
    if missed:
        print(f"above the bar: {', '.join(f'{name} (bar {BARS[name]:.0f})' for name in missed)}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    if bpy.app.background:
        code = main()
        sys.stdout.flush()
        os._exit(code)  # Blender's module may crash when the interpreter ends
    measured = Window(os.environ["FACEWRIGHT_PHOTO"], "2048", Path(os.environ["FACEWRIGHT_OUT"]))
    bpy.app.timers.register(measured.tick, first_interval=2.0)
