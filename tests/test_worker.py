"""The worker: the same bytes as the command line, stopping at any moment, and lines that nothing disturbs."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from facewright.head.bundle import REQUIRED
from facewright.photo.face_list import FACE_PICTURE_PX, PHOTO_PICTURE_PX
from facewright.photo.model_files import models_on_disk
from PIL import Image

PHOTOS = Path(__file__).resolve().parents[2] / "shared" / "data" / "photos"
ASTRONAUT, PRESIDENT = PHOTOS / "astronaut.png", PHOTOS / "president_44.jpg"
real = pytest.mark.skipif(
    not ASTRONAUT.is_file() or models_on_disk() is None, reason="needs ../shared/data/photos and the networks"
)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")
# A worker whose verb is replaced by a few lines: what runs around it is the real thing.
PATCHED = """
import os, sys, time
from facewright import worker
def job(request, channel, stop):
    {}
worker._reconstruct = job
code = worker.main()
sys.stderr.flush()
os._exit(code)
"""


class Worker:
    """A worker's process with its two pipes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def send(self, **line: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def read(self) -> dict[str, Any] | None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def until(self, event: str, **values: Any) -> dict[str, Any]:
        """The next event of that name and with those values."""
        while (found := self.read()) is not None:
            if found["event"] == event and values.items() <= found.items():
                return found
        raise AssertionError(f"the worker ended before the event {event} {values}")

    def rest(self) -> list[dict[str, Any]]:
        events = []
        while (event := self.read()) is not None:
            events.append(event)
        return events


@contextmanager
def started(*command: str, **environment: str) -> Iterator[Worker]:
    """A worker's process, which must have ended by the end of the block."""
    whole = [sys.executable, "-u", *(command or ("-m", "facewright.worker"))]
    with subprocess.Popen(
        whole, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, **environment},
    ) as process:  # fmt: skip
        try:
            yield Worker(process)
            process.wait(20.0)
        finally:
            process.kill()


def asked(job: str, **request: Any) -> tuple[list[dict[str, Any]], str]:
    """Events after hello, and stderr, of a worker whose job is replaced."""
    with started("-c", PATCHED.format(job)) as worker:
        worker.send(verb="reconstruct", **request)
        assert worker.until("hello")["protocol"] == 1
        events = worker.rest()
        assert worker.process.stderr is not None
        return events, worker.process.stderr.read()


@real
def test_the_same_bytes_as_the_command_line(tmp_path: Path) -> None:
    with started() as worker:
        a = str(tmp_path / "a")
        worker.send(verb="reconstruct", photo=str(ASTRONAUT), output=a, texture_size=256, threads=1)
        events = worker.rest()
    result = events[-1]
    assert result["event"] == "result" and result["bundle"] == a
    command = [sys.executable, "-m", "facewright", "reconstruct", ASTRONAUT, "-o", tmp_path / "b"]
    subprocess.run([*command, "--texture-size", "256"], check=True, capture_output=True)
    for name in REQUIRED:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    first, second = (json.loads((tmp_path / name / "head.json").read_bytes()) for name in "ab")
    assert first.pop("timings") and second.pop("timings") and first == second

    progress = [event for event in events if event["event"] == "progress"]
    fractions = [event["fraction"] for event in progress]
    assert fractions == sorted(fractions) and fractions[0] == 0.0 and fractions[-1] == pytest.approx(1.0)
    assert all(now["until"] == pytest.approx(later["fraction"]) or now["until"] == now["fraction"]
               for now, later in itertools.pairwise(progress))  # fmt: skip
    # The bar must move as time does: no stage's share is far from the time that it takes.
    total = result["seconds"].pop("total")
    shares = {event["stage"]: event["until"] - event["fraction"] for event in progress[::2]}
    assert set(shares) == set(result["seconds"])
    assert sum(abs(shares[stage] - seconds / total) for stage, seconds in result["seconds"].items()) < 1.2


@real
def test_all_faces_of_a_photo(tmp_path: Path) -> None:
    """Two faces of different sizes, a turned JPEG: numbers, places and pictures belong together."""
    small = Image.open(ASTRONAUT).convert("RGB").resize((330, 330))
    large = Image.open(PRESIDENT).convert("RGB").crop((200, 0, 800, 750))
    both = Image.new("RGB", (930, 750), (90, 100, 110))
    both.paste(small, (0, 60))
    both.paste(large, (330, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side
    both.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "both.jpg", quality=95, exif=exif)
    with started() as worker:
        worker.send(verb="faces", photo=str(tmp_path / "both.jpg"), folder=str(tmp_path / "pictures"))
        found = worker.until("faces")
    photo, (first, second) = found["photo"], found["faces"]
    assert (photo["width"], photo["height"], photo["original_size"]) == (930, 750, [930, 750])
    assert found["message"] is None and photo["focal_length_mm"] is None
    assert [face["number"] for face in (first, second)] == [1, 2]
    assert first["box"][0] > 330 > second["box"][0] + second["box"][2]
    assert first["confidence"] > 0.9 and second["confidence"] > 0.9
    assert first["warning"] is None and "pixels wide" in second["warning"]
    with Image.open(photo["picture"]) as picture:
        assert max(picture.size) == PHOTO_PICTURE_PX and picture.width > picture.height
    for face in (first, second):
        x, y, width, height = face["box"]
        with Image.open(face["picture"]) as picture:
            assert picture.size == (FACE_PICTURE_PX, FACE_PICTURE_PX)
            # The picture's middle is the face: the same colours as in the photo there.
            seen = np.asarray(picture.convert("RGB"), float)[64:128, 64:128].mean((0, 1))
        cx, cy, half = x + width / 2, y + height / 2, height / 4
        middle = both.crop((int(cx - half), int(cy - half), int(cx + half), int(cy + half)))
        assert seen == pytest.approx(np.asarray(middle, float).mean((0, 1)), abs=12.0)


@real
def test_a_photo_without_faces(tmp_path: Path) -> None:
    Image.new("RGB", (300, 200), (120, 140, 160)).save(tmp_path / "wall.png")
    with started() as worker:
        worker.send(verb="faces", photo=str(tmp_path / "wall.png"), folder=str(tmp_path / "pictures"))
        found = worker.until("faces")
    assert found["faces"] == [] and "no face" in found["message"]
    assert Path(found["photo"]["picture"]).is_file()


# --------------------------------------------------------------------------------------------------- stopping


@real
@pytest.mark.parametrize(
    ("way", "stage"),
    [
        ("line", "photo"), ("line", "fit"), ("line", "textures"), ("end of stdin", "landmarks"),
        ("end of stdin", "textures"), pytest.param("SIGTERM", "head", marks=POSIX),
    ],
)  # fmt: skip
def test_stopping_leaves_nothing(tmp_path: Path, way: str, stage: str) -> None:
    output = tmp_path / "heads" / "head"
    with started() as worker:
        worker.send(verb="reconstruct", photo=str(ASTRONAUT), output=str(output), texture_size=256)
        worker.until("progress", stage=stage)
        if way == "line":
            worker.send(cancel=True)
        elif way == "SIGTERM":
            worker.process.send_signal(signal.SIGTERM)
        else:
            assert worker.process.stdin is not None
            worker.process.stdin.close()
        assert worker.rest()[-1] == {"event": "cancelled"}
    assert list(tmp_path.iterdir()) == []


def test_cancelled_before_it_was_asked() -> None:
    with started() as worker:
        worker.send(cancel=True)
        assert [event["event"] for event in worker.rest()] == ["hello", "cancelled"]


def test_a_job_that_cannot_be_stopped_does_not_outlive_its_caller(tmp_path: Path) -> None:
    job = (
        f"worker.FORSAKEN_S = 0.3; stop.clean = lambda: open({str(tmp_path / 'clean')!r}, 'w'); "
        "channel.send('progress'); time.sleep(600)"
    )
    with started("-c", PATCHED.format(job)) as worker:
        worker.send(verb="reconstruct")
        worker.until("progress")
        assert worker.process.stdin is not None
        worker.process.stdin.close()
        assert worker.process.wait(10.0) == 1
    assert (tmp_path / "clean").exists()


# ------------------------------------------------------------------------------------------------------ lines


def test_what_libraries_print_goes_to_the_log() -> None:
    job = (
        "print('to sys.stdout'); os.write(1, b'to descriptor 1\\n'); os.system('echo to a child'); "
        "assert sys.stdin.read() == ''; return {'event': 'result', 'bundle': 'ünicode'}"
    )
    events, log = asked(job)
    assert events == [{"event": "result", "bundle": "ünicode"}]
    assert all(words in log for words in ("to sys.stdout", "to descriptor 1", "to a child"))


@pytest.mark.parametrize(
    ("job", "kind", "sentence"),
    [
        ("raise ValueError('line one\\nline two')", "Unexpected", "inside Facewright (ValueError: line one)."),
        ("raise MemoryError", "MemoryError", "not enough memory"),
        ("from facewright.errors import FitFailed; raise FitFailed('No fit.')", "FitFailed", "No fit."),
    ],
)
def test_errors_are_sentences(job: str, kind: str, sentence: str) -> None:
    (event,), log = asked(job)
    assert event["event"] == "error" and event["kind"] == kind and sentence in event["message"]
    assert ("Traceback" in log) == (kind != "FitFailed")


@pytest.mark.parametrize(
    ("request_line", "words"),
    [
        ({"verb": "dance"}, "no verb 'dance'"),
        ({"verb": "reconstruct", "photo": "x", "output": "y", "colour": 1}, "no colour"),
        ({"verb": "faces", "photo": "x"}, "lacks 'folder'"),
        ({}, "no verb None"),
    ],
)
def test_requests_that_make_no_sense(request_line: dict[str, Any], words: str) -> None:
    with started() as worker:
        worker.send(**request_line)
        event = worker.rest()[-1]
    assert event["kind"] == "Unexpected" and words in event["message"]


def test_a_person_s_mistakes_are_told_by_kind(tmp_path: Path) -> None:
    with started() as worker:
        worker.send(verb="faces", photo=str(tmp_path / "absent.png"), folder=str(tmp_path / "pictures"))
        assert worker.rest()[-1]["kind"] in ("PhotoUnreadable", "MissingDependency")


def test_nothing_is_downloaded(tmp_path: Path) -> None:
    """Without the networks the answer is one sentence, at once."""
    began = time.monotonic()
    with started(FACEWRIGHT_MODELS=str(tmp_path / "absent")) as worker:
        worker.send(verb="reconstruct", photo=str(ASTRONAUT), output=str(tmp_path / "head"))
        event = worker.rest()[-1]
    assert event["kind"] == "MissingDependency" and "install Facewright again" in event["message"]
    assert time.monotonic() - began < 15.0
    assert list(tmp_path.iterdir()) == []


@real
@POSIX
@pytest.mark.parametrize("megabytes", [250, 400, 700])
def test_too_little_memory(tmp_path: Path, megabytes: int) -> None:
    """Whatever runs out first, and whoever notices: an error or an end, no bundle, nothing half written."""
    limited = (
        f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({megabytes << 20}, {megabytes << 20}))\n"
        "import os, runpy; runpy.run_module('facewright.worker', run_name='__main__', alter_sys=True)"
    )
    with started("-c", limited) as worker:
        worker.send(verb="reconstruct", photo=str(ASTRONAUT), output=str(tmp_path / "head"), texture_size=1024)
        events = worker.rest()
        code = worker.process.wait(60.0)
    assert code != 0 or events[-1]["event"] == "error", events[-1]
    assert megabytes > 400 or events[-1]["kind"] == "MemoryError"
    assert not (tmp_path / "head").exists()
