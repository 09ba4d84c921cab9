"""``python -m facewright.worker``: one job for a program that shows it to a person, such as the Blender extension.

One JSON line on stdin asks, JSON lines on stdout answer; stderr is for the log.

    {"verb": "reconstruct", "photo": FILE, "output": FOLDER, ...}   fields of api.ReconstructRequest
    {"verb": "faces", "photo": FILE, "folder": FOLDER}              all faces, with pictures written to FOLDER

    {"event": "hello", "protocol": 1, "versions": {...}}
    {"event": "progress", "stage": NAME, "fraction": 0..1, "until": fraction at the stage's end, "seconds": S}
    {"event": "result", "bundle": FOLDER, "seconds": {...}, "warnings": [...], "residual": {...}, ...}
    {"event": "faces", "photo": {...}, "faces": [{...}], "message": SENTENCE or null}
    {"event": "error", "kind": NAME, "message": SENTENCE}
    {"event": "cancelled"}

The job stops, and cleans up after itself, at the line {"cancel": true} and when stdin ends: a caller that dies, in
whatever way, leaves no process behind. Nothing is ever downloaded.
"""

from __future__ import annotations

import faulthandler
import json
import os
import platform
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import FrameType
from typing import Any

from . import __version__
from .errors import Cancelled, FaceError, MissingDependency

PROTOCOL = 1
FORSAKEN_S = 10.0
"""How long a job that lost its caller may take to its next stage before the process ends without it."""
HANGING_S = 180.0
"""A job without progress for so long hangs, and is ended even where it hangs in a library that lets no thread of
ours run (OpenBLAS does, without memory). Its threads' places go to the log."""
NICENESS = 5  # the caller's windows come first
# How libraries say that memory ran out, in errors of other kinds.
NO_MEMORY = ("failed to map segment", "annot allocate memory", "bad_alloc", "ailed to allocate memory")
BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "MKL_NUM_THREADS")  # see __main__

Json = dict[str, Any]


class Channel:
    """The lines to and from the caller, on descriptors of our own: 0 and 1 belong to whatever libraries do."""

    def __init__(self) -> None:
        self._answers, self._requests = os.dup(1), os.dup(0)
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        self._rest = b""
        self._lock = threading.Lock()

    def send(self, event: str, **values: Any) -> None:
        """Write one event. A caller that is gone is noticed where its lines are read."""
        faulthandler.dump_traceback_later(HANGING_S, exit=True)  # counted anew from every event
        line = json.dumps({"event": event, **values}, ensure_ascii=True, allow_nan=False) + "\n"
        with self._lock:
            content = memoryview(line.encode("ascii"))
            try:
                while content:
                    content = content[os.write(self._answers, content) :]
            except OSError:
                return

    def read(self) -> Json | None:
        """The next line, waiting for it; None at the end. A line that is no JSON object is an empty one."""
        # Not sys.stdin: its lock would make a thread that waits here a fatal error when the interpreter ends.
        while b"\n" not in self._rest:
            try:
                chunk = os.read(self._requests, 1 << 16)
            except OSError:
                chunk = b""
            if not chunk:
                return None
            self._rest += chunk
        line, self._rest = self._rest.split(b"\n", 1)
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}


class _Stop:
    """Whether to stop, and why; ``watch`` finds out."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._asked = threading.Event()
        self.clean: Callable[[], None] = lambda: None
        """Removes what is half written; for when the job itself is not to be waited for any longer."""

    def __call__(self) -> bool:
        return self._asked.is_set()

    def check(self) -> None:
        """Raise Cancelled where the caller asked to stop or went away."""
        if self():
            raise Cancelled("Stopped; nothing was written.")

    def ask(self) -> None:
        """From now on the job is to stop."""
        self._asked.set()

    def watch(self) -> None:
        """Run in a thread of its own: the caller's further lines, until they end."""
        while (line := self._channel.read()) is not None:
            if line.get("cancel") is True:
                self.ask()
        self.ask()
        time.sleep(FORSAKEN_S)
        self.clean()
        os._exit(1)


def main() -> int:
    """Do one job; 0 where a result, the faces or a sentence was sent."""
    for variable in BLAS_THREADS:
        os.environ.setdefault(variable, "1")
    faulthandler.enable()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    channel = Channel()
    versions = {"facewright": __version__, "python": platform.python_version()}
    channel.send("hello", protocol=PROTOCOL, versions=versions)
    request = channel.read()
    if request is None or request.get("cancel") is True:
        channel.send("cancelled")
        return 0
    stop = _Stop(channel)
    threading.Thread(target=stop.watch, daemon=True).start()

    def terminate(number: int, frame: FrameType | None) -> None:
        stop.ask()
        raise Cancelled("Stopped; nothing was written.")

    signal.signal(signal.SIGTERM, terminate)
    try:
        channel.send(**_answer(request, channel, stop))
    except Cancelled:
        channel.send("cancelled")
    except FaceError as error:
        channel.send("error", kind=type(error).__name__, message=str(error))
    except Exception as error:  # a fault of ours or of a library: the caller must hear of it, the log has the rest
        traceback.print_exc()
        if isinstance(error, MemoryError) or any(words in str(error) for words in NO_MEMORY):
            sentence = "There is not enough memory; a smaller photo or a smaller texture needs less."
            channel.send("error", kind="MemoryError", message=sentence)
            return 0
        reason = f"{type(error).__name__}: {error}".partition("\n")[0][:200].rstrip(".")
        channel.send("error", kind="Unexpected", message=f"Something went wrong inside Facewright ({reason}).")
    return 0


class _BadRequest(Exception):
    """The caller asks for what there is not: its own fault, not a person's."""


def _answer(request: Json, channel: Channel, stop: _Stop) -> Json:
    """Do what the request asks for and return the last event. Raises FaceError, _BadRequest."""
    verbs = {"reconstruct": _reconstruct, "faces": _faces}
    verb = request.pop("verb", None)
    if verb not in verbs:
        raise _BadRequest(f"there is no verb {verb!r}")
    try:
        return verbs[verb](request, channel, stop)
    except KeyError as error:
        raise _BadRequest(f"the request lacks {error}") from error


def _reconstruct(request: Json, channel: Channel, stop: _Stop) -> Json:
    from .api import STAGES, ReconstructRequest, reconstruct
    from .head.output_folder import remove_partial

    unknown = sorted(set(request) - {field.name for field in fields(ReconstructRequest)})
    if unknown:
        raise _BadRequest(f"a reconstruction has no {', '.join(unknown)}")
    for name in ("photo", "output", "model"):
        if request.get(name) is not None:
            request[name] = Path(request[name])
    request["models_dir"] = _models(request)
    request["exports"] = tuple(request.get("exports", ()))
    asked = ReconstructRequest(**request)
    stop.clean = lambda: remove_partial(asked.output, os.getpid())
    started = time.monotonic()
    begun: set[str] = set()

    def progress(stage: str, fraction: float) -> None:
        # A stage is reported when it begins and when it ends.
        until = fraction if stage in begun else min(1.0, fraction + STAGES.get(stage, 0.0))
        begun.add(stage)
        seconds = round(time.monotonic() - started, 3)
        channel.send("progress", stage=stage, fraction=round(fraction, 4), until=round(until, 4), seconds=seconds)

    result = reconstruct(asked, progress, stop)
    return {
        "event": "result",
        "bundle": str(result.bundle),
        "seconds": result.seconds,
        "peak_memory_mb": result.peak_memory_mb,
        "residual": result.record["residual"],
        "warnings": list(result.warnings),
    }


def _faces(request: Json, channel: Channel, stop: _Stop) -> Json:
    from .photo.face_list import STAGES, list_faces

    photo, folder = Path(request["photo"]), Path(request["folder"])
    started = time.monotonic()

    def check(stage: str) -> None:
        stop.check()
        names = list(STAGES)
        fraction = sum(STAGES[name] for name in names[: names.index(stage)])
        seconds = round(time.monotonic() - started, 3)
        channel.send("progress", stage=stage, fraction=fraction, until=fraction + STAGES[stage], seconds=seconds)

    found = list_faces(photo, folder, _models(request), int(request.get("threads", 2)), check)
    stop.check()
    return {
        "event": "faces",
        "photo": {
            "width": found.size[0],
            "height": found.size[1],
            "original_size": list(found.original_size),
            "focal_length_mm": found.focal_length_mm,
            "picture": str(found.picture),
            "warnings": list(found.warnings),
        },
        "faces": [face._asdict() | {"picture": str(face.picture)} for face in found.faces],
        "message": found.message,
    }


def _models(request: Json) -> Path:
    """Folder with the landmark networks. Raises MissingDependency: a window is no place to download in."""
    from .photo.model_files import models_on_disk

    given = request.get("models_dir")
    folder = Path(given) if given is not None else models_on_disk()
    if folder is None:
        raise MissingDependency(
            "The networks that find faces are not there: install Facewright again "
            "(or, without the extension, run `facewright fetch-models` once)."
        )
    return folder


if __name__ == "__main__":
    code = main()
    # Everything has been said and written; a library's clean-up could only take time or crash.
    os._exit(code)
