"""The command line as a person meets it: help, version, exit codes, what goes to stdout and what to stderr."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from facewright import __version__
from facewright.__main__ import main, parser
from facewright.cli_terminal import Terminal
from facewright.errors import OutputUnwritable
from test_bundle import write_small_bundle

VERBS = (
    "reconstruct", "inspect", "inspect-model", "preview", "build-face-model", "build-detector-error",
    "train-displacement", "train-bases", "fetch-models", "evaluate", "make-benchmark", "make-pseudo-pairs",
)  # fmt: skip


def facewright(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "facewright", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def test_version() -> None:
    done = facewright("--version")
    assert done.returncode == 0
    assert done.stdout.strip() == f"facewright {__version__}"


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    for verb in VERBS:
        assert verb in text


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_every_verb_has_examples_that_parse(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([verb, "--help"])
    text = capsys.readouterr().out
    examples = [line.split()[1:] for line in text.splitlines() if line.startswith(f"  facewright {verb}")]
    assert examples, f"{verb} --help shows no example"
    for words in examples:
        assert callable(parser().parse_args(words).run)


def test_help_is_quick() -> None:
    code = "import sys, facewright.__main__ as m; m.parser(); print({'numpy', 'cv2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()", "parsing arguments must not load the numeric packages"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["frobnicate"],
        ["reconstruct", "a.png"],
        ["reconstruct", "a.png", "-o", "x", "--face", "0"],
        ["make-benchmark", "-o", "x", "--heads", "0"],
        ["make-benchmark", "-o", "x", "--size", "63"],
        ["make-benchmark", "-o", "x", "--threads", "-1"],
        ["make-pseudo-pairs", "a.png", "-o", "x", "--seed", "-1"],
        ["reconstruct", "a.png", "-o", "x", "--focal-length-mm", "-3"],
        ["reconstruct", "a.png", "-o", "x", "--focal-length-mm", "nan"],
        ["reconstruct", "a.png", "-o", "x", "--texture-size", "1000"],
        ["reconstruct", "a.png", "-o", "x", "--detail-size", "1000"],
        ["reconstruct", "a.png", "-o", "x", "--detail", "magic"],
        ["reconstruct", "a.png", "-o", "x", "--detail", "mechanics", "--no-detail"],
        ["reconstruct", "a.png", "-o", "x", "--age", "0"],
        ["reconstruct", "a.png", "-o", "x", "--age", "nan"],
        ["reconstruct", "a.png", "-o", "x", "--age", "old"],
        ["build-face-model"],
        ["evaluate", "--data", "a", "--pred", "a=b"],
        ["evaluate", "--data", "a", "--report", "r", "--pred", "b"],
        ["evaluate", "--data", "a", "--report", "r", "--jobs", "0"],
        ["evaluate", "--data", "a", "--report", "r", "--limit", "0"],
        ["evaluate", "--data", "a", "--report", "r", "--resume", "--overwrite"],
    ],
)
def test_wrong_arguments_are_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    assert "usage" in capsys.readouterr().err


def _failing(error: BaseException):  # type: ignore[no-untyped-def]
    def run(options: object, terminal: Terminal) -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (OutputUnwritable("The disk is full."), 1, "facewright: The disk is full."),
        (KeyboardInterrupt(), 130, "facewright: Stopped; nothing was written."),
        (MemoryError(), 1, "facewright: There is not enough memory"),
    ],
)
def test_errors_are_one_sentence(
    error: BaseException,
    code: int,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("facewright.cli_inspect.run_inspect", _failing(error))
    assert main(["inspect", "x"]) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(sentence)
    assert len(captured.err.strip().splitlines()) == 1


def test_progress_is_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    terminal = Terminal()
    for stage, fraction in (("photo", 0.0), ("photo", 0.1), ("fit", 0.5)):
        terminal.progress(stage, fraction)
    terminal.result({"a": 1, "ü": None})
    captured = capsys.readouterr()
    assert [line.split()[-1] for line in captured.err.splitlines()] == ["photo", "fit"]
    assert json.loads(captured.out) == {"a": 1, "ü": None}
    assert captured.out.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo terminals are a Unix thing")
def test_progress_is_a_bar_on_a_terminal() -> None:
    reader, writer = pty.openpty()
    code = "from facewright.cli_terminal import Terminal as T; t = T(); t.progress('fit', 0.5); t.result({})"
    with subprocess.Popen([sys.executable, "-c", code], stderr=writer, stdout=subprocess.PIPE) as process:
        out = process.communicate(timeout=60)[0]
    os.close(writer)
    shown = os.read(reader, 4096).decode()
    os.close(reader)
    assert "50%" in shown
    assert "█" in shown
    assert out == b"{}\n"


def test_inspect_needs_a_bundle(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent"):
        done = facewright("inspect", path)
        assert done.returncode == 1
        assert done.stdout == ""
        assert "head.json" in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_inspect_of_a_damaged_bundle(tmp_path: Path) -> None:
    bundle = write_small_bundle(tmp_path / "head")
    (bundle / "geometry.npz").write_bytes(b"rubbish")
    done = facewright("inspect", bundle)
    assert done.returncode == 1
    assert "geometry.npz" in done.stderr
    assert "Traceback" not in done.stderr
