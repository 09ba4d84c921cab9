"""Head bundles: bytes that do not change, reading with suspicion, folders that appear whole or not at all."""

from __future__ import annotations

import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from facewright.errors import BundleInvalid, OutputUnwritable
from facewright.head import output_folder
from facewright.head.bundle import (
    REQUIRED,
    geometry_bytes,
    read_bundle,
    refuse_existing,
    refuse_unless_bundle,
    sha256_of,
    write_record,
)
from facewright.head.output_folder import whole_folder
from small_head import NAMES, landmarks68, small_bundle_record, small_head


def write_small_bundle(folder: Path) -> Path:
    (folder / "textures").mkdir(parents=True)
    topology, head = small_head()
    places = landmarks68(topology, head)
    for name in REQUIRED:
        (folder / name).write_bytes(name.encode())
    (folder / "geometry.npz").write_bytes(geometry_bytes(topology, head, NAMES, places, places))
    write_record(folder, small_bundle_record())
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_small_bundle(tmp_path / "head")


def test_round_trip(bundle: Path) -> None:
    topology, head = small_head()
    read = read_bundle(bundle)
    np.testing.assert_allclose(read.head.neutral, head.neutral, atol=0.5 / 4096 + 1e-9)
    np.testing.assert_allclose(read.head.blendshapes, head.blendshapes, atol=0.5 / 4096 + 1e-9)
    np.testing.assert_array_equal(read.topology.quads, topology.quads)
    np.testing.assert_array_equal(read.topology.corner_uv, topology.corner_uv)
    np.testing.assert_array_equal(read.topology.material, topology.material)
    assert read.topology.lattice_size == topology.lattice_size
    assert read.topology.regions.keys() == topology.regions.keys()
    assert read.blendshape_names == NAMES
    np.testing.assert_array_equal(read.ibug68.landmark, [8, 36, 45])


def test_geometry_has_the_documented_types(bundle: Path) -> None:
    with np.load(bundle / "geometry.npz", allow_pickle=False) as data:
        types = {name: (data[name].dtype.str, data[name].ndim) for name in data.files}
    assert types["neutral"] == ("<f4", 2)
    assert types["blendshapes"] == ("<f4", 3)
    assert types["quads"] == ("<i4", 2)
    assert types["uv"] == ("<f4", 3)
    assert types["material"] == ("|u1", 1)
    assert types["region_face"] == ("<i4", 1)
    assert {"material_names", "blendshape_names", "lattice_size", "landmark478_weights"} <= set(types)


def test_geometry_bytes_do_not_depend_on_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    topology, head = small_head()
    places = landmarks68(topology, head)
    first = geometry_bytes(topology, head, NAMES, places, places)
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert geometry_bytes(topology, head, NAMES, places, places) == first


@pytest.mark.parametrize("name", [*REQUIRED, "head.json"])
def test_missing_file(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(BundleInvalid, match=name.split("/")[-1]):
        read_bundle(bundle)


def test_changed_file(bundle: Path) -> None:
    with (bundle / "textures/albedo.png").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(BundleInvalid, match="albedo"):
        read_bundle(bundle)
    assert read_bundle(bundle, verify=False).blendshape_names == NAMES


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"format": "other"}', "[" * 100000,
     '{"format": "facewright head bundle", "format_version": 99, "files": {}}',
     '{"format": "facewright head bundle", "format_version": 1}',
     '{"format": "facewright head bundle", "format_version": 1, "files": {"../../etc/passwd": {}}}'],
)  # fmt: skip
def test_corrupt_record(bundle: Path, text: str) -> None:
    (bundle / "head.json").write_text(text, encoding="utf-8")
    with pytest.raises(BundleInvalid):
        read_bundle(bundle)


def _replace_geometry(bundle: Path, content: bytes) -> None:
    (bundle / "geometry.npz").write_bytes(content)
    write_record(bundle, small_bundle_record())


def _with_array(bundle: Path, name: str, array: np.ndarray | None) -> bytes:
    with np.load(bundle / "geometry.npz", allow_pickle=False) as data:
        arrays = {key: data[key] for key in data.files}
    arrays.pop(name)
    if array is not None:
        arrays[name] = array
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("neutral", None),
        ("quads", None),
        ("landmark68_weights", None),
        ("neutral", np.zeros((5, 3), np.float32)),
        ("neutral", np.zeros(5, np.float32)),
        ("quads", np.full((3, 4), 10**6, np.int32)),
        ("material_names", np.array(["skin", "steel", "a", "b", "c"])),
        ("region_face", np.array([-1], np.int32)),
        ("lattice_size", np.array([1, 2], np.int32)),
    ],
)
def test_inconsistent_geometry(bundle: Path, name: str, array: np.ndarray | None) -> None:
    _replace_geometry(bundle, _with_array(bundle, name, array))
    with pytest.raises(BundleInvalid, match=r"geometry\.npz"):
        read_bundle(bundle)


def test_numbers_that_are_not_finite(bundle: Path) -> None:
    neutral = read_bundle(bundle).head.neutral.astype(np.float32)
    neutral[3, 1] = np.nan
    _replace_geometry(bundle, _with_array(bundle, "neutral", neutral))
    with pytest.raises(BundleInvalid, match="finite"):
        read_bundle(bundle)


def test_truncated_and_damaged_geometry(bundle: Path) -> None:
    content = (bundle / "geometry.npz").read_bytes()
    damaged = bytearray(content)
    damaged[200:260] = bytes(60)
    for bad in (b"", b"not a zip", content[: len(content) // 2], bytes(damaged)):
        _replace_geometry(bundle, bad)
        with pytest.raises(BundleInvalid, match=r"geometry\.npz"):
            read_bundle(bundle)


def test_pickled_geometry_is_not_loaded(bundle: Path) -> None:
    marker = bundle / "executed"

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (os.mkdir, (str(marker),))

    out = io.BytesIO()
    np.save(out, np.array([Trap()], dtype=object), allow_pickle=True)
    archive = io.BytesIO(_with_array(bundle, "neutral", None))
    with zipfile.ZipFile(archive, "a") as members:
        members.writestr("neutral.npy", out.getvalue())
    _replace_geometry(bundle, archive.getvalue())
    with pytest.raises(BundleInvalid):
        read_bundle(bundle)
    assert not marker.exists()


def test_geometry_that_unpacks_to_too_much(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facewright.head.bundle.MAX_GEOMETRY_BYTES", 1000)
    with pytest.raises(BundleInvalid, match="GB"):
        read_bundle(bundle)


# ------------------------------------------------------------------------------------------ folders


def test_folder_appears_only_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "head"
    with whole_folder(target, refuse_existing) as folder:
        (folder / "x").write_text("1")
        assert not target.exists()
    assert (target / "x").read_text() == "1"
    assert [p.name for p in target.parent.iterdir()] == ["head"]
    assert target.stat().st_mode & 0o777 == 0o777 & ~output_folder._umask()


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_nothing_is_left_behind(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), whole_folder(tmp_path / "a" / "head", refuse_existing) as folder:
        (folder / "x").write_text("1")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_existing_is_refused_before_the_work(tmp_path: Path, bundle: Path) -> None:
    before = sha256_of(bundle / "head.json")
    with pytest.raises(OutputUnwritable, match="--overwrite"), whole_folder(bundle, refuse_existing):
        pytest.fail("the block must not run")
    assert sha256_of(bundle / "head.json") == before


def test_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "head").mkdir()
    with whole_folder(tmp_path / "head", refuse_existing) as folder:
        (folder / "x").write_text("1")
    assert (tmp_path / "head" / "x").is_file()


def test_overwrite_swaps_and_keeps_the_old_until_then(bundle: Path) -> None:
    with whole_folder(bundle, refuse_unless_bundle) as folder:
        assert (bundle / "head.json").is_file()
        (folder / "new").write_text("1")
    assert [p.name for p in bundle.iterdir()] == ["new"]
    assert [p.name for p in bundle.parent.iterdir()] == ["head"]


def test_overwrite_fails_and_the_old_stays(bundle: Path) -> None:
    with pytest.raises(ZeroDivisionError), whole_folder(bundle, refuse_unless_bundle):
        raise ZeroDivisionError
    read_bundle(bundle)
    assert [p.name for p in bundle.parent.iterdir()] == ["head"]


def test_swap_that_fails_puts_the_old_back(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if ".partial-" in self.name:
            raise OSError(5, "Input/output error", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OutputUnwritable), whole_folder(bundle, refuse_unless_bundle):
        pass
    read_bundle(bundle)
    assert [p.name for p in bundle.parent.iterdir()] == ["head"]


def test_what_is_not_a_bundle_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "photo.jpg").write_bytes(b"precious")
    (tmp_path / "file").write_bytes(b"precious")
    for name in ("holiday", "file"):
        with pytest.raises(OutputUnwritable), whole_folder(tmp_path / name, refuse_unless_bundle):
            pytest.fail("the block must not run")
    assert (tmp_path / "holiday" / "photo.jpg").read_bytes() == b"precious"


def test_an_artists_own_work_is_not_overwritten(bundle: Path) -> None:
    (bundle / "notes.txt").write_text("mine")
    with pytest.raises(OutputUnwritable, match=r"notes\.txt"):
        refuse_unless_bundle(bundle)
    (bundle / "notes.txt").unlink()
    refuse_unless_bundle(bundle)
    (bundle / "head.blend").write_bytes(b"ours")
    write_record(bundle, small_bundle_record())
    refuse_unless_bundle(bundle)
    (bundle / "head.blend").write_bytes(b"edited by the artist")
    with pytest.raises(OutputUnwritable, match=r"head\.blend"):
        refuse_unless_bundle(bundle)


def test_full_disk_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable, match="room"), whole_folder(tmp_path / "head", refuse_existing) as folder:
        raise OSError(28, "No space left on device", str(folder / "geometry.npz"))
    assert list(tmp_path.iterdir()) == []


def test_record_lists_every_file_with_its_hash(bundle: Path) -> None:
    record = json.loads((bundle / "head.json").read_bytes())
    assert set(record["files"]) == set(REQUIRED)
    for name, entry in record["files"].items():
        assert entry == {"bytes": (bundle / name).stat().st_size, "sha256": sha256_of(bundle / name)}


def test_moved_bundle_still_reads(bundle: Path, tmp_path: Path) -> None:
    shutil.move(bundle, tmp_path / "elsewhere")
    assert read_bundle(tmp_path / "elsewhere").blendshape_names == NAMES
