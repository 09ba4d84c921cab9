"""The zips of the extension: what is in them, that Blender's own tool accepts them, that they are reproducible."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

if importlib.util.find_spec("bpy") is None:
    pytest.skip("Blender's extension tool comes with bpy, which is not installed", allow_module_level=True)

import build_addon  # noqa: E402


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Stand-ins of a few bytes for what is large or fetched: staging, manifest and zip are tested."""

    def fetch_wheels(name: str, requirements: str, tags: list[str]) -> list[Path]:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        if name == "networks":
            with zipfile.ZipFile(folder / "networks.whl", "w") as archive:
                archive.writestr("networks.dist-info/LICENSE", "the networks' licence")
            return [folder / "networks.whl"]
        platform = {"linux-x64": "manylinux_2_28_x86_64", "windows-x64": "win_amd64"}
        tag = platform.get(name.rpartition("-")[0], "macosx_11_0_arm64")
        wheels = [folder / f"{package}-1.0-cp311-cp311-{tag}.whl" for package in ("b", "a")]
        for wheel in wheels:
            wheel.write_bytes(b"wheel " + wheel.name.encode())
        return sorted(wheels)

    def fetch_models(to: Path, source: Path) -> Path:
        to.mkdir()
        (to / "network.onnx").write_bytes(b"network")
        return to

    root = tmp_path / "root"
    (root / "assets" / "licenses").mkdir(parents=True)
    (root / "assets" / "face_model.npz").write_bytes(b"face model")
    for name in ("backend", "blender_addon", "extension_wheels", "LICENSE"):
        (root / name).symlink_to(ROOT / name)
    monkeypatch.setattr(build_addon, "ROOT", root)
    monkeypatch.setattr(build_addon, "fetch_wheels", fetch_wheels)
    monkeypatch.setattr(build_addon, "fetch_models", fetch_models)


def _manifest(path: Path) -> dict[str, object]:
    with zipfile.ZipFile(path) as archive:
        return tomllib.loads(archive.read("blender_manifest.toml").decode())


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("platform", "python", "versions"),
    [("linux-x64", "3.11", ("4.2.0", "5.1.0")), ("windows-x64", "3.11", ("4.2.0", "5.1.0")),
     ("macos-arm64", "3.13", ("5.1.0", None))],
)  # fmt: skip
def test_each_zip_is_for_its_platform_and_versions(
    platform: str, python: str, versions: tuple[str, str | None], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    built = build_addon.build(platform, python, tmp_path / "dist")
    assert built.name == f"facewright-0.1.0-{platform.replace('-', '_')}-python{python}.zip"
    manifest = _manifest(built)
    assert manifest["platforms"] == [platform]
    assert (manifest["blender_version_min"], manifest.get("blender_version_max")) == versions
    with zipfile.ZipFile(built) as archive:
        assert {f"./{name}" for name in archive.namelist() if name.endswith(".whl")} == set(manifest["wheels"])
    said = capfd.readouterr()
    assert "warning" not in (said.out + said.err).lower()
    assert said.out.count("Success parsing TOML") == 1, "Blender's tool did not accept the zip"


@pytest.mark.usefixtures("small")
def test_the_zip_holds_what_runs_and_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(build_addon.build("linux-x64", "3.11", tmp_path / "dist")) as archive:
        names = set(archive.namelist())
        licence = archive.read("backend/assets/licenses/MediaPipe-LICENSE.txt")
    assert licence == b"the networks' licence"
    addon = {path.relative_to(ROOT / "blender_addon").as_posix() for path in (ROOT / "blender_addon").rglob("*.py")}
    assert addon - names == {"__main__.py", "cli_render.py"}
    assert {"LICENSE", "blender_manifest.toml", "backend/worker.py", "backend/api.py"} <= names
    assert {"backend/assets/models/network.onnx", "backend/assets/face_model.npz"} <= names
    unwanted = re.compile(r"__pycache__|\.pyc$|/training/|/evaluation/|cli_|/tests?/|\.git")
    assert not [name for name in names if unwanted.search(name)]


def test_what_is_left_out_is_imported_by_nothing_that_is_not() -> None:
    left_out = re.compile(r"^\s*from \.+(training|evaluation|cli_\w+|__main__)[. ]", re.MULTILINE)
    for path in sorted((ROOT / "backend").rglob("*.py")):
        rooms = {"training", "evaluation"} & set(path.parts)
        inside = rooms or path.name.startswith("cli_") or path.name == "__main__.py"
        assert inside or not left_out.search(path.read_text(encoding="utf-8")), path


@pytest.mark.usefixtures("small")
def test_the_same_sources_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    first = build_addon.build("linux-x64", "3.11", tmp_path / "first").read_bytes()
    monkeypatch.setenv("TZ", "America/Los_Angeles")
    before = os.umask(0o077)
    try:
        second = build_addon.build("linux-x64", "3.11", tmp_path / "second").read_bytes()
    finally:
        os.umask(before)
    assert hashlib.sha256(first).hexdigest() == hashlib.sha256(second).hexdigest()


@pytest.mark.usefixtures("small")
def test_the_oldest_blender_can_be_lowered(tmp_path: Path) -> None:
    manifest = _manifest(build_addon.build("linux-x64", "3.13", tmp_path / "dist", blender_min="4.2.0"))
    assert manifest["blender_version_min"] == "4.2.0"


def test_every_wheel_is_pinned_by_hash_for_every_platform() -> None:
    for python in build_addon.PYTHONS:
        text = (ROOT / "extension_wheels" / f"python{python}.txt").read_text(encoding="utf-8")
        pins = re.findall(r"^([\w-]+)==([\d.]+) ((?:\\\n +--hash=sha256:[0-9a-f]{64} ?)+)", text, re.MULTILINE)
        assert [name for name, _, _ in pins] == ["onnxruntime", "opencv-python-headless", "Pillow", "scipy"]
        for name, _, hashes in pins:
            assert len(set(re.findall(r"[0-9a-f]{64}", hashes))) == len(build_addon.PLATFORMS), f"{name}, {python}"


def test_wheels_that_are_there_are_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_addon, "ROOT", tmp_path)
    calls = []

    def pip(command: list[object], check: bool) -> None:
        calls.append(command)
        (Path(str(command[command.index("--dest") + 1])) / "thing-1.0-py3-none-any.whl").write_bytes(b"wheel")

    monkeypatch.setattr(build_addon.subprocess, "run", pip)
    pinned = f"thing==1.0 --hash=sha256:{'0' * 64}\n"
    first = build_addon.fetch_wheels("place", pinned, [])
    assert build_addon.fetch_wheels("place", pinned, []) == first and len(calls) == 1
    assert "--require-hashes" in calls[0] and "--no-deps" in calls[0]
    build_addon.fetch_wheels("place", pinned.replace("1.0", "2.0"), [])
    assert len(calls) == 2, "another pin must be fetched"


def test_a_fetch_that_fails_is_not_taken_for_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_addon, "ROOT", tmp_path)

    def fail(command: list[object], check: bool) -> None:
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setattr(build_addon.subprocess, "run", fail)
    for _ in range(2):
        with pytest.raises(subprocess.CalledProcessError):
            build_addon.fetch_wheels("place", "thing==1.0\n", [])


def test_it_stays_short() -> None:
    assert len((ROOT / "build_addon.py").read_text(encoding="utf-8").splitlines()) < 100
