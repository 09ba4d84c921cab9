"""Runs the Blender tests, and those of the installed extension, on other versions of Blender's Python module.

    python tests/run_matrix.py [VERSION ...]

Each version gets a virtual environment of its own under ``.venv-matrix/`` (about 1 GB), kept between runs. A
version whose Python is not on this machine is reported as skipped; anything that ran and failed makes the exit
code 1. Old versions of the module can crash while the interpreter shuts down, so the verdict is read from
pytest's own report, not from the exit code.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venv-matrix"


class Version(NamedTuple):
    """A version of bpy, the Python it exists for, and further packages (the numpy that Blender itself ships)."""

    bpy: str
    python: str
    packages: tuple[str, ...] = ()


VERSIONS = (
    Version("4.2.23", "3.11", ("numpy==1.24.3",)),
    Version("5.0.1", "3.11"),
    Version("5.2.3", "3.13"),
)
COMMON = ("pytest==9.2.0", "Pillow==13.0.0")


def find_python(version: str) -> str | None:
    """An interpreter of this minor version: on the path, pyenv's, or this one."""
    if ".".join(map(str, sys.version_info[:2])) == version:
        return sys.executable
    candidates = [shutil.which(f"python{version}")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates += [str(path / "bin" / "python") for path in sorted(pyenv.glob(f"{version}.*"), reverse=True)]
    for candidate in candidates:
        if candidate and _minor(candidate) == version:
            return candidate
    return None


def _minor(python: str) -> str | None:
    """What an interpreter says it is; a pyenv shim may answer for a version that is not selected."""
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def prepare(version: Version, python: str, venvs: Path) -> Path:
    """Make the virtual environment; return its interpreter."""
    folder = venvs / f"bpy-{version.bpy}"
    own = folder / "bin" / "python"
    done = folder / "installed"
    wanted = "\n".join((f"bpy=={version.bpy}", *version.packages, *COMMON))
    if not done.is_file() or done.read_text(encoding="utf-8") != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([python, "-m", "venv", folder], check=True)
        pip = [own, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *wanted.split()], check=True)
        # The backend itself, without what only reconstruction needs: a Blender scene is built with numpy alone.
        subprocess.run([*pip, "--no-deps", "-e", ROOT], check=True)
        done.write_text(wanted, encoding="utf-8")
    return own


def build_extension(version: Version, venvs: Path) -> Path:
    """The Linux zip for this version's Python, built by this interpreter, which has what building needs."""
    sys.path.insert(0, str(ROOT))
    import build_addon

    return build_addon.build("linux-x64", version.python, venvs / "dist")


def run_tests(version: Version, python: Path, venvs: Path) -> tuple[int, int, int]:
    """Run the tests. Returns (passed, failed, skipped); a run without a report counts as one failure."""
    report = venvs / f"bpy-{version.bpy}.xml"
    report.unlink(missing_ok=True)
    folders, environment = ["tests/blender"], dict(os.environ)
    if sys.platform.startswith("linux"):
        folders.append("tests/extension")
        environment["FACEWRIGHT_EXTENSION_ZIP"] = str(build_extension(version, venvs))
    command = [python, "-m", "pytest", *folders, f"--junitxml={report}"]
    subprocess.run(command, cwd=ROOT, env=environment, check=False)
    if not report.is_file():
        return 0, 1, 0
    suites = list(ET.parse(report).getroot().iter("testsuite"))
    tests, failures, errors, skipped = (
        sum(int(suite.get(key, 0)) for suite in suites) for key in ("tests", "failures", "errors", "skipped")
    )
    return tests - failures - errors - skipped, failures + errors, skipped


def main() -> int:
    """Run the chosen versions and print one line for each."""
    parser = argparse.ArgumentParser(description="Run the Blender tests on other versions of bpy.")
    parser.add_argument("versions", nargs="*", help=f"of {', '.join(v.bpy for v in VERSIONS)} (default: all)")
    parser.add_argument("--venvs", type=Path, default=VENVS, help="folder of the virtual environments")
    options = parser.parse_args()
    chosen, venvs = options.versions, options.venvs.resolve()
    unknown = set(chosen) - {version.bpy for version in VERSIONS}
    if unknown:
        parser.error(f"unknown version {', '.join(sorted(unknown))}")
    lines, bad = [], False
    for version in VERSIONS:
        if chosen and version.bpy not in chosen:
            continue
        python = find_python(version.python)
        if python is None:
            lines.append(f"bpy {version.bpy}: not run, there is no Python {version.python} on this machine")
            continue
        passed, failed, skipped = run_tests(version, prepare(version, python, venvs), venvs)
        bad = bad or failed > 0 or passed == 0
        lines.append(f"bpy {version.bpy}: {passed} passed, {failed} failed, {skipped} skipped")
    print("\n".join(lines))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
