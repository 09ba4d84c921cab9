"""Preferences and kept heads: defaults without an add-on entry, folders, what Clear deletes and what it keeps."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import bpy
import pytest

import blender_addon
from blender_addon import kept_heads, preferences
from blender_addon.backend_door import OutputUnwritable


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of this test's own in place of the user's."""
    monkeypatch.setenv("FACEWRIGHT_CACHE", str(tmp_path / "user"))
    kept_heads.forget_size()
    return tmp_path / "user"


@pytest.fixture
def registered(empty: None) -> object:
    blender_addon.register()
    yield
    blender_addon.unregister()


def test_defaults_apply_where_the_package_is_registered_by_hand(place: Path) -> None:
    settings = preferences.settings()
    assert 1 <= settings.threads <= 4
    assert settings.texture_size in {name for name, *_ in preferences.TEXTURE_SIZES}
    assert preferences.heads_folder() == place / "heads"
    assert preferences.logs_folder() == place / "logs"
    assert preferences.logs_folder().is_dir() and preferences.heads_folder().is_dir()


def test_a_chosen_heads_folder_is_used_relative_to_the_file(
    empty: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = preferences.DefaultSettings(heads_path="//my heads")
    monkeypatch.setattr(preferences, "settings", lambda: chosen)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert preferences.heads_folder() == tmp_path / "my heads"
    assert (tmp_path / "my heads").is_dir()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "user").write_text("a file where the folder should be")
    with pytest.raises(OutputUnwritable, match=r"^The folder .* cannot be used: .*\.$"):
        preferences.user_folder()


def _bundles(bundle: Path, folder: Path, *names: str) -> list[Path]:
    return [shutil.copytree(bundle, folder / name) for name in names]


def test_clear_keeps_what_is_used_changed_or_not_ours(bundle: Path, tmp_path: Path) -> None:
    heads = tmp_path / "heads"
    plain, used, changed, extended = _bundles(bundle, heads, "plain", "used", "changed", "extended")
    (changed / "textures" / "albedo.png").write_bytes(b"painted over")
    (extended / "notes.txt").write_text("mine")
    (heads / "not a head").mkdir()
    (heads / "not a head" / "picture.png").write_bytes(b"mine")
    (heads / "link").symlink_to(_bundles(bundle, tmp_path, "elsewhere")[0])
    size = sum(file.stat().st_size for file in plain.rglob("*") if file.is_file())

    done = kept_heads.clear(heads, {used})

    assert done == kept_heads.Cleared(deleted=1, freed_bytes=size, used=1, changed=2)
    left = {path.name for path in heads.iterdir()}
    assert left == {"used", "changed", "extended", "not a head", "link"}
    assert (tmp_path / "elsewhere" / "head.json").is_file()


def test_clear_where_there_is_no_folder_deletes_nothing(tmp_path: Path) -> None:
    assert kept_heads.clear(tmp_path / "none", set()) == kept_heads.Cleared(0, 0, 0, 0)


def test_the_operator_keeps_the_bundles_of_the_open_file(registered: None, bundle: Path, place: Path) -> None:
    plain, used, textures = _bundles(bundle, place / "heads", "plain", "used", "textures of another size")
    mesh = bpy.data.objects.new("a head by its record alone", bpy.data.meshes.new("m"))
    mesh["facewright"] = {"bundle": str(used), "textures": str(textures)}
    assert bpy.ops.facewright.clear_heads() == {"FINISHED"}
    assert used.is_dir() and textures.is_dir() and not plain.exists()


def test_size_is_measured_once_and_anew_after_clearing(bundle: Path, tmp_path: Path) -> None:
    heads = tmp_path / "heads"
    _bundles(bundle, heads, "one")
    size = kept_heads.folder_bytes(heads)
    assert size == sum(file.stat().st_size for file in bundle.rglob("*") if file.is_file())
    _bundles(bundle, heads, "two")
    started = time.perf_counter()
    assert all(kept_heads.folder_bytes(heads) == size for _ in range(1000)), "measured on a redraw"
    assert time.perf_counter() - started < 0.05
    kept_heads.clear(heads, set())
    assert kept_heads.folder_bytes(heads) == 0


@pytest.mark.parametrize(
    ("size", "text"), [(0, "nothing yet"), (1_250_000, "1.2 MB"), (12_345_678, "12.3 MB"), (2.5e9, "2.50 GB")]
)
def test_sizes_read_as_people_write_them(size: int, text: str) -> None:
    assert preferences.megabytes(size) == text
