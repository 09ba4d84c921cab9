"""Readers of data sets: published frames and units become ours; what is missing or damaged is named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import evaluation_sets as sets
import numpy as np
import pytest
from facewright.errors import DataSetInvalid
from facewright.evaluation.case import DataSet, Truth, WeakCamera
from facewright.evaluation.datasets.readers import KINDS, open_data_set
from facewright.fitting.camera import Camera

SCANS = {
    "now": (sets.write_now, sets.NOW_CASES),
    "stirling": (sets.write_stirling, sets.STIRLING_CASES),
    "florence": (sets.write_florence, sets.FLORENCE_CASES),
    "realy": (sets.write_realy, sets.REALY_CASES),
}
WRITERS = {
    "plain": sets.write_plain,
    "facescape-wild": sets.write_facescape_wild,
    "facescape-lab": sets.write_facescape_lab,
    **{kind: writer for kind, (writer, _) in SCANS.items()},
}


def truths(data: DataSet) -> dict[str, Truth]:
    return {case.id: case.truth() for case in data.cases}


def assert_same_face(truth: Truth, face: sets.Face) -> None:
    np.testing.assert_allclose(truth.surface.vertices, face.surface.vertices, atol=1e-6)
    assert (truth.surface.triangles == face.surface.triangles).all()


def refused(folder: Path, *words: str, kind: str | None = None) -> str:
    """What opening says, or reading the first truth; it should name the words."""
    with pytest.raises(DataSetInvalid) as caught:
        truths(open_data_set(folder, kind))
    sentence = str(caught.value)
    assert all(word in sentence for word in words), sentence
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence


@pytest.mark.parametrize("kind", KINDS)
def test_sets_are_recognised_by_their_names(kind: str, tmp_path: Path) -> None:
    WRITERS[kind](tmp_path)
    found, named = open_data_set(tmp_path), open_data_set(tmp_path, kind)
    assert found.name == named.name and [c.id for c in found.cases] == [c.id for c in named.cases]
    assert len({case.id for case in found.cases}) == len(found.cases) >= 2
    assert all(case.image is not None for case in found.cases) or kind == "facescape-lab"


# ---------------------------------------------------------------------------------------------------- plain


def test_plain_faces_and_what_is_known_about_them(tmp_path: Path) -> None:
    faces = sets.write_plain(tmp_path)
    sets.write_json(tmp_path / "benchmark.json", {"note": "Of one family."})
    data = open_data_set(tmp_path)
    assert data.protocols == ("facescape", "now", "dense") and data.note == "Of one family."
    for case, (name, face) in zip(data.cases, faces.items(), strict=True):
        truth = case.truth()
        assert case.id == name and case.subject == name[:5] and case.camera == sets.camera_of()
        assert case.tags == {"light": "sky", "expression": "smile", "focal": "126.562 mm"}
        assert_same_face(truth, face)
        np.testing.assert_allclose(truth.seven, face.seven)
        np.testing.assert_allclose(truth.head_centre, face.centre)
        np.testing.assert_allclose(truth.head_rotation, face.rotation)
        assert truth.outer_eye_distance == pytest.approx(90.0)
    assert [case.yaw_degrees for case in data.cases] == [0.0, 25.0]


def test_yaw_follows_from_the_pose_where_meta_does_not_say(tmp_path: Path) -> None:
    sets.write_plain(tmp_path, (0.0, 25.0, -40.0))
    for path in tmp_path.glob("*/meta.json"):
        path.unlink()
    cases = open_data_set(tmp_path).cases
    np.testing.assert_allclose([case.yaw_degrees for case in cases], [0.0, 25.0, -40.0], atol=1e-9)
    assert [case.subject for case in cases] == [case.id for case in cases]


def test_plain_obj_without_anything_else(tmp_path: Path) -> None:
    face = sets.true_face()
    sets.write_surface(tmp_path / "deep/down/gt.obj", face.surface)
    (case,) = open_data_set(tmp_path).cases
    assert case.id == "deep/down" and case.camera is None and case.image is None and case.yaw_degrees is None
    assert_same_face(case.truth(), face)
    assert case.truth().seven is None


def test_plain_regions_and_model_vertices(tmp_path: Path) -> None:
    face = sets.true_face(depth=800.0)
    left = face.surface.vertices[face.surface.triangles].mean(1)[:, 0] > 0.0
    sets.write_plain(tmp_path, region_left=left, model_vertices=np.arange(12.0).reshape(4, 3))
    truth = open_data_set(tmp_path).cases[0].truth()
    assert (truth.regions["left"] == left).all() and list(truth.regions) == ["left"]
    assert truth.model_vertices is not None and truth.model_vertices.shape == (4, 3)


def test_weak_camera_of_a_plain_case(tmp_path: Path) -> None:
    sets.write_plain(tmp_path, (0.0,))
    weak = {"weak": {"s": 1.5, "cx": 120.0, "cy": 130.0}, "width": 256, "height": 256}
    sets.write_json(tmp_path / "face0_0/camera.json", weak)
    data = open_data_set(tmp_path)
    assert data.cases[0].camera == WeakCamera(256, 256, 1.5, 120.0, 130.0)
    assert "facescape" not in data.protocols  # where the head stands is not said


def broken_json(folder: Path) -> None:
    (folder / "face0_0/camera.json").write_text("{")


def other_image_size(folder: Path) -> None:
    sets.write_image(folder / "face0_0/image.png", (300, 256))


def six_landmarks(folder: Path) -> None:
    sets.write_json(folder / "face0_0/landmarks.json", {"points": np.zeros((6, 3)).tolist()})


def no_faces(folder: Path) -> None:
    np.savez(folder / "face0_0/gt.npz", vertices=np.zeros((3, 3)))


def nan_vertices(folder: Path) -> None:
    np.savez(folder / "face0_0/gt.npz", vertices=np.full((3, 3), np.nan), faces=[[0, 1, 2]])


def pickled(folder: Path) -> None:
    np.savez(folder / "face0_0/gt.npz", vertices=np.array([None]), faces=np.array([None]))


def half_a_pose(folder: Path) -> None:
    path = folder / "face0_0/camera.json"
    sets.write_json(path, {k: v for k, v in json.loads(path.read_text()).items() if k != "R"})


def no_rotation(folder: Path) -> None:
    path = folder / "face0_0/camera.json"
    sets.write_json(path, {**json.loads(path.read_text()), "R": np.diag([1.0, 1.0, -1.0]).tolist()})


def region_of_another_mesh(folder: Path) -> None:
    face = sets.true_face()
    arrays = {"vertices": face.surface.vertices, "faces": face.surface.triangles, "region_nose": np.ones(3, bool)}
    np.savez(folder / "face0_0/gt.npz", **arrays)


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (broken_json, "camera.json"), (other_image_size, "300 x 256"), (six_landmarks, "7 x 3"),
        (no_faces, "lacks faces"), (nan_vertices, "not finite"), (pickled, "gt.npz"),
        (half_a_pose, "head_center"), (no_rotation, "not a rotation"), (region_of_another_mesh, "region_nose"),
    ],
)  # fmt: skip
def test_damaged_plain_files_are_named(spoil: Callable[[Path], None], word: str, tmp_path: Path) -> None:
    sets.write_plain(tmp_path, (0.0,))
    spoil(tmp_path)
    refused(tmp_path, "face0_0", word)


# ---------------------------------------------------------------------------------------------------- FaceScape


def test_fs_wild_in_millimetres_before_an_orthographic_camera(tmp_path: Path) -> None:
    faces = sets.write_facescape_wild(tmp_path)
    data = open_data_set(tmp_path)
    assert data.protocols == ("facescape",) and data.note == "2 of the 400 published cases are there."
    for case, face, yaw in zip(data.cases, faces.values(), (3.0, 40.0), strict=True):
        truth = case.truth()
        assert_same_face(truth, face)
        np.testing.assert_allclose(truth.head_centre, face.centre)
        np.testing.assert_allclose(truth.head_rotation, face.rotation)
        assert isinstance(case.camera, WeakCamera) and case.yaw_degrees == pytest.approx(yaw)
        # The published cube spans the image from -1 to 1, y up: 115 mm are half of 256 pixels.
        np.testing.assert_allclose(case.camera.project(np.array([115.0, 115.0, 7.0])), [256.0, 0.0])
        assert case.tags == {"angle": "0 to 5 degrees"}
    for place in (tmp_path / "data", tmp_path / "data/.."):
        assert [case.id for case in open_data_set(place).cases] == ["000", "001"]


@pytest.mark.parametrize("upside_down", [False, True])
def test_fs_lab_in_our_camera_frame(upside_down: bool, tmp_path: Path) -> None:
    faces = sets.write_facescape_lab(tmp_path, upside_down)
    data = open_data_set(tmp_path)
    assert [case.id for case in data.cases] == sorted(faces)
    for case in data.cases:
        truth, face = case.truth(), faces[case.id]
        assert_same_face(truth, face)
        np.testing.assert_allclose(truth.head_centre, face.centre, atol=1e-9)
        # As published, even upside down: MNE depends on the head frame's axes. The yaw does not.
        published = face.rotation @ (sets.FLIP if upside_down else np.eye(3))
        np.testing.assert_allclose(truth.head_rotation, published, atol=1e-9)
        focal = 1200.0 if case.id.startswith("00_0") else 600.0
        assert case.camera == Camera(256, 256, focal, focal, 128.0, 128.0) and case.subject == "00"
        turned = case.id.endswith("09")
        assert case.tags == {"focal": f"{focal:g} px", "angle": "60 degrees" if turned else "0 degrees"}
        assert case.yaw_degrees == pytest.approx(-60.0 if turned else 0.0)


def test_larger_photographs_of_fs_wild_have_larger_cameras(tmp_path: Path) -> None:
    sets.write_facescape_wild(tmp_path)
    sets.write_image(tmp_path / "data/wild_img/000.png", (512, 512))
    camera = open_data_set(tmp_path).cases[0].camera
    assert camera == WeakCamera(512, 512, 256.0 / 115.0, 256.0, 256.0)


def test_facescape_without_its_repositorys_arrays(tmp_path: Path) -> None:
    sets.write_facescape_wild(tmp_path)
    (tmp_path / "code/predef/wild_rotations.npy").unlink()
    refused(tmp_path, "predef/wild_rotations.npy")
    sets.write_facescape_lab(tmp_path)
    refused(tmp_path, "several data sets", "facescape-wild or facescape-lab")
    (tmp_path / "data/lab_gt_mesh/00.obj").unlink()
    refused(tmp_path, "lab_gt_mesh/00.obj", kind="facescape-lab")


# ---------------------------------------------------------------------------------------------------- scans


@pytest.mark.parametrize("kind", SCANS)
def test_scans_keep_their_frame_and_are_in_millimetres(kind: str, tmp_path: Path) -> None:
    write, names = SCANS[kind]
    face = write(tmp_path)
    data = open_data_set(tmp_path)
    assert tuple(case.id for case in data.cases) == names
    for case in data.cases:
        truth = case.truth()
        assert truth.seven is not None and case.camera is None
        np.testing.assert_allclose(truth.seven, face.seven, atol=1e-6)
        assert truth.outer_eye_distance == pytest.approx(90.0)
        assert case.neutral_truth == (kind != "realy")
        if kind != "realy":
            assert_same_face(truth, face)


def test_people_and_tags_of_scans(tmp_path: Path) -> None:
    found = {}
    for kind, (write, _) in SCANS.items():
        write(tmp_path / kind)
        found[kind] = [(case.subject, case.tags) for case in open_data_set(tmp_path / kind).cases]
    assert found["now"][1] == ("person_a", {"challenge": "selfie"})
    assert [subject for subject, _ in found["stirling"]] == ["F1001", "F1001", "M1002"]
    assert found["stirling"][0][1] == {"quality": "HQ"}
    assert found["florence"][1] == ("subject_02", {"setting": "PTZ-Outdoor"})
    assert found["realy"][0] == ("1", {"view": "crop_image_frontal_512x512"})


def test_realy_regions_cover_the_scan(tmp_path: Path) -> None:
    face = sets.write_realy(tmp_path)
    truth = open_data_set(tmp_path).cases[0].truth()
    assert set(truth.regions) == set(truth.region_scans) == {"nose", "mouth", "forehead", "cheek"}
    assert (np.sum(list(truth.regions.values()), 0) == 1).all()
    assert len(truth.surface.triangles) >= len(face.surface.triangles)
    top = truth.region_scans["forehead"].vertices
    assert top[:, 1].max() == pytest.approx(face.surface.vertices[:, 1].max())
    assert truth.keypoints is not None and truth.keypoints.shape == (85, 3)


MISSING = {
    "now": ("final_release_version/scans/person_b/natural_head_rotation.000001.obj", "person_b"),
    "stirling": ("annotations/F_3D_N/F1001_N.lnd", "F1001_N.lnd"),
    "florence": ("subject_02/Model/frontal1/obj/110920150452.pp", "subject_02/Model/frontal1/landmarks.json"),
    "realy": ("REALY_scan_region/2/nose.obj", "REALY_scan_region/2/nose.obj"),
}


@pytest.mark.parametrize("kind", SCANS)
def test_missing_files_of_scans_are_named(kind: str, tmp_path: Path) -> None:
    SCANS[kind][0](tmp_path)
    path, words = MISSING[kind]
    (tmp_path / path).unlink()
    refused(tmp_path, words)


def test_more_that_may_be_missing(tmp_path: Path) -> None:
    sets.write_now(tmp_path / "now")
    shutil.rmtree(tmp_path / "now/final_release_version/scans_lmks_onlypp")
    refused(tmp_path / "now", "scans_lmks_onlypp")
    (tmp_path / "now/imagepathsvalidation.txt").rename(tmp_path / "now/imagepathstest.txt")
    refused(tmp_path / "now", "not published")
    sets.write_realy(tmp_path / "realy")
    (tmp_path / "realy/metrical_scale.txt").unlink()
    refused(tmp_path / "realy", "metrical_scale.txt")
    sets.write_florence(tmp_path / "florence")
    for name in sets.FLORENCE_CASES:
        (tmp_path / f"florence/{name}.jpg").unlink()
    refused(tmp_path / "florence", "frames of its videos")


def test_scans_in_metres_are_refused(tmp_path: Path) -> None:
    face = sets.write_stirling(tmp_path)
    sets.write_numbered_points(tmp_path / "annotations/F_3D_N/F1001_N.lnd", face.seven / 1000.0)
    refused(tmp_path, "0.09 mm apart")


def test_landmark_files_that_are_none(tmp_path: Path) -> None:
    face = sets.write_now(tmp_path / "now")
    points = next((tmp_path / "now").rglob("person_a/*.pp"))
    sets.write_picked_points(points, face.seven[:6])
    refused(tmp_path / "now", points.name, "7 x 3")
    points.write_text("<PickedPoints>")
    refused(tmp_path / "now", points.name)
    sets.write_stirling(tmp_path / "stirling")
    sets.write_text(tmp_path / "stirling/annotations/F_3D_N/F1001_N.lnd", "1 2 3 4\n")
    refused(tmp_path / "stirling", "7 x 4")


def test_photographs_outside_the_list_folder_are_refused(tmp_path: Path) -> None:
    sets.write_now(tmp_path)
    sets.write_text(tmp_path / "imagepathsvalidation.txt", "../../secret/photo.jpg\n")
    refused(tmp_path, "imagepathsvalidation.txt")


def test_folders_that_hold_no_set(tmp_path: Path) -> None:
    refused(tmp_path / "nothing", "no folder")
    refused(tmp_path, "not laid out", "evaluation_data.md")
    refused(tmp_path, "'celeba'", kind="celeba")
    refused(tmp_path, "no case", kind="plain")
