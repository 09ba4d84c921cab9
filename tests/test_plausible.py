"""Meshes that cannot be the face are named with what was found; faces that are merely bad are not."""

from __future__ import annotations

import evaluation_sets as sets
import numpy as np
import pytest
from facewright.errors import MeshInvalid
from facewright.evaluation.case import AnyCamera, Case, Prediction, Truth, WeakCamera
from facewright.evaluation.predictions.placing import area_centre
from facewright.evaluation.predictions.plausible import refuse_implausible, refuse_landmarks_off
from facewright.evaluation.surface import Surface
from facewright.fitting.camera import Camera
from numpy.typing import NDArray

Array = NDArray[np.float64]
FACE = sets.true_face(18.0, depth=800.0)
CAMERA = sets.camera_of()
TRUTH = Truth(FACE.surface, FACE.seven, FACE.centre, FACE.rotation, 90.0)
UNMARKED = Truth(FACE.surface, None, FACE.centre, FACE.rotation)
WITH, WITHOUT = pytest.param(True, id="landmarks"), pytest.param(False, id="no landmarks")


def case(camera: AnyCamera | None = CAMERA, neutral: bool = False) -> Case:
    return Case("x", "x", None, camera, lambda: TRUTH, neutral)


def moved(
    matrix: Array, marked: bool = True, turned: bool = False, camera: AnyCamera | None = CAMERA
) -> Prediction:
    """The true face times a matrix, with its triangles turned or not."""
    triangles = FACE.surface.triangles[:, ::-1] if turned else FACE.surface.triangles
    surface = Surface(FACE.surface.vertices @ matrix.T, np.ascontiguousarray(triangles))
    return Prediction(surface, camera, seven=FACE.seven @ matrix.T if marked else None)


def scaled(factor: float, marked: bool, camera: AnyCamera | None = CAMERA) -> Prediction:
    return moved(factor * np.eye(3), marked, camera=camera)


def weak() -> WeakCamera:
    """An orthographic camera that shows the face where CAMERA shows it."""
    middle = area_centre(FACE.surface)
    scale, (u, v) = CAMERA.fx / -middle[2], CAMERA.project(middle)
    return WeakCamera(256, 256, scale, u - scale * middle[0], v + scale * middle[1])


def check(prediction: Prediction, marked: bool = True, at: Case | None = None) -> None:
    refuse_implausible(prediction, at or case(), TRUTH if marked else UNMARKED)


def refused(prediction: Prediction, *words: str, marked: bool = True, at: Case | None = None) -> None:
    with pytest.raises(MeshInvalid) as caught:
        check(prediction, marked, at)
    sentence = str(caught.value)
    assert all(word in sentence for word in ("prediction for x", *words)), sentence
    assert sentence.endswith(".") and "\n" not in sentence


@pytest.mark.parametrize("marked", [WITH, WITHOUT])
@pytest.mark.parametrize("camera", [CAMERA, None, weak(), Camera.centred((256, 256), 500.0)])
def test_faces_pass(camera: AnyCamera | None, marked: bool) -> None:
    check(moved(np.eye(3), marked, camera=camera), marked)


@pytest.mark.parametrize("marked", [WITH, WITHOUT])
def test_bad_faces_pass(marked: bool) -> None:
    """A child's size, a giant's, a flat face, a lumpy one, half of one: poor, and to be scored."""
    for factor in (0.6, 1.7):
        check(scaled(factor, marked), marked)
    centre = area_centre(FACE.surface)
    flat = FACE.rotation @ np.diag([1.0, 1.0, 0.35]) @ FACE.rotation.T
    surface = FACE.surface.moved((FACE.surface.vertices - centre) @ flat.T + centre)
    seven = (FACE.seven - centre) @ flat.T + centre
    check(Prediction(surface, CAMERA, seven=seven if marked else None), marked)
    lumps = np.random.default_rng(0).normal(0.0, 2.0, FACE.surface.vertices.shape)
    noisy = FACE.surface.moved(FACE.surface.vertices + lumps)
    check(Prediction(noisy, CAMERA, seven=FACE.seven if marked else None), marked)
    left = FACE.surface.triangles[FACE.surface.vertices[FACE.surface.triangles].mean(1)[:, 0] > FACE.centre[0]]
    check(Prediction(Surface(FACE.surface.vertices, left), CAMERA), marked)


@pytest.mark.parametrize("marked", [WITH, WITHOUT])
@pytest.mark.parametrize(
    ("factor", "unit"),
    [(0.001, "metres"), (0.1, "centimetres"), (1.0 / 25.4, "inches"), (10.0, ""), (1000.0, "micrometres")],
)
def test_wrong_units(factor: float, unit: str, marked: bool) -> None:
    words = ["wrong size", f"in {unit}"] if unit else ["wrong size"]
    if marked:
        words += [f"{90.0 * factor:.3g} mm", "90 mm"]
    refused(scaled(factor, marked), *words, marked=marked)
    refused(scaled(factor, marked, camera=None), *words, marked=marked)


@pytest.mark.parametrize("factor", [0.01, 0.001, 30.0, 1000.0])
def test_wrong_units_of_a_mesh_that_nothing_is_known_about(factor: float) -> None:
    refused(scaled(factor, False), "wrong size", "60 to 1000", marked=False, at=case(None))


def test_orthographic_cameras_tell_the_unit_too() -> None:
    camera = weak()
    for factor in (0.001, 0.1, 10.0):
        own = WeakCamera(256, 256, camera.scale / factor, camera.cx, camera.cy)
        refused(scaled(factor, False, own), "a pixel of the photo spans", marked=False)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
def test_mirrored_landmarks(axis: int, turned: bool) -> None:
    refused(moved(np.diag([-1.0 if k == axis else 1.0 for k in range(3)]), turned=turned), "mirrored")


@pytest.mark.parametrize("marked", [WITH, WITHOUT])
def test_inside_out(marked: bool) -> None:
    refused(moved(np.eye(3), marked, turned=True), "inside out", "-0.", marked=marked)
    if not marked:
        refused(moved(np.diag([-1.0, 1.0, 1.0]), False), "inside out", marked=False)


@pytest.mark.parametrize("marked", [WITH, WITHOUT])
def test_other_camera_frames(marked: bool) -> None:
    opencv = np.diag([1.0, -1.0, -1.0])
    refused(moved(opencv, marked), "behind its camera", "z < 0", marked=marked)
    refused(moved(opencv, marked, camera=None), "comes without one", marked=marked)
    camera = weak()
    below = WeakCamera(256, 256, camera.scale, camera.cx, 2.0 * CAMERA.project(FACE.centre)[1] - camera.cy)
    refused(moved(opencv, marked, camera=below), "turns its back", marked=marked)


def test_upside_down_with_its_face_to_the_camera() -> None:
    middle = area_centre(FACE.surface)
    half_turn = np.diag([-1.0, -1.0, 1.0])
    surface = FACE.surface.moved((FACE.surface.vertices - middle) @ half_turn + middle)
    refused(Prediction(surface, CAMERA, seven=(FACE.seven - middle) @ half_turn + middle), "upside down")


def test_mirrored_without_landmarks_where_the_head_is_turned() -> None:
    mirrored = moved(np.diag([-1.0, 1.0, 1.0]), False, turned=True, camera=weak())
    shown = weak()
    moves = 2.0 * shown.scale * area_centre(FACE.surface)[0]
    own = WeakCamera(256, 256, shown.scale, shown.cx + moves, shown.cy)
    refused(mirrored._replace(camera=own), "mirrored", "its x turned round", marked=False)


def test_camera_missing_where_the_mesh_stands_elsewhere() -> None:
    middle = area_centre(FACE.surface)
    centred = FACE.surface.moved(FACE.surface.vertices - middle)
    refused(Prediction(centred, None, seven=FACE.seven - middle), "behind its camera", "comes without one")
    aside = FACE.surface.moved(FACE.surface.vertices + np.array([260.0, 0.0, 0.0]))
    refused(Prediction(aside, None), "elsewhere", "comes without one", "0 %", marked=False)
    check(Prediction(FACE.surface.moved(FACE.surface.vertices + np.array([40.0, 0.0, 0.0])), None), marked=False)


def beside() -> Array:
    """Landmarks of another place."""
    return FACE.seven + np.array([0.0, 90.0, 200.0])


def test_landmarks_beside_the_mesh_are_named_and_say_nothing_about_the_mesh() -> None:
    with pytest.raises(MeshInvalid, match=r"The one has landmarks that do not lie on its mesh, .* away from it"):
        refuse_landmarks_off(FACE.surface, beside(), "The one")
    refuse_landmarks_off(FACE.surface, FACE.seven + np.array([0.0, 0.0, 4.0]), "The one")
    check(Prediction(FACE.surface, CAMERA, seven=beside()))
    check(Prediction(FACE.surface, CAMERA, seven=FACE.seven / 1000.0))
    inches = scaled(1.0 / 25.4, False).surface
    refused(Prediction(inches, CAMERA, seven=FACE.seven), "wrong size", "inches")


def half(side: float) -> Surface:
    middle = FACE.surface.vertices[FACE.surface.triangles].mean(1)
    kept = side * ((middle - FACE.centre) @ FACE.rotation)[:, 0] > 0.0
    return Surface(FACE.surface.vertices, np.ascontiguousarray(FACE.surface.triangles[kept]))


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_half_a_face_with_all_its_landmarks_is_no_wrong_face(side: float) -> None:
    check(Prediction(half(side), CAMERA, seven=FACE.seven))
    with pytest.raises(MeshInvalid, match="do not lie on its mesh"):
        refuse_landmarks_off(half(side), FACE.seven, "Half")


@pytest.mark.parametrize("yaw", [-38.0, 20.0, 38.0])
def test_mirrored_mesh_whose_landmarks_were_left_as_they_are(yaw: float) -> None:
    face = sets.true_face(yaw, depth=800.0)
    vertices = face.surface.vertices.copy()
    vertices[:, 0] = 2.0 * vertices[:, 0].mean() - vertices[:, 0]
    mirrored = Surface(vertices, np.ascontiguousarray(face.surface.triangles[:, ::-1]))
    truth = Truth(face.surface, face.seven, face.centre, face.rotation, 90.0)
    with pytest.raises(MeshInvalid, match="mirrored: with its x turned round"):
        refuse_implausible(Prediction(mirrored, CAMERA, seven=face.seven), case(), truth)
    refuse_implausible(Prediction(face.surface, CAMERA, seven=face.seven), case(), truth)


def test_neutral_meshes_are_looked_at_where_they_are_compared() -> None:
    head = sets.true_face()
    inches = head.surface.moved(head.surface.vertices / 25.4)
    prediction = Prediction(head.surface, None, inches, seven=head.seven, neutral_seven=head.seven / 25.4)
    refused(prediction, "neutral prediction", "inches", at=case(None, neutral=True))
    check(prediction, at=case(None, neutral=False))
