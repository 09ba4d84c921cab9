"""A Python that has what Blender's own has and nothing else, without a network, watched by ``guard.py``."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
_NAME = re.compile(r"[A-Za-z0-9._-]+")


class Ran(NamedTuple):
    """What a script in the environment reported: its answers by name, and what the guard saw."""

    answers: dict[str, Any]
    guard: list[dict[str, Any]]
    output: str


class CleanEnvironment:
    """A virtual environment with links to bpy, numpy and what these require; a home, a user and a temporary folder
    of its own; and nothing of the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home, self.temporary, self.user = (folder / name for name in ("home", "tmp", "blender user"))
        for place in (self.home, self.temporary, self.user):
            place.mkdir()
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "python"], check=True)
        (site_packages,) = (folder / "python" / "lib").glob("python3*/site-packages")
        self.site_packages = site_packages
        for name in sorted(_required("bpy") | {"numpy"}):
            for entry in _top_level(name):
                (site_packages / entry.name).symlink_to(entry)
        shutil.copy(HERE / "guard.py", site_packages / "sitecustomize.py")

    def run(self, script: Path, *arguments: object, timeout_s: float = 120.0) -> Ran:
        """Run a copy of a script; it writes JSON lines ``{"name": ..., "value": ...}`` to the file it is given.

        Fails the test when the script does not come to its end.
        """
        inside = Path(shutil.copy(script, self.folder / script.name))
        answers, guard = self.folder / "answers.jsonl", self.folder / "guard.jsonl"
        for file in (answers, guard):
            file.unlink(missing_ok=True)
        command = [self.folder / "python" / "bin" / "python", "-I", inside, answers, *map(str, arguments)]
        done = subprocess.run(
            [*_offline(), *command], cwd=self.home, env=self._environment(guard), timeout=timeout_s,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        found = {line["name"]: line["value"] for line in _lines(answers)}
        assert found.get("finished"), f"{script.name} ended with {done.returncode} and said:\n{done.stdout}"
        return Ran(found, _lines(guard), done.stdout)

    def _environment(self, guard: Path) -> dict[str, str]:
        """No variable of the caller's that could lead a process to another place."""
        nowhere = "http://127.0.0.1:9"
        return {
            "PATH": "/usr/bin:/bin", "HOME": str(self.home), "TMPDIR": str(self.temporary), "LANG": "C.UTF-8",
            "BLENDER_USER_RESOURCES": str(self.user), "FACEWRIGHT_TEST_GUARD": str(guard),
            "http_proxy": nowhere, "https_proxy": nowhere, "OMP_NUM_THREADS": "1",
            **{name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
        }  # fmt: skip


def _offline() -> list[str]:
    """A prefix that takes the network from a command, where the system permits it; the guard refuses it anyway."""
    prefix = ["unshare", "--map-root-user", "--net"]
    if shutil.which("unshare") is None:
        return []
    permitted = subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0
    return prefix if permitted else []


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []


def _required(name: str) -> set[str]:
    """A distribution and all that it needs, by name."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        for requirement in metadata.requires(current) or ():
            words, _, marker = requirement.partition(";")
            if "extra" not in marker:
                match = _NAME.match(words)
                assert match is not None
                if _installed(match.group()):
                    waiting.append(match.group())
    return found


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _top_level(name: str) -> list[Path]:
    """Files and folders of a distribution in site-packages."""
    distribution = metadata.distribution(name)
    tops = {Path(file).parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
    return sorted(Path(str(distribution.locate_file(top))) for top in tops)
