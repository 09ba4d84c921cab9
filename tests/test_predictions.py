"""Predictions as they lie on disk: our bundles and other programs' meshes, cameras of resized photos, bad files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import evaluation_sets as sets
import numpy as np
import pytest
from facewright.errors import MeshInvalid
from facewright.evaluation.case import Case, Truth, WeakCamera
from facewright.evaluation.predictions.files import ply_bytes, write_prediction
from facewright.evaluation.predictions.read import NoResult, image_size_of, keypoints_of_68, read_prediction
from facewright.fitting.camera import Camera
from facewright.head.bundle import FORMAT, FORMAT_VERSION, REQUIRED, geometry_bytes, write_record
from facewright.mesh.topology import LandmarkEmbedding
from PIL import Image
from small_head import NAMES, landmarks68, small_head

SEVEN = (33, 133, 362, 263, 2, 61, 291)
SIZE = (256, 256)


def no_truth() -> Truth:
    raise AssertionError("a prediction is read without the truth")


def case(name: str = "a/b", image: Path | None = None) -> Case:
    return Case(name, "a", image, Camera(256, 256, 900.0, 900.0, 131.0, 126.0), no_truth)


def write_bundle(folder: Path, landmarks: tuple[int, ...] = SEVEN, **record: Any) -> None:
    """A bundle whose photo has 512 x 384 pixels, of the small head turned by 20 degrees, its mouth half open."""
    topology, head = small_head()
    skin = topology.regions["face"]
    corners = np.repeat(skin[np.arange(len(landmarks)) * 7][:, None], 3, 1).astype(np.int64)
    weights = np.tile([0.5, 0.25, 0.25], (len(landmarks), 1))
    embedding = LandmarkEmbedding(np.array(landmarks, np.int64), corners, weights)
    (folder / "textures").mkdir(parents=True)
    for name in REQUIRED:
        (folder / name).write_bytes(b"-")
    content = geometry_bytes(topology, head, NAMES, embedding, landmarks68(topology, head))
    (folder / "geometry.npz").write_bytes(content)
    pose = {"rotation": sets.head_rotation(20.0).tolist(), "translation_mm": [5.0, -6.0, -700.0]}
    camera = {"width": 512, "height": 384, "fx": 800.0, "fy": 800.0, "cx": 256.0, "cy": 192.0}
    expression = {"jawOpen": 0.5, "eyeBlinkLeft": 0.0}
    written = {"format": FORMAT, "format_version": FORMAT_VERSION}
    write_record(folder, {**written, "camera": camera, "pose": pose, "expression": expression, **record})


def test_bundle_stands_in_its_photo_with_its_expression(tmp_path: Path) -> None:
    write_bundle(tmp_path / "a/b")
    prediction = read_prediction(tmp_path, case(), (1024, 768))
    topology, head = small_head()
    posed = head.neutral + 0.5 * head.blendshapes[0]
    expected = posed @ sets.head_rotation(20.0).T + [5.0, -6.0, -700.0]
    np.testing.assert_allclose(prediction.surface.vertices, expected, atol=1e-3)
    # A photo that was halved before: every pixel of the camera is two of the data's.
    assert prediction.camera == Camera(1024, 768, 1600.0, 1600.0, 512.0, 384.0)
    assert prediction.seven is not None and prediction.neutral is not None and prediction.neutral_seven is not None
    places = topology.regions["face"][np.arange(7) * 7]
    np.testing.assert_allclose(prediction.seven, expected[places], atol=1e-3)
    np.testing.assert_allclose(prediction.neutral_seven, head.neutral[places], atol=1e-3)
    np.testing.assert_allclose(prediction.neutral.vertices, head.neutral, atol=1e-3)


def test_bundle_is_measured_outside_only(tmp_path: Path) -> None:
    write_bundle(tmp_path / "a/b")
    surface = read_prediction(tmp_path, case(), None).surface
    topology, _ = small_head()
    mouth = topology.quads[-1, :3]
    assert not np.isin(mouth, surface.triangles).any()
    assert len(surface.triangles) == 2 * (len(topology.quads) - 1)  # skin and eyes, quads all of them


def test_bundles_of_models_without_the_landmarks(tmp_path: Path) -> None:
    write_bundle(tmp_path / "a/b", landmarks=SEVEN[:6])
    prediction = read_prediction(tmp_path, case(), None)
    assert prediction.seven is None and prediction.neutral_seven is None


def test_bundle_of_another_picture_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path / "a/b")
    with pytest.raises(MeshInvalid, match=r"512 x 384 pixels, which no resizing .* 256 x 256"):
        read_prediction(tmp_path, case(), SIZE)


def test_damaged_bundles_are_named(tmp_path: Path) -> None:
    write_bundle(tmp_path / "a/b", pose={"rotation": np.eye(3).tolist()})
    with pytest.raises(MeshInvalid, match="translation_mm"):
        read_prediction(tmp_path, case(), None)
    (tmp_path / "a/b/geometry.npz").write_bytes(b"-")
    with pytest.raises(MeshInvalid, match=r"geometry\.npz"):
        read_prediction(tmp_path, case(), None)


# ---------------------------------------------------------------------------------------------------- meshes


def test_mesh_with_everything(tmp_path: Path) -> None:
    face = sets.true_face(10.0, depth=600.0)
    keypoints = np.arange(255.0).reshape(85, 3)
    camera = Camera(256, 256, 700.0, 710.0, 120.0, 131.0)
    further = {"neutral_landmarks": (face.seven + 1.0).tolist(), "keypoints": keypoints.tolist()}
    sets.write_prediction(tmp_path, "a/b", face.surface, camera, face.seven, **further)
    sets.write_surface(tmp_path / "a/b_neutral.obj", face.surface, face.surface.vertices + 1.0)
    prediction = read_prediction(tmp_path, case(), SIZE)
    np.testing.assert_allclose(prediction.surface.vertices, face.surface.vertices)
    assert (prediction.surface.triangles == face.surface.triangles).all()
    assert prediction.camera == camera and prediction.neutral is not None
    np.testing.assert_allclose(prediction.neutral.vertices, face.surface.vertices + 1.0)
    for found, expected in (
        (prediction.seven, face.seven), (prediction.neutral_seven, face.seven + 1.0),
        (prediction.keypoints, keypoints),
    ):  # fmt: skip
        assert found is not None
        np.testing.assert_allclose(found, expected)


def test_mesh_alone_stands_in_the_datas_frame(tmp_path: Path) -> None:
    face = sets.true_face(depth=600.0)
    sets.write_surface(tmp_path / "a/b.obj", face.surface)
    prediction = read_prediction(tmp_path, case(), SIZE)
    assert prediction[1:] == (None,) * 5


def test_binary_ply_keeps_its_order(tmp_path: Path) -> None:
    face = sets.true_face(depth=600.0)
    trimesh = pytest.importorskip("trimesh")
    mesh = trimesh.Trimesh(face.surface.vertices, face.surface.triangles, process=False)
    (tmp_path / "a").mkdir()
    mesh.export(tmp_path / "a/b.ply")
    surface = read_prediction(tmp_path, case(), SIZE).surface
    np.testing.assert_allclose(surface.vertices, face.surface.vertices, atol=1e-3)
    assert (surface.triangles == face.surface.triangles).all()


def test_weak_camera_of_a_resized_photo(tmp_path: Path) -> None:
    face = sets.true_face()
    sets.write_prediction(tmp_path, "a/b", face.surface)
    entry = {"camera": {"kind": "weak", "s": 0.5, "cx": 60.0, "cy": 64.0, "width": 128, "height": 128}}
    sets.write_json(tmp_path / "a/b.json", entry)
    assert read_prediction(tmp_path, case(), SIZE).camera == WeakCamera(256, 256, 1.0, 120.0, 128.0)


@pytest.mark.parametrize("suffix", [".npy", ".txt"])
def test_landmarks_as_nows_challenge_takes_them(suffix: str, tmp_path: Path) -> None:
    face = sets.true_face()
    sets.write_surface(tmp_path / "a/b.obj", face.surface)
    if suffix == ".npy":
        sets.write_array(tmp_path / "a/b.npy", face.seven)
    else:
        sets.write_text(tmp_path / "a/b.txt", "\n".join(",".join(map(str, p)) for p in face.seven.tolist()))
    seven = read_prediction(tmp_path, case(), None).seven
    assert seven is not None
    np.testing.assert_allclose(seven, face.seven)


def test_nothing_is_a_failure_of_its_own_kind(tmp_path: Path) -> None:
    with pytest.raises(NoResult, match="There is no result for a/b"):
        read_prediction(tmp_path, case(), SIZE)


CAMERA = {"kind": "pinhole", "fx": 700.0, "fy": 700.0, "cx": 128.0, "cy": 128.0}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"unit": "m"}, "'m'"),
        ({"camera": {**CAMERA, "kind": "fisheye"}}, "'pinhole' or 'weak'"),
        ({"camera": [700.0]}, "'pinhole' or 'weak'"),
        ({"camera": {**CAMERA, "fx": None}}, "fx of the camera"),
        ({"camera": {**CAMERA, "fy": -700.0}}, "positive fx and fy"),
        ({"camera": {"kind": "weak", "s": 0.0, "cx": 1.0, "cy": 1.0}}, "positive s"),
        ({"camera": {**CAMERA, "width": 200, "height": 256}}, "200 x 256"),
        ({"camera": {**CAMERA, "width": 0, "height": 0}}, "width and height"),
        ({"landmarks": [[0.0, 0.0, 0.0]] * 6}, "landmarks"),
        ({"keypoints": [[0.0, 0.0, float("nan")]] * 85}, "keypoints"),
        ({"keypoints": [[0.0, 0.0, 0.0]] * 68}, "keypoints"),
        ({"keypoints": [None] * 85}, "keypoints"),
        ({"keypoints": "none"}, "keypoints"),
        (["mm"], "JSON object"),
    ],
)
def test_what_stands_beside_a_mesh_is_checked(entry: Any, words: str, tmp_path: Path) -> None:
    sets.write_surface(tmp_path / "a/b.obj", sets.true_face().surface)
    sets.write_text(tmp_path / "a/b.json", json.dumps(entry))
    with pytest.raises(MeshInvalid) as caught:
        read_prediction(tmp_path, case(), SIZE)
    assert words in str(caught.value) and "b.json" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "has no"),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\n", "has no"),
        ("v 0 0 0\nv 1 0 0\nv nan 1 0\nf 1 2 3\n", "has 1 vertex that is not finite."),
        ("v 0 0 0\nv nan 0 0\nv nan 1 0\nf 1 2 3\n", "has 2 vertices that are not finite."),
        ("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 10000000\n", "a face that names a vertex which the file does not have."),
        ("v 0 0 0\nv 1 0 0\nv 0 1 x\nf 1 2 3\n", "no whole OBJ file, but damaged or cut off."),
        ("v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n", "no area"),
    ],
)  # fmt: skip
def test_meshes_that_are_none(content: str, words: str, tmp_path: Path) -> None:
    sets.write_text(tmp_path / "a/b.obj", content)
    with pytest.raises(MeshInvalid) as caught:
        read_prediction(tmp_path, case(), SIZE)
    assert words in str(caught.value) and "b.obj" in str(caught.value), str(caught.value)


@pytest.mark.parametrize("content", [b"junk" * 40, b"", None])
def test_damaged_ply_files_are_named_in_our_words(content: bytes | None, tmp_path: Path) -> None:
    whole = ply_bytes(sets.true_face().surface)
    (tmp_path / "b.ply").write_bytes(whole[:-20] if content is None else content)
    words = r"b\.ply cannot be read: it is no whole PLY file, but damaged or cut off\.$"
    with pytest.raises(MeshInvalid, match=words):
        read_prediction(tmp_path, case("b"), SIZE)


def test_keypoints_that_are_not_known(tmp_path: Path) -> None:
    face = sets.true_face()
    given = np.arange(255.0).reshape(85, 3)
    rows = [*given[:68].tolist(), *[None] * 17]
    sets.write_prediction(tmp_path, "b", face.surface, keypoints=rows)
    found = read_prediction(tmp_path, case("b"), SIZE)
    assert found.keypoints is not None
    given[68:] = np.nan
    np.testing.assert_array_equal(found.keypoints, given)
    write_prediction(tmp_path / "again", "b", found)
    again = read_prediction(tmp_path / "again", case("b"), SIZE).keypoints
    assert again is not None
    np.testing.assert_array_equal(again, given)


def test_bundles_know_68_of_the_85_keypoints(tmp_path: Path) -> None:
    topology, head = small_head()
    chosen = topology.regions["face"][np.arange(68)]
    order = np.arange(68)[::-1]
    weights = np.tile([1.0, 0.0, 0.0], (68, 1))
    embedding = LandmarkEmbedding(order.copy(), np.repeat(chosen[order][:, None], 3, 1), weights)
    keypoints = keypoints_of_68(embedding, head.neutral)
    assert keypoints is not None
    np.testing.assert_allclose(keypoints[:68], head.neutral[chosen])
    assert np.isnan(keypoints[68:]).all()
    write_bundle(tmp_path / "a/b")  # knows three of them
    assert read_prediction(tmp_path, case(), None).keypoints is None


def test_two_results_for_one_photo_are_refused(tmp_path: Path) -> None:
    face = sets.true_face()
    sets.write_surface(tmp_path / "a/b.obj", face.surface)
    write_bundle(tmp_path / "a/b")
    with pytest.raises(MeshInvalid, match="several results"):
        read_prediction(tmp_path, case(), None)


# ---------------------------------------------------------------------------------------------------- photos


def test_sizes_of_photos_are_those_seen_upright(tmp_path: Path) -> None:
    assert image_size_of(case()) == (256, 256)
    image, exif = Image.new("RGB", (120, 160)), Image.Exif()
    image.save(tmp_path / "plain.jpg")
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert image_size_of(case(image=tmp_path / "plain.jpg")) == (120, 160)
    assert image_size_of(case(image=tmp_path / "turned.jpg")) == (160, 120)
    assert image_size_of(Case("a", "a", None, None, no_truth)) is None
