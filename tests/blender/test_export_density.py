"""Half and quarter density of a real head, from the scene's mesh to the checked file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import bpy
import bundles
import numpy as np
import pytest
from exporting_help import animated_snapshot, export

from blender_addon.backend_door import Density, FaceError, read_head
from blender_addon.exporting.density import reduced
from blender_addon.exporting.gather import gather
from blender_addon.exporting.sample import Range
from blender_addon.exporting.snapshot import Snapshot
from blender_addon.scene.build import HeadObjects, build_scene


@pytest.fixture(scope="module")
def real_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built-in model's mean head as a bundle."""
    pytest.importorskip("scipy", reason="the built-in face model needs scipy, which this environment has not")
    from facewright.face_model.load import load_face_model

    model = load_face_model()
    geometry = model.head(np.zeros(model.identity_dims))
    return bundles.write_bundle(tmp_path_factory.mktemp("real") / "head", model.topology, geometry)


@pytest.fixture
def real(empty: None, real_bundle: Path) -> Iterator[HeadObjects]:
    """Its scene."""
    return build_scene(read_head(real_bundle))


def take(built: HeadObjects) -> Snapshot:
    return gather(built.head, bpy.context.scene, Range.NONE)


def test_a_sculpted_renamed_head_is_reduced_and_exported(real: HeadObjects, tmp_path: Path) -> None:
    """Sculpting, other names, the person's own key and UV map go along; the scene's mesh stays whole."""
    real.head.name, real.armature.name = "Günther", "Bones"
    mesh = real.head.data
    keys = mesh.shape_keys.key_blocks
    lifted = np.empty(3 * len(mesh.vertices), np.float32)
    keys["Basis"].data.foreach_get("co", lifted)
    lifted = 1.01 * lifted
    keys["Basis"].data.foreach_set("co", lifted)
    mesh.uv_layers.new(name="Second")
    real.head.shape_key_add(name="frown of my own", from_mix=False)
    full = animated_snapshot(real)
    half, quarter = (reduced(full, density) for density in (Density.HALF, Density.QUARTER))
    assert (len(half.face_sizes), len(quarter.face_sizes)) == (13_766, 4_702)
    assert len(mesh.polygons) == 45_186 and reduced(full, Density.FULL) is full
    for coarse in (half, quarter):
        rows = {tuple(place): k for k, place in enumerate(full.basis.tolist())}
        ids = np.array([rows[tuple(place)] for place in coarse.basis.tolist()])
        same = (full.basis[ids] == coarse.basis).all()
        assert same and len(coarse.channels) == 53 and coarse.uv_names == ("UVMap", "Second")
        assert np.array_equal(coarse.curves, full.curves)
        assert coarse.weights.sum(0) == pytest.approx(1.0, abs=1e-5)
    written = export(tmp_path, "FBX", real, quarter)
    assert written["problems"] == [] and written["vertices"] == 5_003
    assert (written["channels"], written["curves"]) == (53, 2)
    assert written["deviation"] < 1e-6 and written["curve_deviation"] < 1e-5


def test_changed_faces_export_at_full_only(real: HeadObjects) -> None:
    snapshot = take(real)
    cut = snapshot._replace(
        face_sizes=snapshot.face_sizes[:-1], corner_vertices=snapshot.corner_vertices[:-4],
        face_materials=snapshot.face_materials[:-1], face_smooth=snapshot.face_smooth[:-1],
        uvs=snapshot.uvs[:, :-4],
    )  # fmt: skip
    triangle = snapshot._replace(face_sizes=np.append(snapshot.face_sizes[:-1], 3).astype(np.int32))
    for changed in (cut, triangle):
        with pytest.raises(FaceError, match="built-in face model whose faces were not changed"):
            reduced(changed, Density.HALF)
        assert reduced(changed, Density.FULL) is changed


def test_another_face_model_exports_at_full_only(built: HeadObjects) -> None:
    with pytest.raises(FaceError, match="built-in face model"):
        reduced(take(built), Density.QUARTER)
