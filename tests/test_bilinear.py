"""The built-in model: its file, its evaluation in whole and in part, and the shipped asset."""

from __future__ import annotations

import io
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from damaged_npz import with_damaged_headers
from facewright.config import assets_dir
from facewright.errors import ModelFileInvalid, TopologyMismatch
from facewright.face_model.base import ARKIT_NAMES
from facewright.face_model.bilinear import BilinearModel
from facewright.face_model.bilinear_file import BilinearData, PartMotion, pack, write_model
from facewright.mesh.topology import LandmarkEmbedding, Topology

ASSET = assets_dir() / "face_model.npz"
needs_asset = pytest.mark.skipif(not ASSET.is_file(), reason="assets/face_model.npz has not been built")

NAMES = ("open", "look")
IDENTITIES, SKIN, LATTICE, INNER = 4, 9, 16, 8


def _turn(axis: int, angle: float) -> np.ndarray:
    """Rotation about a coordinate axis."""
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.eye(3)
    a, b = (axis + 1) % 3, (axis + 2) % 3
    matrix[[a, b, a, b], [a, b, b, a]] = cos, cos, -sin, sin
    return matrix


def _small(seed: int = 0) -> BilinearData:
    """A model of 16 lattice vertices over 9 control vertices, and a cube of 8 vertices that turns and follows."""
    rng = np.random.default_rng(seed)
    row, column = np.divmod(np.arange(9), 3)
    cells = np.stack([4 * row + column, 4 * row + column + 1, 4 * row + column + 5, 4 * row + column + 4], 1)
    cube = LATTICE + np.array(
        [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    )
    quads = np.concatenate([cells, cube]).astype(np.int32)
    topology = Topology(
        quads=quads,
        corner_uv=rng.random((len(quads), 4, 2)).astype(np.float32),
        material=np.repeat([0, 1], [9, 6]).astype(np.uint8),
        regions={"face": np.arange(LATTICE, dtype=np.int32), "eye_left": np.arange(16, 24, dtype=np.int32)},
        lattice_size=3,
    )
    weights = rng.random((LATTICE, SKIN)) * (rng.random((LATTICE, SKIN)) < 0.5) + 0.1 * np.eye(LATTICE, SKIN)
    weights[:, 0] += 0.2
    sampling = sp.csr_matrix(weights / weights.sum(1, keepdims=True))
    moving = np.array([0, 2, 3, 5, 8])
    inner = np.arange(SKIN, SKIN + INNER)
    local = np.zeros((2, INNER, 3), np.float32)
    local[0, 3] = 0.5
    vertices = rng.integers(0, LATTICE, (5, 3))
    embedding = LandmarkEmbedding(np.arange(5), vertices, np.tile([0.5, 0.25, 0.25], (5, 1)))
    return BilinearData(
        topology=topology,
        blendshape_names=NAMES,
        embedding=embedding,
        ibug68=embedding,
        neutral=50 * rng.standard_normal((LATTICE + INNER, 3)),
        identity=rng.standard_normal((IDENTITIES, SKIN + INNER, 3)).astype(np.float32),
        moving=moving,
        mean_blendshapes=rng.standard_normal((2, len(moving) + 1, 3)).astype(np.float32),
        vertex_factor=rng.standard_normal((3 * (len(moving) + 1), 6)).astype(np.float32),
        blendshape_factor=rng.standard_normal((2, 2)),
        identity_factor=rng.standard_normal((IDENTITIES, 3)),
        core=rng.standard_normal((6, 2, 3)),
        sampling=sampling,
        parts=(
            PartMotion(
                vertices=inner,
                pivot_vertices=inner[:4],
                pivot_weights=np.array([0.7, 0.4, 0.3, -0.4]),
                anchor=0,
                rotation=np.stack([np.eye(3), _turn(1, 0.4)]),
                local=local,
            ),
        ),
        report={"surface_lips_mean_mm": 0.05},
    )


@pytest.fixture(scope="module")
def small() -> BilinearModel:
    return BilinearModel.from_bytes(pack(_small()))


def _identity(seed: int, dims: int = IDENTITIES) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(dims)


def test_file_keeps_what_it_is_given(small):
    data = _small()
    written, read = BilinearModel(data, ""), small
    identity = _identity(1)
    assert np.abs(written.neutral(identity) - read.neutral(identity)).max() < 1e-3
    assert np.abs(written.blendshapes(identity) - read.blendshapes(identity)).max() < 2e-3
    assert read.blendshape_names == NAMES and read.identity_dims == IDENTITIES
    assert np.array_equal(read.topology.quads, data.topology.quads)
    assert np.array_equal(read.topology.regions["eye_left"], data.topology.regions["eye_left"])
    assert read.report == {"surface_lips_mean_mm": 0.05}
    assert np.allclose(read.embedding.weights, data.embedding.weights)


def test_same_data_same_bytes(tmp_path: Path):
    write_model(_small(), tmp_path / "a.npz")
    write_model(_small(), tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.npz", "b.npz"]


def test_blendshapes_follow_the_tucker_formula(small):
    """FaceScape Eq. (4), written out, on the control mesh and sampled."""
    data, identity = small._data, _identity(2)
    personal = np.einsum(
        "kv,vfj,ef,ij,i->ek",
        data.vertex_factor,
        data.core,
        data.blendshape_factor,
        data.identity_factor,
        identity,
    )
    control = np.zeros((2, SKIN, 3))
    control[:, data.moving] = (data.mean_blendshapes + personal.reshape(2, -1, 3))[:, : len(data.moving)]
    expected = np.stack([data.sampling @ offset for offset in control])
    assert np.abs(small.blendshapes(identity)[:, :LATTICE] - expected).max() < 1e-4


def test_part_turns_about_its_pivot_and_follows_the_anchor(small):
    data, identity = small._data, _identity(3)
    rest = small.neutral(identity)
    offsets = small.blendshapes(identity)[:, LATTICE:]
    part = data.parts[0]
    pivot = part.pivot_weights @ rest[LATTICE : LATTICE + 4]
    still, turned = rest[LATTICE:] + offsets[0], rest[LATTICE:] + offsets[1]
    # "open" shifts the part as a whole, but for the vertex that also moves by itself.
    others = np.arange(INNER) != 3
    assert np.ptp(offsets[0, others], axis=0).max() < 1e-6
    assert np.abs(still[3] - rest[LATTICE + 3] - offsets[0, 0] - 0.5).max() < 1e-6
    # "look" keeps all distances, those to the pivot included.
    shift = np.linalg.norm(turned - turned.mean(0), axis=1) - np.linalg.norm(
        rest[LATTICE:] - rest[LATTICE:].mean(0), axis=1
    )
    assert np.abs(shift).max() < 1e-9
    moved_pivot = part.pivot_weights @ turned[:4]
    rotated = (rest[LATTICE:] - pivot) @ _turn(1, 0.4).T + moved_pivot
    assert np.abs(rotated - turned).max() < 1e-9


@pytest.mark.parametrize("count", [0, 1, 7, LATTICE + INNER])
def test_subsets_agree_with_the_whole(small, count: int):
    rng = np.random.default_rng(count)
    vertices = rng.choice(LATTICE + INNER, count, replace=False)
    for seed in range(2):
        identity = _identity(seed)
        assert np.allclose(small.neutral(identity, vertices), small.neutral(identity)[vertices], atol=1e-5)
        assert np.allclose(
            small.blendshapes(identity, vertices), small.blendshapes(identity)[:, vertices], atol=1e-4
        )
    assert np.allclose(small.identity_basis(vertices), small.identity_basis()[:, vertices], atol=1e-6)


def test_identity_basis_is_the_derivative_of_the_neutral(small):
    basis, start = small.identity_basis(), _identity(5)
    for k in range(IDENTITIES):
        step = np.eye(IDENTITIES)[k]
        assert np.allclose(small.neutral(start + step) - small.neutral(start), basis[k], atol=1e-5)


def test_callers_cannot_change_the_model(small):
    vertices = np.array([1, 2, 20])
    small.identity_basis(vertices)[:] = 99.0
    small.neutral(_identity(0), vertices)[:] = 99.0
    assert np.allclose(small.identity_basis(vertices), small.identity_basis()[:, vertices], atol=1e-6)


def test_wrong_identity_and_wrong_vertices_are_refused(small):
    with pytest.raises(TopologyMismatch, match="4 identity coefficients"):
        small.neutral(np.zeros(5))
    with pytest.raises(TopologyMismatch, match="vertices 0 to 23"):
        small.blendshapes(_identity(0), np.array([24]))


def _tampered(**changes: np.ndarray | None) -> bytes:
    """The small model's bytes with arrays replaced, or left out where None."""
    with zipfile.ZipFile(io.BytesIO(pack(_small()))) as archive:
        arrays = {name: archive.read(name) for name in archive.namelist()}
    for name, value in changes.items():
        if value is None:
            del arrays[f"{name}.npy"]
            continue
        member = io.BytesIO()
        np.save(member, value, allow_pickle=value.dtype == object)
        arrays[f"{name}.npy"] = member.getvalue()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in arrays.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _invalid(raw: bytes) -> str:
    with pytest.raises(ModelFileInvalid) as caught:
        BilinearModel.from_bytes(raw)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"core": None}, "core is missing"),
        ({"version": np.array(99, np.int32)}, "version 99"),
        ({"format": np.array("something else")}, "another kind"),
        ({"neutral": np.full((24, 3), np.nan, np.float32)}, "not finite"),
        ({"neutral": np.zeros((17, 2), np.float32)}, "neutral has the shape"),
        ({"quads": np.zeros((15, 4), np.float32)}, "quads holds float32"),
        ({"quads": np.full((15, 4), 1000, np.int32)}, "outside"),
        ({"quads": np.zeros((15, 4), np.int32)}, "do not use its vertices"),
        ({"sampling_columns": np.full(3, 2, np.uint16)}, "sampling_columns has the shape"),
        ({"moving": np.array([0, 2, 3, 5, 9], np.uint16)}, "moving holds values outside 0 to 8"),
        ({"identity_scale": np.ones(3, np.float32)}, "identity_scale has the shape"),
        ({"landmark478_weights": np.full((5, 3), 0.5)}, "barycentric"),
        ({"landmark478_vertices": np.full((5, 3), 24, np.int32)}, "outside"),
        ({"blendshape_names": np.array(["open", "open"])}, "distinct"),
        ({"part0_rotation": np.ones((2, 3, 3))}, "rotations"),
        ({"part0_anchor": np.array(1, np.int32)}, "outside"),
        ({"mirror": np.zeros(24, np.int32)}, "mirror"),
        ({"report": np.array("not json")}, "not a usable"),
        ({"core": np.array([{}], dtype=object)}, "not a usable"),
    ],
)  # fmt: skip
def test_tampered_files_are_refused(changes: dict, reason: str):
    assert reason in _invalid(_tampered(**changes))


def test_damaged_headers_are_refused():
    for content in with_damaged_headers(pack(_small())):
        with pytest.raises(ModelFileInvalid, match=r"^The face model is not a usable [^\n]+\.$"):
            BilinearModel.from_bytes(content)


def test_files_of_other_kinds_are_refused(tmp_path: Path):
    raw = pack(_small())
    for content in (b"", b"no zip at all", raw[: len(raw) // 2], raw[:-30], b"\0" * 1000):
        _invalid(content)
    middle = bytearray(raw)
    middle[len(raw) // 2] ^= 0xFF
    _invalid(bytes(middle))
    for path in (tmp_path / "missing.npz", tmp_path):
        with pytest.raises(ModelFileInvalid, match="cannot be read"):
            BilinearModel.load(path)


def test_a_file_that_unpacks_to_gigabytes_is_refused(monkeypatch):
    monkeypatch.setattr("facewright.face_model.bilinear_file.MAX_UNPACKED_BYTES", 1000)
    assert "more than a face model" in _invalid(pack(_small()))


def test_an_array_that_claims_terabytes_is_refused():
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": (10**13, 3)}
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("core.npy", header.getvalue() + b"\0" * 64)
    assert "not a usable" in _invalid(buffer.getvalue())


def test_report_is_stored(small):
    assert BilinearModel.from_bytes(pack(replace(_small(), report={"a": 1.5}))).report == {"a": 1.5}


@pytest.fixture(scope="module")
def shipped() -> BilinearModel:
    return BilinearModel.load(ASSET)


@needs_asset
def test_shipped_model_is_within_its_limits(shipped):
    assert ASSET.stat().st_size <= 35 * 2**20
    seconds = []  # of processor time: other programs do not count
    for _ in range(3):
        start = time.process_time()
        BilinearModel.load(ASSET)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.5
    assert shipped.identity_dims == 100
    assert shipped.blendshape_names == ARKIT_NAMES
    assert shipped.report["blendshapes_mean_mm"] <= 0.1


@needs_asset
def test_shipped_subsets_are_fast_enough_for_the_fit(shipped):
    vertices = np.random.default_rng(0).choice(shipped.topology.vertex_count, 500, replace=False)
    identity = _identity(1, 100)
    assert np.allclose(shipped.neutral(identity, vertices), shipped.neutral(identity)[vertices], atol=1e-3)
    whole = shipped.blendshapes(identity)[:, vertices]
    assert np.allclose(shipped.blendshapes(identity, vertices), whole, atol=1e-3)
    seconds = []
    for _ in range(30):
        start = time.perf_counter()
        shipped.neutral(identity, vertices)
        shipped.blendshapes(identity, vertices)
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.004


@needs_asset
def test_shipped_model_is_symmetric(shipped):
    mirror = shipped.topology.mirror
    mean = np.zeros(100)
    neutral, blendshapes = shipped.neutral(mean), shipped.blendshapes(mean)
    flip = np.array([-1.0, 1.0, 1.0])
    assert np.abs(neutral[mirror] * flip - neutral).max() < 0.005
    for e, name in enumerate(ARKIT_NAMES):
        other = name.replace("Left", "?").replace("Right", "Left").replace("?", "Right")
        twin = blendshapes[ARKIT_NAMES.index(other)]
        assert np.abs(twin[mirror] * flip - blendshapes[e]).max() < 0.01, name


def _sphere_centre(points: np.ndarray) -> np.ndarray:
    """Centre of the sphere that fits points (n, 3) best."""
    system = np.column_stack([2 * points, np.ones(len(points))])
    return np.linalg.lstsq(system, (points**2).sum(1), rcond=None)[0][:3]


@needs_asset
def test_shipped_eyes_turn_about_their_centres(shipped):
    """A gaze blendshape keeps every eyeball vertex's distance from the pivot, for any person."""
    identity = _identity(8, 100)
    ball = shipped.topology.regions["eye_left"].astype(np.int64)
    rest = shipped.neutral(identity, ball)
    turned = rest + shipped.blendshapes(identity, ball)[ARKIT_NAMES.index("eyeLookUpLeft")]
    assert np.linalg.norm(turned - rest, axis=1).max() > 3.0
    spread = np.linalg.norm(rest[:, None] - rest[None, ::37], axis=2)
    assert np.abs(np.linalg.norm(turned[:, None] - turned[None, ::37], axis=2) - spread).max() < 1e-6
    # The pole in front looks up by 20 degrees, and the ball stays in its socket.
    centres = [_sphere_centre(places[rest[:, 2] < rest[:, 2].mean()]) for places in (rest, turned)]
    assert np.linalg.norm(centres[1] - centres[0]) < 0.1


@needs_asset
def test_shipped_blendshapes_depend_on_the_person(shipped):
    """Larger faces open their mouths wider; the teeth stay with the chin."""
    jaw, vertices = ARKIT_NAMES.index("jawOpen"), shipped.ibug68.vertices[8]
    teeth = shipped.topology.regions["teeth_lower"].astype(np.int64)
    chosen = np.concatenate([vertices, teeth])
    mean = np.zeros(100)
    reference = shipped.blendshapes(mean, chosen)[jaw]
    for seed in range(5):
        offsets = shipped.blendshapes(_identity(seed, 100), chosen)[jaw]
        change = offsets - reference
        assert np.linalg.norm(change[0]) > 0.1
        # Chin and teeth change together, to within a fraction of what the change itself can be.
        assert np.linalg.norm(change[:3].mean(0) - change[3:].mean(0)) < 2.5


@needs_asset
def test_shipped_head_moves_nothing_by_less_than_can_be_seen(shipped):
    offsets = np.linalg.norm(shipped.head(np.zeros(shipped.identity_dims)).blendshapes, axis=2)
    moved = offsets[offsets > 0]
    assert moved.min() >= 0.01
    assert 0.05 < len(moved) / offsets.size < 0.7
