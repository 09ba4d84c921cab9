"""The build's steps on the real source, each held to what it promises; the whole of it in small."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from facewright.errors import ModelFileInvalid, OutputUnwritable
from facewright.face_model.base import ARKIT_NAMES
from facewright.face_model.bilinear import BilinearModel
from facewright.training.blendshape_tensor import PersonalBlendshapes, sample_tensor
from facewright.training.build_face_model import BuildSettings, build
from facewright.training.ict_source import NARROW_FACE_VERTICES, SKIN_VERTICES, IctSource, load_ict
from facewright.training.part_motion import affine_weights, fixed_point, part_motions, rigid_rotation
from facewright.training.parts import Parts, build_parts
from facewright.training.parts_surface import mirror_vertices
from facewright.training.symmetry import mirrored_name, symmetric
from facewright.training.template import TemplateSettings

ICT = Path(__file__).resolve().parents[2] / "shared/data/ict_facekit/ict_facekit_light.npz"
needs_ict = pytest.mark.skipif(not ICT.is_file(), reason="ICT-FaceKit Light is not beside the checkout")


def _rotation(seed: int) -> np.ndarray:
    orthogonal = np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))[0]
    return orthogonal * np.sign(np.linalg.det(orthogonal))


def test_rotations_are_recovered():
    places = np.random.default_rng(0).standard_normal((20, 3))
    for seed in range(5):
        rotation = _rotation(seed)
        assert np.allclose(rigid_rotation(places, places @ rotation.T + [1, 2, 3] - places), rotation)
    assert np.array_equal(rigid_rotation(places, np.zeros_like(places)), np.eye(3))


def test_mirror_images_are_no_rotations():
    places = np.random.default_rng(1).standard_normal((20, 3))
    rotation = rigid_rotation(places, places * [-1, 1, 1] - places)
    assert np.linalg.det(rotation) == pytest.approx(1.0)


def test_fixed_point_of_several_rotations():
    rng = np.random.default_rng(2)
    places, centre = rng.standard_normal((30, 3)), np.array([3.0, -1.0, 2.0])
    rotations = np.stack([_rotation(k) for k in range(3)])
    offsets = np.einsum("eij,nj->eni", rotations - np.eye(3), places - centre)
    assert np.allclose(fixed_point(places, offsets, rotations), centre)
    assert fixed_point(places, offsets + np.eye(3)[:, None], rotations) is None
    # About one axis there is a line of them, and so no point.
    assert fixed_point(places, offsets[:1], rotations[:1]) is None


def test_affine_weights_follow_every_affine_map():
    rng = np.random.default_rng(3)
    places, point = rng.standard_normal((12, 3)), np.array([0.2, 0.1, 4.0])
    weights = affine_weights(places, point)
    matrix, shift = rng.standard_normal((3, 3)), rng.standard_normal(3)
    assert weights.sum() == pytest.approx(1.0)
    assert np.allclose(weights @ (places @ matrix + shift), point @ matrix + shift)


def test_sampled_tensor_is_the_odd_part():
    """Of a linear plus a quadratic dependence on identity only the linear part arrives, exactly."""
    rng = np.random.default_rng(4)
    linear, quadratic, constant = rng.standard_normal((4, 2, 5, 3)), rng.standard_normal((4, 2, 5, 3)), 7.0
    rows = np.array([0, 2, 4])

    def blendshapes(identity: np.ndarray) -> np.ndarray:
        return np.tensordot(identity, linear, 1) + np.tensordot(identity**2, quadratic, 1) + constant

    directions = np.eye(4)
    fractions: list[float] = []
    tensor = sample_tensor(blendshapes, directions, rows, fractions.append)
    assert np.allclose(tensor, 2.0 * linear[:, :, rows].reshape(4, 2, 9), atol=1e-5)
    assert fractions == [0.25, 0.5, 0.75, 1.0]


@pytest.fixture(scope="module")
def ict() -> IctSource:
    return symmetric(load_ict(ICT))


@pytest.fixture(scope="module")
def parts(ict: IctSource) -> Parts:
    return build_parts(ict)


@pytest.fixture(scope="module")
def motions(ict: IctSource, parts: Parts):
    return part_motions(parts.sampling @ ict.neutral, parts.blendshape_overrides, parts.regions)


@pytest.fixture(scope="module")
def personal(ict: IctSource, parts: Parts, motions) -> PersonalBlendshapes:
    jaw, displacement = motions[0]["jaw"], motions[1]
    pivot = np.asarray(jaw.pivot_weights @ parts.sampling[jaw.pivot_vertices]).ravel()
    return PersonalBlendshapes(ict, jaw.rotation, displacement, pivot)


@needs_ict
def test_part_motions_rebuild_the_parts_blendshapes(ict, parts, motions):
    places = parts.sampling @ ict.neutral
    rebuilt = np.zeros_like(parts.blendshape_overrides)
    for name, part in motions[0].items():
        pivot = part.pivot_weights @ places[part.pivot_vertices]
        drift = motions[1][:, None] if name == "jaw" else 0.0
        turned = np.einsum("eij,nj->eni", part.rotation - np.eye(3), places[part.vertices] - pivot)
        rebuilt[:, part.vertices] = turned + part.local + drift
    assert np.abs(rebuilt - parts.blendshape_overrides).max() < 1e-5
    # Gaze is nothing but rotation; so is everything that the jaw does but for the tongue.
    for name in ("eye_left", "eye_right"):
        assert np.abs(motions[0][name].local).max() < 1e-5
    others = [e for e, name in enumerate(ARKIT_NAMES) if name != "tongueOut"]
    assert np.abs(motions[0]["jaw"].local[others]).max() < 1e-3


@needs_ict
def test_a_part_that_moves_without_a_group_is_refused(ict, parts):
    offsets = parts.blendshape_overrides.copy()
    offsets[5, parts.regions["teeth_upper"]] += 1.0
    with pytest.raises(ModelFileInvalid, match="belongs to neither"):
        part_motions(parts.sampling @ ict.neutral, offsets, parts.regions)


@needs_ict
def test_the_mean_head_keeps_the_sources_blendshapes(ict, personal, motions):
    offsets = personal(np.zeros(100))
    skin = np.delete(offsets, ARKIT_NAMES.index("tongueOut"), axis=0)[:, :-1]
    assert np.linalg.norm(skin - ict.expression[:, SKIN_VERTICES], axis=2).max() < 0.05
    assert np.allclose(offsets[:, -1], motions[1], atol=1e-9)
    out = offsets[ARKIT_NAMES.index("tongueOut"), :-1]
    assert 3.0 < np.linalg.norm(out, axis=1).max() < 30.0


@needs_ict
def test_symmetric_source_stays_close_to_the_source(ict):
    """Mirrored expressions are mirror images; what moved is what was off, a fraction of a millimetre."""
    raw = load_ict(ICT)
    names = [name for name in ARKIT_NAMES if name != "tongueOut"]
    mirror = mirror_vertices(ict)[:NARROW_FACE_VERTICES]
    for name in ("eyeBlinkLeft", "jawLeft", "mouthClose"):
        own = ict.expression[names.index(name), :NARROW_FACE_VERTICES]
        twin = ict.expression[names.index(mirrored_name(name))]
        assert np.abs(own - twin[mirror] * [-1, 1, 1]).max() < 1e-9
    assert np.abs(ict.neutral - raw.neutral)[:NARROW_FACE_VERTICES].max() < 0.03
    change = np.linalg.norm(ict.expression - raw.expression, axis=2)[:, :NARROW_FACE_VERTICES]
    assert change.max() < 0.8 and change.mean() < 0.02
    assert np.array_equal(ict.identity, raw.identity)


@needs_ict
def test_mouth_close_closes_an_open_jaw_for_other_people_as_it_does_for_the_source(ict, personal):
    """mouthClose corrects jawOpen: what it leaves between the lips is the source's, for other mouths too."""
    upper, lower = ict.landmarks68[[61, 62, 63]], ict.landmarks68[[67, 66, 65]]
    jaw, close = ARKIT_NAMES.index("jawOpen"), ARKIT_NAMES.index("mouthClose")
    gaps = []
    for identity in (np.zeros(100), *np.random.default_rng(0).standard_normal((2, 100))):
        offsets, skin = personal(identity), ict.shape(identity)[SKIN_VERTICES]
        opened = skin + offsets[jaw, :-1]
        closed = opened + offsets[close, :-1]
        gaps.append(closed[upper] - closed[lower])
        assert np.linalg.norm(opened[upper] - opened[lower], axis=1).min() > 20.0
    for gap in gaps[1:]:
        assert np.abs(gap - gaps[0]).max() < 4.0


@needs_ict
def test_a_person_with_a_long_jaw_opens_it_with_the_teeth(ict, personal):
    """Chin and teeth change together: the jaw's row follows the skin over it."""
    jaw, chin = ARKIT_NAMES.index("jawOpen"), ict.landmarks68[[57, 8]]
    mean = personal(np.zeros(100))[jaw]
    for seed in range(2):
        change = personal(np.random.default_rng(10 + seed).standard_normal(100))[jaw] - mean
        assert np.linalg.norm(change[-1] - change[chin].mean(0)) < 1.5


SMALL = BuildSettings(template=TemplateSettings(lattice_size=64), sample_pairs=2, embed=False, held_out=1)


@needs_ict
@pytest.mark.slow
def test_two_builds_give_the_same_bytes(tmp_path: Path):
    """The whole build with a coarse lattice and two pairs of people, twice."""
    reports = [build(ICT, tmp_path / f"{k}.npz", settings=SMALL) for k in range(2)]
    assert (tmp_path / "0.npz").read_bytes() == (tmp_path / "1.npz").read_bytes()
    assert reports[0] == reports[1]
    model = BilinearModel.load(tmp_path / "0.npz")
    assert model.topology.lattice_size == 64
    assert model.report.items() <= reports[0].items()


@needs_ict
def test_unwritable_output_is_refused_before_the_work(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputUnwritable):
        build(ICT, tmp_path / "file" / "model.npz", settings=SMALL)


def test_a_source_of_another_kind_is_refused(tmp_path: Path):
    (tmp_path / "source.npz").write_bytes(b"not an archive")
    with pytest.raises(ModelFileInvalid):
        build(tmp_path / "source.npz", tmp_path / "model.npz")
    assert not (tmp_path / "model.npz").exists()
