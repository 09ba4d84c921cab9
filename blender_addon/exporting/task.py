"""An export from this Blender's side: gather the heads, start the worker, follow it, and what came of it.

    task = start([head], scene, settings)     # reads the heads; nothing of the scene is changed
    while not task.poll(): ...                # or task.wait() in a script
    report = task.report
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import bpy

from .. import preferences
from ..backend_door import Density
from ..detail_nodes.controls import detail_modifier
from ..export import ExportFailed
from . import snapshot as snapshots
from .density import reduced
from .gather import gather, left_out, write_library
from .gather_detail import save_detail
from .presets import PRESETS
from .sample import Range

STAGES = {"start": "Starting", "write": "Writing {}", "maps": "Wrinkle maps of {}", "check": "Checking {}"}
# Share of one head's time that is over when a stage begins.
DONE_BEFORE = {"write": 0.2, "maps": 0.55, "check": 0.75}


class Settings(NamedTuple):
    """preset: key in PRESETS; path: the file, with suffix; several heads get their names added to it; wrinkle_maps:
    beside the files of heads that have dynamic detail."""

    preset: str
    path: Path
    density: Density = Density.FULL
    animation: Range = Range.SCENE
    wrinkle_maps: bool = True


class Written(NamedTuple):
    """A file: its head, place, the check's line and problems, and what was left out of it."""

    head: str
    path: Path
    line: str
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    facts: dict[str, Any]


class Report(NamedTuple):
    """What came of an export. ``error``: one sentence where it failed, else ""; ``cancelled`` by the person."""

    written: tuple[Written, ...]
    error: str
    cancelled: bool
    seconds: float

    @property
    def level(self) -> str:
        """ "INFO", "WARNING" (written, but the check found something) or "ERROR"."""
        if self.error:
            return "ERROR"
        return "WARNING" if any(file.problems for file in self.written) else "INFO"

    def lines(self) -> list[str]:
        """For the person: one line for each file, or the error."""
        if self.cancelled:
            return ["Export cancelled"]
        result = []
        for file in self.written:
            if file.problems:
                problems = "; ".join(file.problems)
                result.append(f"{file.path.name} was written, but reading it back shows: {problems}")
            else:
                result.append(f"{file.path.name}: {file.line}")
            result.extend(file.notes)
        return result + ([self.error] if self.error else [])


class Task:
    """A running export; plain data and a process, nothing of Blender's."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], notes: dict[str, tuple[str, ...]]) -> None:
        self.report: Report | None = None
        self.stage, self.fraction = STAGES["start"], 0.05
        """What is being done, in words, and about how much of the whole is done."""
        self._folder, self._process, self._notes = folder, process, notes
        self._started = time.monotonic()
        self._read = 0
        self._events: list[dict[str, Any]] = []

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    def poll(self) -> bool:
        """Look after the worker; True once ``report`` is there."""
        if self.report is not None:
            return True
        ended = self._process.poll() is not None
        self._take_events()
        if ended:
            self._finish(cancelled=False)
        return ended

    def wait(self) -> Report:
        """Block until the end."""
        self._process.wait()
        self.poll()
        assert self.report is not None  # the process has ended
        return self.report

    def cancel(self) -> None:
        """Stop the worker. Files that it has not finished do not appear."""
        if self.report is None:
            self._process.kill()
            self._process.wait()
            self._take_events()
            self._finish(cancelled=True)

    def _take_events(self) -> None:
        file = self._folder / "events"
        if not file.is_file():
            return
        with file.open(encoding="utf-8") as stream:
            stream.seek(self._read)
            for line in iter(stream.readline, ""):
                if not line.endswith("\n"):
                    break  # still being written
                self._read = stream.tell()
                event = json.loads(line)
                self._events.append(event)
                if event["event"] == "stage":
                    self.stage = STAGES[event["name"]].format(event["head"])
                    finished = sum(entry["event"] == "written" for entry in self._events)
                    self.fraction = (finished + DONE_BEFORE[event["name"]]) / len(self._notes)

    def _finish(self, cancelled: bool) -> None:
        written = tuple(
            Written(
                event["head"], Path(event["path"]), event["line"], tuple(event["problems"]),
                (*event["notes"], *self._notes[event["head"]]), event,
            )
            for event in self._events if event["event"] == "written"
        )  # fmt: skip
        error = next((event["message"] for event in self._events if event["event"] == "error"), "")
        done = any(event["event"] == "done" for event in self._events)
        if not cancelled and not error and not done:
            log = preferences.logs_folder() / "export.log"
            shutil.copyfile(self._folder / "log", log)
            error = f"The export ended unexpectedly (code {self._process.returncode}); {log} tells more."
        self.report = Report(written, error, cancelled, self.seconds)
        shutil.rmtree(self._folder, ignore_errors=True)


def start(heads: Sequence[bpy.types.Object], scene: bpy.types.Scene, settings: Settings) -> Task:
    """Read the heads and start writing them. Raises FaceError, with nothing written or left behind."""
    if not settings.path.parent.is_dir():
        raise ExportFailed(f"The folder {settings.path.parent} does not exist.")
    folder = Path(tempfile.mkdtemp(prefix="export-", dir=preferences.user_folder()))
    try:
        notes = {}
        entries = []
        for number, head in enumerate(heads):
            here = folder / str(number)
            here.mkdir()
            whole = gather(head, scene, settings.animation)
            detailed = settings.wrinkle_maps and save_detail(head, whole, here / "detail.npz")
            snapshot = reduced(whole, settings.density)
            library = write_library(head, here / "library.blend")
            names = tuple(library.materials.get(name, name) for name in snapshot.materials)
            snapshot = snapshot._replace(materials=names)
            snapshots.save(snapshot, here / "head.npz")
            entries.append({
                "name": head.name, "path": str(_path(settings.path, head.name, len(heads) > 1)),
                "snapshot": str(here / "head.npz"), "library": str(here / "library.blend"),
                "armature": library.armature, "detail": str(here / "detail.npz") if detailed else None,
            })  # fmt: skip
            notes[head.name] = _notes(head, detailed)
        job = {"preset": PRESETS[settings.preset].key, "heads": entries, "search": [p for p in sys.path if p]}
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        return Task(folder, _launch(folder), notes)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ExportFailed(f"The export could not be started: {error.strerror or error}.") from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _launch(folder: Path) -> subprocess.Popen[bytes]:
    script = str(Path(__file__).with_name("launch.py"))
    job = str(folder / "job.json")
    if bpy.app.binary_path:
        command = [bpy.app.binary_path, "--background", "--factory-startup", "--python", script, "--", job]
    else:  # Blender as a Python module
        command = [sys.executable, script, job]
    # A Blender with factory settings removes the wheels of all extensions from the person's user folder: as far as
    # it knows, none is enabled. So it gets a user folder of its own.
    user = folder / "user"
    user.mkdir()
    others = {name: value for name, value in os.environ.items() if not name.startswith("BLENDER_USER_")}
    environment = {**others, "BLENDER_USER_RESOURCES": str(user)}
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment
        )


def _path(path: Path, head: str, several: bool) -> Path:
    """Where a head goes: of several, each gets its name added to the file's."""
    return path.with_name(f"{path.stem}_{bpy.path.clean_name(head)}{path.suffix}") if several else path


def _notes(head: bpy.types.Object, detailed: bool) -> tuple[str, ...]:
    """What is not in the file; detail that lies beside it as maps is not missing."""
    shown = detail_modifier(head) if detailed else None
    names = [name for name in left_out(head) if shown is None or name != shown.name]
    return (f"Not in the file: modifier {', '.join(names)} of {head.name}",) if names else ()
