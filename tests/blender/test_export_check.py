"""The comparison finds every kind of fault, and nothing in what is as it should be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest
from exporting_help import animated_snapshot, export

from blender_addon.export import ExportFailed
from blender_addon.exporting.compare import compare, match
from blender_addon.exporting.gather import gather
from blender_addon.exporting.presets import PRESETS
from blender_addon.exporting.read_back import Found, posed_points, probe_frames, read_back
from blender_addon.exporting.sample import Range
from blender_addon.exporting.snapshot import Snapshot, load, save
from blender_addon.scene.build import HeadObjects


@pytest.fixture
def taken(built: HeadObjects) -> tuple[Snapshot, np.ndarray, Found]:
    """The small head, animated: its snapshot, its posed places, and a file that holds exactly that."""
    snapshot = animated_snapshot(built)
    posed = posed_points(built.head, probe_frames(snapshot))
    found = Found(
        snapshot.world_points(), snapshot.channels,
        np.stack([snapshot.world_offsets(k) for k in range(52)]).astype(np.float32),
        snapshot.curves.copy(), posed.copy(), snapshot.bones, ("a", "b", "c", "d"),
    )  # fmt: skip
    return snapshot, posed, found


def test_a_true_copy_has_no_fault(taken: tuple[Snapshot, np.ndarray, Found]) -> None:
    snapshot, posed, found = taken
    check = compare(snapshot, posed, found, 4)
    assert check.problems == ()
    assert check.line() == "52 channels, 2 curves, 0.285 m tall, 4 textures, largest deviation 0.000 mm"


def test_other_orders_and_split_vertices_are_the_same_head(taken: tuple[Snapshot, np.ndarray, Found]) -> None:
    snapshot, posed, found = taken
    order = np.random.default_rng(1).permutation(len(found.points))
    order = np.concatenate([order, order[:50]])
    channels = np.random.default_rng(2).permutation(52)
    other = found._replace(
        points=found.points[order], offsets=found.offsets[channels][:, order], posed=found.posed[:, order],
        channels=tuple(found.channels[k] for k in channels), curves=found.curves[:, channels],
    )  # fmt: skip
    assert compare(snapshot, posed, other, 4).problems == ()


def test_vertices_in_one_place_are_told_apart_by_their_motion() -> None:
    points = np.zeros((2, 3))
    offsets = np.array([[[0.0, 0.0, 0.01], [0.0, 0.0, -0.01]]])
    source, deviation = match(points, offsets, points[[0, 1, 0]], offsets[:, [1, 0, 1]])
    assert source.tolist() == [1, 0, 1] and deviation.max() == 0.0


FAULTS: dict[str, tuple[Callable[[Found], Found], str]] = {
    "channel": (
        lambda f: f._replace(channels=f.channels[1:], offsets=f.offsets[1:], curves=f.curves[:, 1:]),
        "1 channel missing, such as eyeBlinkLeft",
    ),
    "renamed": (lambda f: f._replace(channels=("EyeBlinkLeft", *f.channels[1:])), "such as eyeBlinkLeft"),
    "vertex": (lambda f: f._replace(points=_bumped(f.points, 5, 2e-4)), "shapes differ by up to 0.20 mm"),
    "offset": (lambda f: f._replace(offsets=_bumped(f.offsets, (17, 9), 3e-4)), "shapes differ by up to 0.30 mm"),
    "lost": (
        lambda f: f._replace(
            points=np.delete(f.points, 212, 0),
            offsets=np.delete(f.offsets, 212, 1),
            posed=np.delete(f.posed, 212, 1),
        ),
        "1 vertex missing",
    ),
    "scale": (lambda f: f._replace(points=f.points * 100.0), "m tall instead of 0.28"),
    "curve": (lambda f: f._replace(curves=_bumped(f.curves, (3, 17), 0.01)), "the curve of jawOpen is off by"),
    "shift": (lambda f: f._replace(curves=np.roll(f.curves, 1, axis=0)), "the curve of"),
    "pose": (lambda f: f._replace(posed=_bumped(f.posed, (1, 30), 1e-3)), "animated head is off by up to 1.00 mm"),
    "bone": (lambda f: f._replace(bones=f.bones[:-1]), "1 bone missing"),
    "texture": (lambda f: f._replace(textures=("a", "b", "c")), "3 of 4 textures found"),
    "empty": (
        lambda f: f._replace(points=f.points[:0], offsets=f.offsets[:, :0], posed=f.posed[:, :0]),
        "the mesh is empty",
    ),
}


def _bumped(values: np.ndarray, place: object, amount: float) -> np.ndarray:
    result = values.copy()
    result[place] += np.array([amount, 0.0, 0.0]) if result[place].ndim else amount
    return result


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault: str, taken: tuple[Snapshot, np.ndarray, Found]) -> None:
    snapshot, posed, found = taken
    spoil, sentence = FAULTS[fault]
    assert any(sentence in problem for problem in compare(snapshot, posed, spoil(found), 4).problems)


def test_a_file_of_another_head_fails(built: HeadObjects, tmp_path: Path) -> None:
    """Through a real file: what is read back is the file, not the memory."""
    snapshot = gather(built.head, bpy.context.scene, Range.NONE)
    other = snapshot._replace(offsets=1.02 * snapshot.offsets)
    written = export(tmp_path, "GLB", built, other)
    assert written["problems"] == []
    found = read_back(PRESETS["GLB"], Path(written["path"]), snapshot)
    (problem,) = compare(snapshot, np.empty((0, 0, 3), np.float32), found, 4).problems
    assert problem.startswith("shapes differ by up to")


@pytest.mark.parametrize("content", [b"", b"Kaydara FBX Binary  \x00\x1a\x00", b"nonsense" * 100])
def test_a_broken_file_is_one_sentence(content: bytes, built: HeadObjects, tmp_path: Path) -> None:
    snapshot = gather(built.head, bpy.context.scene, Range.NONE)
    (tmp_path / "a.fbx").write_bytes(content)
    with pytest.raises(ExportFailed, match=r"a\.fbx was written, but"):
        read_back(PRESETS["FBX"], tmp_path / "a.fbx", snapshot)


def test_a_snapshot_survives_its_file(taken: tuple[Snapshot, np.ndarray, Found], tmp_path: Path) -> None:
    save(taken[0], tmp_path / "head.npz")
    again = load(tmp_path / "head.npz")
    for name, value in taken[0]._asdict().items():
        found = getattr(again, name)
        assert type(found) is type(value)
        assert np.array_equal(found, value) if isinstance(value, np.ndarray) else found == value, name
