"""The one running job of this Blender, and what became of the last one.

    job = session.start("faces", {"photo": path, "folder": folder}, on_event=show)
    event = session.wait(job)    # in a script, which blocks to the end

Events (see ``process.py``) are handed to ``on_event`` in the main thread, where bpy may be used, ten times a second
while a window is open. Jobs hold plain data only: no object of Blender outlives a callback here.
"""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import bpy

from .. import preferences
from ..backend_door import BACKEND_PARENT, FaceError, MissingDependency, remove_partial, worker_module
from .process import FINAL, Event, Launch, Request, WorkerProcess, new_log, python_executable

INTERVAL_S = 0.1
SUCCESS = frozenset({"result", "faces"})
NEEDED_PACKAGES = {
    "numpy": "numpy", "scipy": "scipy", "cv2": "OpenCV", "onnxruntime": "onnxruntime", "PIL": "Pillow",
}  # fmt: skip
SUBJECTS = {"reconstruct": "The reconstruction", "faces": "Looking for faces", "textures": "Making the textures"}
# Of the whole bar: until the worker has loaded what it needs, and its own stages; the rest is this side's.
START_SHARE, WORKER_SHARE = 0.08, 0.80
EXPECTED_S = 6.0  # of a reconstruction on two cores; only until the running job has shown its own speed
# The stages of the backend and of this side, in the words of the panel.
STAGE_WORDS = {
    "start": "Starting",
    "photo": "Reading the photo",
    "networks": "Getting ready to look",
    "landmarks": "Looking for the face",
    "face model": "Fitting the head",
    "fit": "Fitting the head",
    "head": "Building the expressions",
    "textures": "Painting the skin",
    "preview": "Painting the skin",
    "write": "Saving the head",
    "read": "Loading the head",
    "wait": "Ready; waiting for Object Mode",
    "build": "Adding the head to the scene",
}


class Busy(FaceError):
    """A job is running already."""


class JobFailed(FaceError):
    """A job ended without a result. ``kind``: the error's name; ``log``: the file that tells more, or None."""

    def __init__(self, message: str, kind: str, log: str | None) -> None:
        super().__init__(message)
        self.kind, self.log = kind, log


class Outcome(NamedTuple):
    """How the last job ended, for the panel. ``level``: "INFO", "WARNING" or "ERROR"; ``seconds`` it took."""

    kind: str
    level: str
    message: str
    log: str | None
    seconds: float


class Job:
    """A job: its kind, its process, and how far it is."""

    def __init__(self, kind: str, process: WorkerProcess, on_event: Callable[[Event], None] | None) -> None:
        self.kind = kind
        self.process = process
        self.final: Event | None = None
        """The last event, once it has come."""
        self.held = False
        """Whether the job goes on after its last event, until ``release``: the scene is still to be built."""
        self._on_event = on_event
        self._started = self._stage_started = time.monotonic()
        self._begun = 0.0  # when the first stage did, once it has
        self._stage, self._fraction, self._until = "start", 0.0, START_SHARE

    @property
    def seconds(self) -> float:
        """Since the start."""
        return time.monotonic() - self._started

    @property
    def stage(self) -> str:
        """What goes on, in words for the panel."""
        return STAGE_WORDS.get(self._stage, self._stage)

    @property
    def fraction(self) -> float:
        """How much is done, 0 to 1; inside a stage it goes on at the job's own speed, up to the stage's end."""
        speed = 1.0 / EXPECTED_S
        if self._fraction > 2.0 * START_SHARE:  # by then it tells more than our expectation
            speed = (self._fraction - START_SHARE) / max(self._stage_started - self._begun, 0.1)
        return min(self._fraction + speed * (time.monotonic() - self._stage_started), self._until)

    def enter(self, stage: str, fraction: float, until: float) -> None:
        """A stage begins at ``fraction`` of the whole and ends at ``until``."""
        self._begun = self._begun or time.monotonic()
        self._stage, self._fraction, self._until = stage, max(fraction, self._fraction), until
        self._stage_started = time.monotonic()

    def take(self, event: Event) -> None:
        """Digest one event and hand it on."""
        if event["event"] == "progress":
            self.enter(event["stage"], *(START_SHARE + WORKER_SHARE * event[end] for end in ("fraction", "until")))
        elif event["event"] in FINAL:
            self.final = event
        if self._on_event is not None:
            self._on_event(event)


_job: Job | None = None
_last: Outcome | None = None


def running() -> Job | None:
    """The job that runs, or None."""
    return _job


def last() -> Outcome | None:
    """How the last job that a person started ended; None before the first and while one runs."""
    return _last


def start(
    kind: str,
    request: Request | Callable[[], Request],
    on_event: Callable[[Event], None] | None = None,
    *,
    verb: str | None = None,
    prepare: Callable[[Event], Any] | None = None,
    held: bool = False,
) -> Job:
    """Start a worker and return at once.

    Parameters
    ----------
    kind : "reconstruct", "faces", "textures": what the sentences about it begin with
    request : the worker's request without ``verb``, ``threads``; or a function that gives it, which is called in
        another thread, may read files, and must not touch bpy
    on_event : called in the main thread with every event; the last one is of process.FINAL
    verb : of the worker; by default the kind
    prepare : called in another thread with the event ``result``; what it returns is ``event["prepared"]``. It must
        not touch bpy
    held : the job lasts until ``release``, not only until its last event

    Raises
    ------
    Busy : another job runs. A look for faces is stopped instead, without a word
    MissingDependency : a package of the extension is not there
    OutputUnwritable : no log can be written
    """
    global _job, _last
    if _job is not None:
        if _job.kind != "faces":
            raise Busy(f"{SUBJECTS.get(_job.kind, 'A job')} is still running; wait for it or cancel it.")
        stop()
    threads = preferences.settings().threads
    launch = _launch(kind)
    output: list[Path] = []

    def whole_request() -> Request:
        asked = dict(request() if callable(request) else request)
        output.extend([Path(asked["output"])] if "output" in asked else [])
        return {"verb": verb or kind, "threads": threads, **asked}

    def clean(pid: int) -> None:
        for folder in output:
            remove_partial(folder, pid)

    process = WorkerProcess(launch, whole_request, SUBJECTS.get(kind, "The job"), prepare, clean, FaceError)
    job = Job(kind, process, on_event)
    job.held = held
    _job = job
    if kind != "faces":
        _last = None
    process.start()
    # A held job has an operator with a timer of its own.
    if not held and not bpy.app.background and not bpy.app.timers.is_registered(_tick):
        bpy.app.timers.register(_tick, first_interval=INTERVAL_S, persistent=True)
    return job


def pump() -> None:
    """Hand out what the running job has said since the last time. Main thread only."""
    global _job, _last
    job = _job
    if job is None or job.final is not None:
        return
    for event in job.process.poll():
        if event["event"] in FINAL and not job.held and _job is job:
            _job = None
            if event["event"] == "error" and job.kind != "faces":
                _last = Outcome(job.kind, "ERROR", event["message"], event["log"], job.seconds)
        job.take(event)


def wait(job: Job) -> Event:
    """Block until the job's last event and return it.

    Raises
    ------
    JobFailed : it ended with an error, or somebody cancelled it
    """
    try:
        while job.final is None:
            if _job is not job:
                raise JobFailed("The job was stopped.", "Cancelled", None)
            pump()
            time.sleep(0.01)
    except BaseException:  # Ctrl-C in a script
        if _job is job:
            stop()
        raise
    return checked(job.final)


def checked(event: Event) -> Event:
    """A last event that is a result. Raises JobFailed for any other."""
    if event["event"] == "error":
        raise JobFailed(event["message"], event["kind"], event["log"])
    if event["event"] == "cancelled":
        raise JobFailed("The job was stopped.", "Cancelled", None)
    return event


def cancel() -> bool:
    """Stop the running job; its ``on_event`` gets ``cancelled`` soon. False where none runs."""
    if _job is None:
        return False
    if _job.final is not None:  # the worker is done, the scene is not built yet
        _job.final = {"event": "cancelled"}
    _job.process.cancel()
    return True


def release(job: Job, outcome: Outcome | None = None) -> None:
    """End a held job; ``outcome`` is what the panel shows from now on."""
    global _job, _last
    if _job is job:
        _job = None
    if outcome is not None:
        _last = outcome


def note(outcome: Outcome) -> None:
    """Let the panel show an outcome of something that never became a job."""
    global _last
    _last = outcome


def stop() -> None:
    """End the running job without a word to anybody: a file is loaded, the extension is disabled, Blender quits."""
    global _job
    job, _job = _job, None
    if job is not None:
        job.final = job.final or {"event": "cancelled"}
        job.process.cancel()


def redraw() -> None:
    """Draw the sidebars of all 3D views anew."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()


_drawn: tuple[object, ...] = ()


def redraw_changes() -> None:
    """``redraw``, where what the panel shows about the job is not what it showed at the last call."""
    global _drawn
    job = _job
    shown = (_last,) if job is None else (job.stage, round(200.0 * job.fraction), int(job.seconds))
    if shown != _drawn:
        _drawn = shown
        redraw()


def _tick() -> float | None:
    """Blender's timer while a job runs."""
    try:
        pump()
    finally:
        redraw_changes()
    return None if _job is None else INTERVAL_S


def _launch(kind: str) -> Launch:
    try:
        return Launch(
            python_executable(), worker_module(), package_folders(), new_log(preferences.logs_folder(), kind)
        )
    except OSError as error:
        raise MissingDependency(str(error)) from error


def package_folders() -> tuple[Path, ...]:
    """Where the backend and the packages that it needs lie, in the order in which this Blender looks for them.

    Raises MissingDependency.
    """
    found = [] if BACKEND_PARENT is None else [BACKEND_PARENT]
    for package, name in NEEDED_PACKAGES.items():
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise MissingDependency(
                f"The package {name}, which comes with Facewright, is not there; install the extension again."
            )
        folder = Path(spec.origin).parent.parent
        if folder not in found:
            found.append(folder)
    return tuple(found)


def register() -> None:
    """See to it that no worker outlives Blender."""
    atexit.register(stop)


def unregister() -> None:
    """Stop what runs."""
    stop()
    atexit.unregister(stop)
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)
