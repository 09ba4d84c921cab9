"""Worker processes that do what they should not: every end is one sentence, and no process is left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from blender_addon.job import process
from blender_addon.job.process import Event, Launch, WorkerProcess, exit_sentence, new_log, python_executable

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX systems")
SAY = "import json, os, sys, time\ndef say(**event): print(json.dumps(event), flush=True)\n"
HELLO = SAY + "request = json.loads(sys.stdin.readline())\nsay(event='hello', protocol=1)\n"


class Expected(Exception):
    """What the caller says it expects."""


class Stand:
    """Starts workers of a few lines in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cleaned: list[int] = []
        self.started: list[WorkerProcess] = []

    def start(
        self,
        code: str,
        request: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None = None,
        prepare: Callable[[Event], Any] | None = None,
        python: Path | None = None,
    ) -> WorkerProcess:
        (self.folder / "stand_in_worker.py").write_text(code, encoding="utf-8")
        log = new_log(self.folder, "job")
        launch = Launch(python or Path(sys.executable), "stand_in_worker", (self.folder,), log)
        worker = WorkerProcess(launch, request or {}, "The job", prepare, self.cleaned.append, Expected)
        worker.start()
        self.started.append(worker)
        return worker

    def end(self) -> None:
        for worker in self.started:
            worker.cancel()
            assert worker.join(20.0)
            assert worker.pid is None or not alive(worker.pid)


@pytest.fixture
def stand(tmp_path: Path) -> Any:
    made = Stand(tmp_path)
    yield made
    made.end()


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """The first true value of a condition that something else brings about."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)
    return value


def run(worker: WorkerProcess, seconds: float = 30.0) -> list[Event]:
    """All events up to the last one."""
    events: list[Event] = []
    until(lambda: events.extend(worker.poll()) or (events and events[-1]["event"] in process.FINAL), seconds)
    return events


def test_events_come_in_order_and_the_last_is_prepared(stand: Stand) -> None:
    code = HELLO + (
        "say(event='progress', stage='fit', fraction=0.25, until=0.5, seconds=1.0)\n"
        "say(event='result', bundle=request['place'])\nsay(event='progress', stage='late')\n"
    )
    worker = stand.start(code, {"place": "x"}, lambda event: event["bundle"] + " was read")
    events = run(worker)
    assert [event["event"] for event in events] == ["hello", "progress", "result"]
    assert events[-1]["prepared"] == "x was read"
    assert worker.join(10.0) and worker.poll() == []
    assert stand.cleaned == []


def test_the_request_may_need_the_disk(stand: Stand) -> None:
    """It is made in the watching thread; what goes wrong there is told like an error of the worker."""
    thread: list[str] = []

    def request() -> dict[str, str]:
        import threading

        thread.append(threading.current_thread().name)
        return {"place": "made later"}

    code = HELLO + "say(event='result', bundle=request['place'])"
    assert run(stand.start(code, request))[-1]["bundle"] == "made later"
    assert thread == ["facewright worker"]

    def fails() -> dict[str, str]:
        raise Expected("The disk is gone.")

    (event,) = run(stand.start(code, fails))
    assert (event["event"], event["kind"], event["message"]) == ("error", "Expected", "The disk is gone.")


def test_what_cannot_be_prepared_is_an_error(stand: Stand) -> None:
    def prepare(event: Event) -> None:
        raise Expected("The bundle is damaged.")

    event = run(stand.start(HELLO + "say(event='result', bundle='x')", None, prepare))[-1]
    assert (event["event"], event["message"], event["log"]) == ("error", "The bundle is damaged.", None)


def test_noise_is_no_event(stand: Stand) -> None:
    code = HELLO + (
        "print('loading...'); print('{\"half'); print('[1, 2]'); print('{}'); sys.stdout.flush()\n"
        "os.write(1, b'\\xff\\xfe\\n'); os.write(1, b'x' * 300000 + b'\\n')\n"
        "say(event='result', bundle='x')\nos.write(1, b'no end of line')"
    )
    worker = stand.start(code)
    assert [event["event"] for event in run(worker)] == ["hello", "result"]
    assert worker.join(10.0)
    assert b"loading..." in worker.log.read_bytes()


# ------------------------------------------------------------------------------------------ workers that end badly


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("raise ValueError('a fault')", r"stopped unexpectedly \(code 1\)"),
        ("os._exit(7)", r"stopped unexpectedly \(code 7\)"),
        ("pass", "ended without a result"),
        ("os.close(1); time.sleep(0.2)", "ended without a result"),
        pytest.param("os.kill(os.getpid(), 9)", "memory ran out", marks=POSIX),
        pytest.param("os.kill(os.getpid(), 11)", "SIGSEGV", marks=POSIX),
        pytest.param("os.abort()", "SIGABRT", marks=POSIX),
    ],
)
def test_a_worker_that_ends_without_a_word(stand: Stand, code: str, sentence: str) -> None:
    worker = stand.start(HELLO + "say(event='progress', stage='fit', fraction=0.1, until=0.2, seconds=0)\n" + code)
    events = run(worker)
    assert [event["event"] for event in events] == ["hello", "progress", "error"]
    assert re.match(f"The job .*{sentence}", events[-1]["message"])
    assert Path(events[-1]["log"]) == worker.log
    assert stand.cleaned == [worker.pid]


def test_the_log_holds_the_traceback(stand: Stand) -> None:
    event = run(stand.start(HELLO + "raise ValueError('a fault of ours')"))[-1]
    assert "ValueError: a fault of ours" in Path(event["log"]).read_text()


@POSIX
def test_killed_from_outside(stand: Stand) -> None:
    worker = stand.start(HELLO + "time.sleep(60)")
    until(lambda: worker.poll())
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    assert "ended by the system" in run(worker)[-1]["message"]


def test_codes_of_other_systems() -> None:
    assert "memory" in exit_sentence("It", 0xC0000017)
    assert exit_sentence("It", 0xC0000005) == "It crashed (code 0xc0000005)."
    assert exit_sentence("It", -64 - 9) == "It crashed (signal 73)."


def test_a_python_that_does_not_start(stand: Stand, tmp_path: Path) -> None:
    (event,) = run(stand.start("", python=tmp_path / "absent"))
    assert event["kind"] == "NotStarted" and "could not be started" in event["message"]


def test_a_worker_that_says_nothing_is_stopped(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "SILENCE_S", 0.4)
    worker = stand.start(HELLO + "sys.stdin.read()\ntime.sleep(60)")
    event = run(worker)[-1]
    assert event["event"] == "error" and "no sign of life" in event["message"]
    assert worker.join(10.0)


# ------------------------------------------------------------------------------------------------------- cancelling


def test_cancel_is_told_at_once_and_asked_for_politely(stand: Stand, tmp_path: Path) -> None:
    code = HELLO + (
        "line = sys.stdin.readline()\nopen('asked', 'w').write(line)\n"
        "say(event='result', bundle='too late')\n"
    )
    worker = stand.start(code)
    until(lambda: worker.poll())
    worker.cancel()
    assert worker.poll() == [{"event": "cancelled"}]
    assert worker.join(10.0) and worker.poll() == []
    assert json.loads((tmp_path / "asked").read_text()) == {"cancel": True}
    worker.cancel()  # again: nothing happens
    assert worker.poll() == []


@POSIX
def test_cancel_ends_what_does_not_listen(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "POLITE_S", 0.2)
    monkeypatch.setattr(process, "TERMINATE_S", 0.2)
    deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    deaf += "say(event='progress', stage='x', fraction=0, until=1, seconds=0)\n"
    worker = stand.start(HELLO + deaf + "time.sleep(60)")
    until(lambda: any(event["event"] == "progress" for event in worker.poll()))
    worker.cancel()
    assert worker.join(10.0)
    assert stand.cleaned == [worker.pid]


def test_cancel_before_the_start(stand: Stand) -> None:
    worker = stand.start(HELLO, lambda: time.sleep(0.3) or {})
    worker.cancel()
    assert worker.poll() == [{"event": "cancelled"}]
    assert worker.join(10.0) and worker.pid is None


# ---------------------------------------------------------------------------------------------- the caller's death

CALLER = """
import sys, time
from pathlib import Path
from blender_addon.job.process import Launch, WorkerProcess
worker = WorkerProcess(Launch(Path(sys.executable), "facewright.worker", (), Path(sys.argv[1])), {
    "verb": "reconstruct", "photo": sys.argv[2], "output": sys.argv[3], "texture_size": 1024})
worker.start()
reached = False
while not reached:
    for event in worker.poll():
        assert event["event"] in ("hello", "progress"), event
        reached = reached or event.get("stage") == sys.argv[4]
    time.sleep(0.01)
print(worker.pid, flush=True)
time.sleep(60)
"""


@POSIX
@pytest.mark.parametrize("stage", ["photo", "textures"])
def test_a_caller_that_is_killed_leaves_nothing_behind(tmp_path: Path, stage: str) -> None:
    photo = Path(__file__).resolve().parents[2] / "shared/data/photos/astronaut.png"
    if not photo.is_file() or find_spec("onnxruntime") is None:
        pytest.skip("needs ../shared/data/photos/astronaut.png and what the backend needs")
    heads = tmp_path / "heads"
    heads.mkdir()
    command = [sys.executable, "-c", CALLER, str(tmp_path / "log"), str(photo), str(heads / "head"), stage]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as caller:
        assert caller.stdout is not None
        pid = int(caller.stdout.readline())
        caller.kill()
    until(lambda: not alive(pid), 30.0)
    assert list(heads.iterdir()) == []


# -------------------------------------------------------------------------------------------------------- the rest


def test_at_most_ten_logs_are_kept(tmp_path: Path) -> None:
    mine = tmp_path / "notes.log"
    mine.write_text("not ours")
    logs = [new_log(tmp_path, "reconstruct") for _ in range(13)]
    assert len(set(logs)) == 13
    for number, log in enumerate(logs):
        assert log.exists() == (number >= 3), number
    assert mine.exists()


def test_blenders_python_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert python_executable() == Path(sys.executable)
    monkeypatch.setattr(sys, "executable", "/usr/bin/blender")  # a program that embeds Python
    found = python_executable()
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    assert version.split()[1].startswith(f"{sys.version_info.major}.{sys.version_info.minor}")
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sys, "base_prefix", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="Python program was not found"):
        python_executable()
