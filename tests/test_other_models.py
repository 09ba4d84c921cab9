"""ICT-FaceKit and FaceScape as face models, and how a model file's kind is recognised."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from damaged_npz import with_damaged_headers
from facewright.errors import ModelFileInvalid, TopologyMismatch
from facewright.face_model.base import ARKIT_NAMES, FaceModel
from facewright.face_model.facescape import COLUMN_NAMES, FaceScapeModel
from facewright.face_model.ict import IctModel
from facewright.face_model.landmark_transfer import transferred_embedding
from facewright.face_model.load import built_in_path, load_face_model
from facewright.mesh.closest_point import closest_on_mesh, closest_on_triangles
from facewright.mesh.landmark_schemes import IBUG68_FROM_478

ICT_FILE = Path(__file__).resolve().parents[2] / "shared/data/ict_facekit/ict_facekit_light.npz"
needs_ict = pytest.mark.skipif(not ICT_FILE.is_file(), reason="ICT-FaceKit Light is not in ../shared")


@pytest.fixture(scope="module")
def ict() -> IctModel:
    return IctModel.load(ICT_FILE)


# ------------------------------------------------------------------ nearest points


def test_closest_on_triangles_against_dense_sampling() -> None:
    rng = np.random.default_rng(0)
    corners, points = rng.normal(size=(60, 3, 3)), 2.0 * rng.normal(size=(60, 3))
    corners[:5, 2] = corners[:5, 1]  # degenerate triangles are edges
    weights, squared = closest_on_triangles(points, corners)
    assert (weights >= 0).all() and np.allclose(weights.sum(-1), 1.0)
    assert np.allclose(np.linalg.norm(np.einsum("nk,nki->ni", weights, corners) - points, axis=1) ** 2, squared)
    u, v = np.meshgrid(np.linspace(0, 1, 60), np.linspace(0, 1, 60))
    grid = np.stack([u, v, 1 - u - v], -1)[(u + v) <= 1 + 1e-9]
    dense = np.einsum("gk,nki->ngi", grid, corners) - points[:, None]
    nearest = (dense**2).sum(-1).min(1)
    assert (squared <= nearest + 1e-9).all()
    assert np.allclose(np.sqrt(squared), np.sqrt(nearest), atol=0.08)


@needs_ict
def test_points_on_the_surface_are_found_exactly(ict: IctModel) -> None:
    vertices, triangles = ict.neutral(np.zeros(100)), ict.topology.triangles("skin")[0]
    rng = np.random.default_rng(1)
    chosen = rng.integers(0, len(triangles), 500)
    inside = rng.dirichlet((1, 1, 1), 500)
    points = np.einsum("nk,nki->ni", inside, vertices[triangles[chosen]])
    _, _, distance = closest_on_mesh(points, vertices, triangles)
    assert distance.max() < 1e-6


# ------------------------------------------------------------------ ICT-FaceKit


@needs_ict
def test_ict_space_and_names(ict: IctModel) -> None:
    assert ict.blendshape_names == ARKIT_NAMES and ict.identity_dims == 100 and ict.metric
    rng = np.random.default_rng(0)
    for identity in (np.zeros(100), rng.normal(size=100)):
        neutral = ict.neutral(identity)
        left, right = (neutral[ict.topology.regions[f"eye_{side}"]].mean(0) for side in ("left", "right"))
        assert np.abs(left + right).max() < 0.02 and 55 < left[0] - right[0] < 72
        nose = ict.ibug68.points(neutral)[30]
        assert nose[2] > 30 and -50 < nose[1] < -15
    points = ict.ibug68.points(ict.neutral(np.zeros(100)))
    assert points[45, 0] > points[36, 0]  # the subject's left eye lies at +x
    assert points[8, 1] < points[57, 1] < points[27, 1] < points[19, 1]


@needs_ict
def test_ict_blendshapes_do_what_they_are_called(ict: IctModel) -> None:
    shapes = dict(zip(ARKIT_NAMES, ict.blendshapes(np.zeros(100))))
    assert not shapes["tongueOut"].any() and any("tongueOut" in warning for warning in ict.warnings)
    assert all(np.abs(values).max() > 0.5 for name, values in shapes.items() if name != "tongueOut")
    lids = {"Left": range(42, 48), "Right": range(36, 42)}
    for side, other in (("Left", "Right"), ("Right", "Left")):
        blink = np.linalg.norm(ict.ibug68.points(shapes["eyeBlink" + side]), axis=1)
        assert blink[list(lids[side])].mean() > 5 * blink[list(lids[other])].mean()
    assert ict.ibug68.points(shapes["jawOpen"])[57, 1] < -10
    assert shapes["jawLeft"][ict.ibug68.vertices[8, 0], 0] > 2
    assert ict.ibug68.points(shapes["browInnerUp"])[[21, 22], 1].min() > 2  # both halves


@needs_ict
def test_ict_is_linear_and_subsets_agree(ict: IctModel) -> None:
    rng = np.random.default_rng(2)
    identity, some = rng.normal(size=100), rng.integers(0, 24591, 300)
    whole = ict.neutral(identity)
    assert np.allclose(ict.neutral(identity, some), whole[some], atol=1e-3)
    basis = ict.identity_basis(some)
    assert np.allclose(ict.neutral(np.zeros(100), some) + np.tensordot(identity, basis, 1), whole[some], atol=1e-3)
    assert np.array_equal(ict.blendshapes(identity, some), ict.blendshapes(identity)[:, some])
    head = ict.head(identity)
    assert head.neutral.dtype == head.blendshapes.dtype == np.float64
    assert head.blendshapes.shape == (52, 24591, 3)


@needs_ict
def test_ict_topology(ict: IctModel) -> None:
    topology, vertices = ict.topology, ict.neutral(np.zeros(100))
    assert topology.vertex_count == 24591
    assert topology.corner_uv.min() >= 0 and topology.corner_uv.max() <= 1
    mirror = topology.mirror
    assert mirror is not None and np.array_equal(mirror[mirror], np.arange(24591))
    error = np.linalg.norm(vertices[mirror] * [-1, 1, 1] - vertices, axis=1)
    assert np.percentile(error, 99.5) < 0.01 and error.max() < 1.5
    # Outward faces: the volume of every closed part is positive.
    for material in ("teeth", "eye"):
        triangles = topology.triangles(material)[0]
        a, b, c = np.moveaxis(vertices[triangles] - vertices[triangles].mean((0, 1)), 1, 0)
        assert np.einsum("ni,ni->", a, np.cross(b, c)) > 0
    # Every material keeps to its square, and skin UVs are mirrored where the mesh is.
    skin = topology.material == 0
    place = np.zeros((24591, 2))
    place[topology.quads[skin]] = topology.corner_uv[skin]
    face = topology.regions["narrow_face"]
    assert np.abs(place[mirror[face]] - (place[face] * [-1, 1] + [1, 0])).max() < 2e-3
    names = {"face", "narrow_face", "ears", "neck", "scalp", "lips", "mouth_bag", "socket_left", "tongue", "gums"}
    assert names <= set(topology.regions)
    ears = vertices[topology.regions["ears"]]
    assert np.abs(ears[:, 0]).min() > 55 and ears[:, 1].max() < 10 and ears[:, 2].max() < -50


@needs_ict
def test_ict_eye_uvs_put_the_iris_in_the_middle(ict: IctModel) -> None:
    vertices, eye = ict.neutral(np.zeros(100)), ict.topology.material == 1
    quads, uv = ict.topology.quads[eye], ict.topology.corner_uv[eye]
    for side in ("left", "right"):
        mine = np.isin(quads[:, 0], ict.topology.regions[f"eye_{side}"])
        front = vertices[quads[mine]][..., 2].mean(1).argmax()
        assert np.abs(uv[mine][front] - 0.5).max() < 0.08


@needs_ict
def test_ict_without_the_built_in_model_knows_a_subset(ict: IctModel) -> None:
    embedding = ict.embedding
    assert len(embedding.landmark) == sum(len(indices) == 1 for indices in IBUG68_FROM_478)
    points = embedding.points(ict.neutral(np.zeros(100)))
    by_index = dict(zip(embedding.landmark.tolist(), points))
    assert by_index[263][0] > 0 > by_index[33][0] and by_index[152][1] < by_index[17][1]


@needs_ict
def test_landmarks_carried_over_stay_in_place(ict: IctModel) -> None:
    """From a model to itself nothing moves; to a bent and scaled copy they follow its 68 landmarks."""
    mean = ict.neutral(np.zeros(100))
    triangles = ict.topology.triangles("skin")[0]
    same = transferred_embedding(ict, mean, triangles)
    before = ict.embedding.points(mean)
    assert np.linalg.norm(same.points(mean) - before, axis=1).max() < 1e-6
    bent = 1.1 * mean + 0.001 * mean[:, [1, 2, 0]] ** 2
    moved = transferred_embedding(ict, bent, triangles, ict.ibug68)
    assert np.linalg.norm(moved.points(bent) - ict.embedding.points(bent), axis=1).mean() < 0.6


# ------------------------------------------------------------------ FaceScape

GRID = 25


def facescape_arrays(identities: int = 6, whole: bool = True) -> dict[str, np.ndarray]:
    """A small curved sheet with a face drawn on it, in the format of FaceScape's v1.6 files."""
    rng = np.random.default_rng(5)
    rows, columns = np.divmod(np.arange(GRID * GRID), GRID)
    x, y = columns / (GRID - 1) * 140.0 - 70.0, rows / (GRID - 1) * 180.0 - 110.0
    mean = np.stack([x + 3.0, y + 20.0, 60.0 - (x / 10.0) ** 2 + 5.0], -1)
    layout = {
        **{k: (-66 + 8.25 * k, -60.0 * np.sin(np.pi * k / 16)) for k in range(17)},
        **{17 + k: (-55 + 10 * k + (10 if k > 4 else 0), 22.0) for k in range(10)},
        **{27 + k: (0.0, 5.0 - 8 * k) for k in range(4)},
        **{31 + k: (-10.0 + 5 * k, -26.0) for k in range(5)},
        **dict(zip(range(36, 42), [(-48, 0), (-40, 6), (-28, 6), (-18, 0), (-28, -6), (-40, -6)])),
        **dict(zip(range(42, 48), [(18, 0), (28, 6), (40, 6), (48, 0), (40, -6), (28, -6)])),
        **{48 + k: (-26 * np.cos(np.pi * k / 6), -48 + 8 * np.sin(np.pi * k / 6)) for k in range(12)},
        **{60 + k: (-18 * np.cos(np.pi * k / 4), -48 + 3 * np.sin(np.pi * k / 4)) for k in range(8)},
    }
    flat = np.stack([x, y], -1)
    landmarks = np.array([((flat - layout[k]) ** 2).sum(1).argmin() for k in range(68)])

    def bump(px: float, py: float, radius: float, direction: tuple[float, float, float]) -> np.ndarray:
        weight = np.exp(-(((flat - [px, py]) / radius) ** 2).sum(1))
        return weight[:, None] * np.array(direction)

    offsets = {name: bump(*rng.uniform(-40, 40, 2), 12.0, (0, 0, 2)) for name in COLUMN_NAMES}
    offsets["eyeBlinkLeft"], offsets["eyeBlinkRight"] = bump(33, 2, 9, (0, -8, 0)), bump(-33, 2, 9, (0, -8, 0))
    offsets["jawOpen"] = bump(0, -56, 20, (0, -20, -3))
    offsets["jawLeft"], offsets["jawRight"] = bump(0, -60, 20, (8, 0, 0)), bump(0, -60, 20, (-8, 0, 0))
    offsets["mouthLeft"], offsets["mouthRight"] = bump(0, -48, 20, (8, 0, 0)), bump(0, -48, 20, (-8, 0, 0))
    shapes = np.stack([mean] + [(mean if whole else 0) + offsets[name] for name in COLUMN_NAMES])  # (52, V, 3)
    factors = rng.normal(0.0, 30.0, (identities, 52, GRID * GRID, 3))
    factors[:, 1:] = (factors[:, :1] if whole else 0) + 0.1 * factors[:, 1:]
    factors[0] = shapes / 0.0344
    core = factors.transpose(2, 3, 1, 0).reshape(-1, 52, identities)
    quads = (np.arange(GRID - 1)[:, None] * GRID + np.arange(GRID - 1)).ravel()
    triangles = np.concatenate(
        [np.stack([quads, quads + 1, quads + GRID + 1], -1), np.stack([quads, quads + GRID + 1, quads + GRID], -1)]
    )
    return {
        "shape_bm_core": core.astype(np.float32),
        "color_bm_core": np.zeros((3, 2), np.float32),
        "id_mean": np.array([0.0344] + [0.0] * (identities - 1)),
        "id_var": np.array([1e-8] + [1.0 / 847] * (identities - 1)),
        "fv_indices": triangles + 1,
        "ft_indices": triangles + 1,
        "texcoords": np.stack([columns, rows], -1) / (GRID - 1),
        "lm_list_v16": landmarks,
        "sym_dict": np.arange(3),
        "mean_for_the_test": mean,
        **{"offset_" + name: values for name, values in offsets.items()},
    }


@pytest.mark.parametrize("whole", [True, False])
def test_facescape_shapes_and_scale(tmp_path: Path, whole: bool) -> None:
    arrays = facescape_arrays(whole=whole)
    path = tmp_path / "mine.npz"
    np.savez(path, **arrays)
    model = load_face_model(path)
    assert isinstance(model, FaceScapeModel) and isinstance(model, FaceModel)
    assert not model.metric and model.identity_dims == 6 and model.blendshape_names == ARKIT_NAMES
    zero = np.zeros(6)
    neutral = model.neutral(zero)
    points = model.ibug68.points(neutral)
    pupils = points[[36, 39]].mean(0), points[[42, 45]].mean(0)
    assert np.linalg.norm(pupils[1] - pupils[0]) == pytest.approx(63.0, abs=1e-3)
    assert points[[36, 39, 42, 45]].mean(0) == pytest.approx([0.0, -2.6, 9.2], abs=1e-3)  # origin at the eyeballs
    mean = arrays["mean_for_the_test"]
    scale = np.linalg.norm(neutral[10] - neutral[500]) / np.linalg.norm(mean[10] - mean[500])
    shapes = dict(zip(ARKIT_NAMES, model.blendshapes(zero)))
    for name in COLUMN_NAMES:
        assert np.allclose(shapes[name], scale * arrays["offset_" + name], atol=2e-3), name
    assert not shapes["tongueOut"].any()
    assert model.topology.vertex_count == GRID * GRID and (model.topology.quads[:, 3] == -1).all()
    assert len(model.topology.triangles()[0]) == len(arrays["fv_indices"])


def test_facescape_identity(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    np.savez(path, **facescape_arrays())
    model = FaceScapeModel.load(path)
    rng = np.random.default_rng(0)
    identity, some = rng.normal(size=6), rng.integers(0, GRID * GRID, 40)
    linear = model.neutral(np.zeros(6), some) + np.tensordot(identity, model.identity_basis(some), 1)
    assert np.allclose(linear, model.neutral(identity)[some], atol=1e-3)
    personal = model.blendshapes(identity, some)
    assert np.allclose(personal, model.blendshapes(identity)[:, some], atol=1e-4)
    assert np.abs(personal - model.blendshapes(np.zeros(6), some)).max() > 0.01  # blendshapes are personalised
    corners = model.ibug68.points(model.neutral(identity))[[36, 39, 42, 45]].mean(0)
    assert corners == pytest.approx([0.0, -2.6, 9.2], abs=1e-3)
    with pytest.raises(TopologyMismatch):
        model.neutral(np.zeros(7))


def test_facescape_with_sides_exchanged(tmp_path: Path) -> None:
    """If a file's first blink moves the right eye, all sides are exchanged, so that names and faces agree."""
    arrays = facescape_arrays()
    core, order = arrays["shape_bm_core"], [0]
    for name in COLUMN_NAMES:
        other = name.replace("Left", "*").replace("Right", "Left").replace("*", "Right")
        order.append(1 + COLUMN_NAMES.index(other))
    path = tmp_path / "mirrored.npz"
    np.savez(path, **{**arrays, "shape_bm_core": core[:, order]})
    model = FaceScapeModel.load(path)
    shapes = dict(zip(ARKIT_NAMES, model.blendshapes(np.zeros(6))))
    landmark = model.ibug68.vertices[:, 0]
    blink = np.linalg.norm(shapes["eyeBlinkLeft"][landmark], axis=1)
    assert blink[42:48].mean() > 3 * blink[36:42].mean()
    assert shapes["jawLeft"][landmark[8], 0] > 0 and shapes["mouthRight"][landmark[57], 0] < 0


EYES_EXCHANGED = [*range(36), *range(42, 48), *range(36, 42), *range(48, 68)]


def _broken(name: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    core = arrays["shape_bm_core"]
    changes = {
        "principal components": {"shape_bm_core": np.flip(core, 1).copy()},
        "too few expressions": {"shape_bm_core": core[:, :40]},
        "landmarks outside": {"lm_list_v16": arrays["lm_list_v16"] + 10_000},
        "faces from 0": {"fv_indices": arrays["fv_indices"] - 1},
        "not finite": {"id_mean": arrays["id_mean"] * np.nan},
        "negative variance": {"id_var": -arrays["id_var"]},
        "mirrored": {"lm_list_v16": arrays["lm_list_v16"][EYES_EXCHANGED]},
        "other size": {"id_var": arrays["id_var"][:3]},
    }
    return {**arrays, **changes[name]}


@pytest.mark.parametrize(
    "name",
    ["principal components", "too few expressions", "landmarks outside", "faces from 0", "not finite",
     "negative variance", "mirrored", "other size"],
)  # fmt: skip
def test_facescape_files_that_do_not_fit(tmp_path: Path, name: str) -> None:
    path = tmp_path / "broken.npz"
    np.savez(path, **_broken(name, facescape_arrays()))
    with pytest.raises(ModelFileInvalid, match=r"not a usable FaceScape v1\.6 bilinear model: .+\.$"):
        load_face_model(path)


# ------------------------------------------------------------------ recognising files


@pytest.mark.parametrize("first", ["shape_bm_core", "neutral"])
def test_damaged_headers_are_refused(tmp_path: Path, first: str) -> None:
    """Of FaceScape's file and of ICT-FaceKit's."""
    path = tmp_path / "model.npz"
    np.savez(path, **{first: np.zeros(3), "idx_to_landmark_verts": np.zeros(68)})
    for content in with_damaged_headers(path.read_bytes()):
        path.write_bytes(content)
        with pytest.raises(ModelFileInvalid, match=r"^[^\n]+\.$"):
            load_face_model(path)


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "pickled.npz"
    arrays = facescape_arrays()
    arrays["lm_list_v16"] = np.array([{"a": 1}] * 68, dtype=object)
    np.savez(path, **arrays)
    with pytest.raises(ModelFileInvalid):
        load_face_model(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"hello" * 100])
def test_files_that_are_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(ModelFileInvalid, match=r"\.$"):
        load_face_model(path)


def test_missing_folder_and_other_archives(tmp_path: Path) -> None:
    with pytest.raises(ModelFileInvalid, match="There is no face model"):
        load_face_model(tmp_path / "nothing.npz")
    with pytest.raises(ModelFileInvalid, match="is a folder"):
        load_face_model(tmp_path)
    other = tmp_path / "other.npz"
    np.savez(other, something=np.zeros(3))
    with pytest.raises(ModelFileInvalid, match="not a face model that can be read"):
        load_face_model(other)


@needs_ict
def test_ict_file_is_recognised_and_truncation_is_told(tmp_path: Path) -> None:
    model = load_face_model(ICT_FILE)
    assert isinstance(model, IctModel) and len(model.sha256) == 64
    cut = tmp_path / "cut.npz"
    cut.write_bytes(ICT_FILE.read_bytes()[:1_000_000])
    with pytest.raises(ModelFileInvalid):
        load_face_model(cut)


@pytest.mark.skipif(not built_in_path().is_file(), reason="assets/face_model.npz has not been built")
def test_built_in_model_lends_its_landmarks(tmp_path: Path) -> None:
    built_in = load_face_model()
    assert built_in.metric and built_in.name == "Facewright"
    if ICT_FILE.is_file():
        ict = load_face_model(ICT_FILE)
        assert np.array_equal(ict.embedding.landmark, built_in.embedding.landmark)
        theirs = ict.embedding.points(ict.neutral(np.zeros(100)))
        ours = built_in.embedding.points(built_in.neutral(np.zeros(built_in.identity_dims)))
        assert np.linalg.norm(theirs - ours, axis=1).mean() < 1.0
    path = tmp_path / "mine.npz"
    np.savez(path, **facescape_arrays())
    facescape = load_face_model(path)
    on_skin = built_in.embedding.landmark < 468  # the file has no eyeballs that could bear irises
    assert np.array_equal(facescape.embedding.landmark, built_in.embedding.landmark[on_skin])
