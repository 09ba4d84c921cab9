"""``python -m blender_addon`` as a person or the backend calls it: a fresh process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import bundles
import pytest

from blender_addon.backend_door import BundleInvalid, read_head

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "blender_addon", *map(str, arguments)],
        capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.fixture
def own_bundle(bundle: Path, tmp_path: Path) -> Path:
    """A copy of the bundle that a test may damage."""
    return Path(shutil.copytree(bundle, tmp_path / "head"))


def test_all_three_files_beside_the_bundle(own_bundle: Path) -> None:
    done = run(own_bundle, "--blend", "--fbx", "--glb")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()  # one JSON line, whatever Blender says
    result = json.loads(line)
    for kind in ("blend", "fbx", "glb"):
        assert Path(result["paths"][kind]) == own_bundle / f"head.{kind}"
        assert (own_bundle / f"head.{kind}").stat().st_size > 50_000
    assert set(result["seconds"]) == {"read", "start", "build", "blend", "fbx", "glb"}
    left = {path.name for path in own_bundle.iterdir()} - {path.name for path in own_bundle.glob("head.*")}
    assert not any(name.startswith(".") for name in left)


def test_output_elsewhere_with_a_name(bundle: Path, tmp_path: Path) -> None:
    done = run(bundle, "--glb", "--output-dir", tmp_path, "--name", "Anna")
    assert done.returncode == 0, done.stderr
    assert b'"Anna_skin"' in (tmp_path / "head.glb").read_bytes()
    assert not (bundle / "head.glb").exists()


def failed(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence of a failure: the last line of stderr, after what Blender had to say."""
    assert done.returncode == 1 and not done.stdout, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_not_a_bundle(tmp_path: Path) -> None:
    assert "not a head bundle" in failed(run(tmp_path, "--blend"))


def test_a_damaged_bundle_writes_nothing(own_bundle: Path) -> None:
    (own_bundle / "textures" / "iris.png").write_bytes(b"not an image")
    assert "iris.png" in failed(run(own_bundle, "--blend"))
    assert "iris.png cannot be read as an image" in failed(run(own_bundle, "--blend", "--no-verify"))
    assert not list(own_bundle.glob("head.b*"))


def test_output_folder_that_is_not_there(bundle: Path, tmp_path: Path) -> None:
    assert "cannot be written" in failed(run(bundle, "--blend", "--output-dir", tmp_path / "missing"))


def test_nothing_asked_for(bundle: Path) -> None:
    done = run(bundle)
    assert done.returncode == 2 and "--blend, --fbx, --glb" in done.stderr


def test_help_has_examples() -> None:
    assert "examples:" in run("--help").stdout


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"camera": {"width": 100}}, "lacks a usable camera"),
        ({"camera": {**bundles.CAMERA, "fx": -1.0}}, "must be positive"),
        ({"camera": {**bundles.CAMERA, "cx": float("1e400")}}, "lacks a usable camera"),
        ({"pose": {"rotation": [[2, 0, 0], [0, 1, 0], [0, 0, 1]], "translation_mm": [0, 0, -5]}}, "not a rotation"),
        ({"pose": None}, "lacks a usable"),
        ({"expression": {"smirk": 1.0}}, "smirk"),
        ({"expression": [1, 2]}, "lacks a usable"),
    ],
)
def test_an_unusable_record_is_refused(own_bundle: Path, entries: dict[str, object], sentence: str) -> None:
    bundles.change_record(own_bundle, **entries)
    with pytest.raises(BundleInvalid, match=sentence):
        read_head(own_bundle)
