"""One run of the backend's worker: a process of its own, watched by a thread. Knows nothing of Blender.

The worker gets its request as one JSON line on stdin and answers with JSON lines on stdout, each with an ``event``:

    hello      protocol, versions
    progress   stage, fraction (done of the whole, 0..1), until (the fraction at the stage's end), seconds
    faces      what a look for faces found                                 \\
    result     the bundle of a reconstruction                               | the last event is always
    error      kind (an error's name), message (one sentence), log          | exactly one of these
    cancelled                                                              /

``cancelled`` and the errors of a worker that ended without a word are put in here. A worker stops when its stdin
ends, so that none outlives Blender, however that ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

Event = dict[str, Any]
Request = Mapping[str, Any]

FINAL = frozenset({"faces", "result", "error", "cancelled"})
TOLD_IN_LOG = frozenset({"Unexpected", "MemoryError"})  # errors of which the log tells more than the sentence
KEPT_LOGS = 10
HELLO_S = 90.0
"""A worker that has not said hello after this time will not: virus scanners can hold a first start for a minute."""
SILENCE_S = 200.0
"""The longest stage takes 2 s on two cores. A worker that hangs ends itself a little earlier; see its log."""
POLITE_S, TERMINATE_S = 1.5, 3.0
"""How long a worker may take to stop by itself, and then to end after the system's request, before it is killed."""
_LAUNCHER = Path(__file__).with_name("launch.py")
# What Windows calls "out of memory" as an exit code: no memory, commitment limit.
_WINDOWS_MEMORY = {0xC0000017, 0xC000012D}
_NO_MEMORY = "most likely because memory ran out; a smaller photo or texture needs less."


class Launch(NamedTuple):
    """How to start a worker.

    ``python``: the interpreter; ``module``: the worker's name; ``folders``: where it and its packages lie;
    ``log``: the file for everything that it and its libraries say besides events.
    """

    python: Path
    module: str
    folders: tuple[Path, ...]
    log: Path


class WorkerProcess:
    """Starts a worker and hands out its events.

    Parameters
    ----------
    launch : how to start it
    request : what it is asked; or a function that gives it, called in the watching thread, where it may read files.
        A function may raise ``expected``
    subject : what sentences about the job begin with, such as "The reconstruction"
    prepare : called in the watching thread with the event ``result`` or ``faces`` before it is handed out; what it
        returns is added to the event as ``prepared``. May raise ``expected``
    clean : called in the watching thread with the worker's process id when the worker was ended by force or crashed
    expected : errors whose text is one sentence for a person; they become events ``error``
    """

    def __init__(
        self,
        launch: Launch,
        request: Request | Callable[[], Request],
        subject: str = "The job",
        prepare: Callable[[Event], Any] | None = None,
        clean: Callable[[int], None] | None = None,
        expected: type[Exception] = OSError,
    ) -> None:
        self.log = launch.log
        self._launch, self._request, self._subject = launch, request, subject
        self._prepare, self._clean, self._expected = prepare, clean, expected
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._given_up: str | None = None
        self._answered = False
        self._greeted = False
        self._heard = time.monotonic()
        self._thread = threading.Thread(target=self._watch, name="facewright worker", daemon=True)

    def start(self) -> None:
        """Start the process; returns at once. What goes wrong comes as an event."""
        self._heard = time.monotonic()
        self._thread.start()

    def poll(self) -> list[Event]:
        """The events since the last call, without waiting. After an event of FINAL there are none."""
        limit = SILENCE_S if self._greeted else HELLO_S
        silent = time.monotonic() - self._heard
        if silent > limit and not self._answered and self._given_up is None:
            self._given_up = f"{self._subject} gave no sign of life for {silent:.0f} seconds and was stopped."
            self._end(polite_s=0.0)
        events: list[Event] = []
        while True:
            try:
                events.append(self._events.get_nowait())
            except queue.Empty:
                return events

    def cancel(self) -> None:
        """Stop: ask the worker, then end it by force. The event ``cancelled`` is there at once; returns at once."""
        with self._lock:
            if self._stopping:
                return
            self._stopping = True
        if not self._answered:
            self._finish({"event": "cancelled"})
        self._end(POLITE_S)

    @property
    def pid(self) -> int | None:
        """The process's id, None before it started."""
        return None if self._process is None else self._process.pid

    def join(self, timeout: float) -> bool:
        """Wait at most so many seconds until the process has ended and been cleaned up after; whether it has."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # ------------------------------------------------------------------------------------- the watching thread

    def _watch(self) -> None:
        try:
            request = self._request() if callable(self._request) else self._request
            with self._lock:
                if self._stopping:
                    return
                self._process = process = _popen(self._launch, request)
        except self._expected as error:
            self._finish(_error(type(error).__name__, str(error)))
            return
        except OSError as error:
            self._finish(_error("NotStarted", f"{self._subject} could not be started: {error}."))
            return
        self._send(request)
        assert process.stdout is not None
        for line in _lines(process.stdout.fileno()):
            self._heard = time.monotonic()
            self._take(line)
        code = process.wait()
        if self._clean is not None and (code != 0 or not self._answered):
            self._clean(process.pid)
        if not self._answered:
            message = self._given_up or exit_sentence(self._subject, code)
            self._finish(_error("Crashed", message, self.log))

    def _take(self, line: bytes) -> None:
        """One line of the worker. What is not an event is noise of a library and goes to the log."""
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or not isinstance(event.get("event"), str):
            with contextlib.suppress(OSError), self.log.open("ab") as log:
                log.write(line + b"\n")
            return
        if event["event"] == "hello":
            self._greeted = True
        if event["event"] == "error":
            event["log"] = str(self.log) if event.get("kind") in TOLD_IN_LOG else None
        if self._prepare is not None and event["event"] in ("result", "faces") and not self._answered:
            try:
                event["prepared"] = self._prepare(event)
            except self._expected as error:
                event = _error(type(error).__name__, str(error))
        if event["event"] in FINAL:
            self._finish(event)
        elif not self._answered:
            self._events.put(event)

    def _finish(self, event: Event) -> None:
        """Hand out the last event, once."""
        with self._lock:
            if self._answered:
                return
            self._answered = True
        self._events.put(event)

    def _send(self, message: Request) -> None:
        """One line to the worker; one that is gone is noticed by the watching thread."""
        process = self._process
        if process is None or process.stdin is None:
            return
        with contextlib.suppress(OSError, ValueError):  # ValueError: closed already
            process.stdin.write(json.dumps(message).encode("utf-8") + b"\n")

    def _end(self, polite_s: float) -> None:
        """Ask the process to stop; a thread sees to it that it does."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        self._send({"cancel": True})

        def insist() -> None:
            for end, patience in ((None, polite_s), (process.terminate, TERMINATE_S), (process.kill, TERMINATE_S)):
                with contextlib.suppress(OSError):
                    end() if end else None
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience)
                    return

        threading.Thread(target=insist, name="facewright worker's end", daemon=True).start()


def exit_sentence(subject: str, code: int) -> str:
    """Why a worker ended without an answer, from its exit code: one sentence."""
    if code == -getattr(signal, "SIGKILL", 9) or code & 0xFFFFFFFF in _WINDOWS_MEMORY:
        return f"{subject} was ended by the system, {_NO_MEMORY}"
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"{subject} crashed ({name})."
    if code > 0xFFFF:
        return f"{subject} crashed (code {code & 0xFFFFFFFF:#x})."
    if code:
        return f"{subject} stopped unexpectedly (code {code})."
    return f"{subject} ended without a result."


def new_log(folder: Path, name: str) -> Path:
    """The place of a new log, with the oldest ones deleted so that KEPT_LOGS stay. Raises OSError."""
    place = folder / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}-{time.monotonic_ns() % 10**6:06d}.log"
    old = sorted(folder.glob("*-[0-9]*-[0-9]*.log"), key=lambda path: path.stat().st_mtime_ns)
    for path in old[: max(0, len(old) - KEPT_LOGS + 1)]:
        with contextlib.suppress(OSError):  # Windows does not delete what a worker still writes
            path.unlink()
    place.touch()
    return place


def python_executable() -> Path:
    """The interpreter of this Python: Blender names its own, but a program that embeds it may not.

    Raises FileNotFoundError, one sentence.
    """
    named = Path(sys.executable) if sys.executable else None
    if named is not None and "python" in named.name.lower() and named.is_file():
        return named
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    prefixes = (Path(sys.prefix), Path(sys.base_prefix))
    names = ("python.exe", f"bin/python{version}", "bin/python3")
    for place in (prefix / name for prefix in prefixes for name in names):
        if place.is_file():
            return place
    raise FileNotFoundError(f"Blender's own Python program was not found below {sys.prefix}.")


def _error(kind: str, message: str, log: Path | None = None) -> Event:
    return {"event": "error", "kind": kind, "message": message, "log": None if log is None else str(log)}


def _popen(launch: Launch, request: Request) -> subprocess.Popen[bytes]:
    """The process, without a console window, out of reach of the terminal's Ctrl-C. Raises OSError."""
    options: dict[str, Any] = {}
    if sys.platform == "win32":
        options["creationflags"] = (
            subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
            | subprocess.BELOW_NORMAL_PRIORITY_CLASS
        )  # fmt: skip
    else:
        options["start_new_session"] = True
    command = [str(launch.python), "-I", "-u", str(_LAUNCHER), launch.module, *map(str, launch.folders)]
    with launch.log.open("ab") as log:
        log.write(f"{json.dumps(request)}\n{json.dumps(command)}\n".encode())
        log.flush()
        return subprocess.Popen(
            command, bufsize=0, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, cwd=launch.log.parent,
            **options,
        )  # fmt: skip


def _lines(descriptor: int) -> Iterator[bytes]:
    """The lines of a pipe as they come. Python's own buffered files hold a lock while they wait, which would end
    Blender with an error when it quits in that moment."""
    rest = b""
    while chunk := os.read(descriptor, 1 << 16):
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
    if rest:
        yield rest
