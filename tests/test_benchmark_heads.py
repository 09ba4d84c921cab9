"""People of the face model for benchmarks: truth, looks, and relief as geometry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from facewright.errors import TopologyMismatch
from facewright.evaluation.benchmark import skin as benchmark_skin
from facewright.evaluation.benchmark.detail import DetailHeads
from facewright.evaluation.benchmark.heads import ModelHeads
from facewright.evaluation.benchmark.plan import BenchmarkSettings, Expression, plan
from facewright.evaluation.benchmark.skin import CLOTH, HAIR, TONES, Wardrobe
from facewright.evaluation.benchmark.subject import Person, Posed
from facewright.face_model.base import FaceModel
from facewright.face_model.load import load_face_model
from facewright.mesh.normals import face_normals, vertex_normals
from facewright.mesh.topology import MATERIALS

SETTINGS = BenchmarkSettings(heads=1)


@pytest.fixture(scope="module")
def model() -> FaceModel:
    return load_face_model()


@pytest.fixture(scope="module", autouse=True)
def small_textures() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(benchmark_skin, "SIZE", 256)
        yield


@pytest.fixture(scope="module")
def cast(model: FaceModel) -> ModelHeads:
    return ModelHeads(model, SETTINGS)


@pytest.fixture(scope="module")
def person(cast: ModelHeads, tmp_path_factory: pytest.TempPathFactory) -> Person:
    return cast.person(plan(SETTINGS)[0], tmp_path_factory.mktemp("textures"))


@pytest.fixture(scope="module")
def posed(person: Person) -> Posed:
    return person.pose(Expression((("mouth_stretch", 1.0),)))


def test_the_truth_is_outside_skin_without_hair(model: FaceModel, posed: Posed) -> None:
    assert posed.model is not None
    known = {tuple(point): vertex for vertex, point in enumerate(posed.model.tolist())}
    ids = np.array([known[tuple(point)] for point in posed.truth.vertices.tolist()])
    hidden = np.zeros(len(posed.model), bool)
    for name in ("eye_left", "tongue", "teeth_upper", "gums"):
        hidden[model.topology.regions[name]] = True
    assert not hidden[ids].any()
    assert len(ids) > 0.5 * len(model.topology.regions["narrow_face"])
    # An open mouth: the bag's rim is the lips', nothing of it lies deeper.
    bag = np.isin(ids, model.topology.regions["mouth_bag"])
    assert bag.mean() < 0.02


def test_the_seven_points_lie_on_the_face(posed: Posed) -> None:
    right, left = posed.seven[[0, 1]], posed.seven[[3, 2]]
    assert (right[:, 0] < 0.0).all() and (left[:, 0] > 0.0).all(), "x is to the subject's left"
    assert posed.seven[4, 1] > posed.seven[5:, 1].max() and abs(posed.seven[4, 0]) < 3.0
    distance = np.linalg.norm(posed.seven[:, None] - posed.truth.vertices[None], axis=2).min(1)
    assert distance.max() < 1.5, "the mesh's spacing"
    assert -110.0 < posed.middle[2] < -30.0 and 50.0 < posed.pupils_mm < 75.0


def test_the_truth_faces_outwards(posed: Posed) -> None:
    normals = face_normals(posed.truth.vertices, posed.truth.triangles, unit=False)
    assert normals.sum(0)[2] > 0.5 * np.linalg.norm(normals, axis=1).sum()


def test_hair_and_cloth_leave_the_face_free(model: FaceModel, person: Person, posed: Posed) -> None:
    assert posed.model is not None and person.materials[-2:] == (HAIR, CLOTH)
    moved = np.linalg.norm(posed.shown - posed.model, axis=1)
    for name in ("cheeks_left", "cheeks_right", "nose", "chin", "lips", "brows_left", "brows_right", "ears"):
        assert not moved[model.topology.regions[name]].any(), name
    names = np.array(person.materials)[person.material]
    assert (names == CLOTH).any()
    assert np.array_equal(names[model.topology.material > 0], np.array(MATERIALS)[
        model.topology.material[model.topology.material > 0]])  # fmt: skip


def test_looks_are_drawn_again_alike(cast: ModelHeads, person: Person, tmp_path: Path) -> None:
    again = cast.person(plan(SETTINGS)[0], tmp_path)
    for name, path in person.textures.items():
        assert path.read_bytes() == again.textures[name].read_bytes()
    skin = cv2.imread(str(person.textures["skin"])).astype(float)
    cheek = skin[120:140, 70:90]
    assert cheek[..., 2].mean() > cheek[..., 0].mean() + 10.0, "skin is red rather than blue"
    assert cheek[..., 2].std() > 1.0, "and not even"


def test_relief_moves_the_skin_along_its_normals(model: FaceModel) -> None:
    heads = DetailHeads(model, 0)
    vertices = model.neutral(np.zeros(model.identity_dims))
    flat = heads.displaced(vertices, np.zeros((64, 64), np.float32))
    raised = heads.displaced(vertices, np.full((64, 64), 0.5, np.float32))
    step = raised - flat
    quads, uv, material = heads.refined(model.topology.material)
    skin = np.unique(quads[material == 0])
    others = np.setdiff1d(np.arange(len(flat)), skin)
    assert np.allclose(np.linalg.norm(step[skin], axis=1), 0.5)
    assert np.allclose(step[skin], 0.5 * vertex_normals(flat, quads)[skin]) and not step[others].any()
    # Four children a face, in their parent's part of the UV square.
    assert quads.shape == (4 * len(model.topology.quads), 4) and uv.shape == (*quads.shape, 2)
    assert np.allclose(uv.reshape(-1, 4, 4, 2).mean((1, 2)), model.topology.corner_uv.mean(1), atol=1e-6)
    # The map's left half raised: what has u < 0.5 moves.
    half = np.zeros((64, 64), np.float32)
    half[:, :32] = 0.5
    moved = np.linalg.norm(heads.displaced(vertices, half) - flat, axis=1)
    # (At u = 0.5 the two halves meet, at the border the lattice is sewn up.)
    corners = (
        (material == 0)[:, None] & (np.abs(uv[..., 0] % 0.5 - 0.25) < 0.23) & (np.abs(uv[..., 1] - 0.5) < 0.48)
    )
    left = uv[..., 0] < 0.5
    assert np.allclose(moved[quads[corners & left]], 0.5) and not moved[quads[corners & ~left]].any()


def test_detail_is_for_the_built_in_model_alone(model: FaceModel) -> None:
    class Other:
        name = "another model"
        topology = type("Flat", (), {"lattice_size": 0, "quads": model.topology.quads})()

    with pytest.raises(TopologyMismatch, match="another model is another one"):
        DetailHeads(Other(), 0)  # type: ignore[arg-type]


def test_models_without_eyes_and_lattice_have_looks_too(tmp_path: Path) -> None:
    eyeless = load_face_model()
    topology = eyeless.topology
    eyeless.topology = replace(topology, material=np.zeros_like(topology.material), lattice_size=0)
    looks = Wardrobe(eyeless).draw((0, 0, 2), tmp_path)
    skin = cv2.imread(str(looks.textures["skin"])).astype(float)
    assert skin.shape == (256, 256, 3) and skin[..., 2].mean() > skin[..., 0].mean()
    assert looks.tone in TONES and np.isfinite(looks.hair_mm).all() and looks.hair_mm.max() > 1.0
