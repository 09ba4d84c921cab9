"""Eyeballs, teeth, gums and tongue: our own topology, linear in the source's vertices, moving as they must."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from facewright.face_model.base import ARKIT_NAMES
from facewright.face_model.eyeball import GAZE_DEGREES
from facewright.mesh.topology import MATERIALS
from scipy.spatial import cKDTree

SOURCE = Path(__file__).parents[2] / "shared/data/ict_facekit/ict_facekit_light.npz"
pytestmark = pytest.mark.skipif(not SOURCE.is_file(), reason="needs ICT-FaceKit Light beside the checkout")


@pytest.fixture(scope="module")
def source():
    from facewright.training.ict_source import load_ict

    return load_ict(SOURCE)


@pytest.fixture(scope="module")
def parts(source):
    from facewright.training.parts import build_parts

    return build_parts(source)


@pytest.fixture(scope="module")
def points(parts, source):
    return parts.sampling @ source.neutral


def directed_edges(quads):
    sides = np.concatenate([quads[:, [k, (k + 1) % 4]] for k in range(4)])
    return sides[:, 0] * 10**7 + sides[:, 1], sides[:, 1] * 10**7 + sides[:, 0]


def test_mesh_is_all_quads_oriented_and_about_as_large_as_planned(parts, points):
    assert parts.quads.min() == 0 and set(np.unique(parts.quads)) == set(range(len(points)))
    assert 4500 < len(points) < 6000
    assert all(len(set(quad)) == 4 for quad in parts.quads.tolist())
    forward, backward = directed_edges(parts.quads)
    assert len(np.unique(forward)) == len(forward)  # each edge once in each direction: manifold, consistent normals
    # Closed: eyeballs and tongue. Open: crowns and gums at their hidden rims, shells behind the lids.
    border = forward[~np.isin(forward, backward)] // 10**7
    closed = np.concatenate(
        [np.setdiff1d(parts.regions["eye_left"], parts.regions["cornea_left"]), parts.regions["tongue"]]
    )
    assert not np.isin(border, closed).any()


def test_normals_point_out(parts, points):
    corners = points[parts.quads]
    volume = np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 1], corners[:, 2]))
    volume += np.einsum("fi,fi->f", corners[:, 0], np.cross(corners[:, 2], corners[:, 3]))
    for name in ("eye_left", "eye_right", "tongue"):
        ids = np.setdiff1d(parts.regions[name], parts.regions[f"cornea_{name[4:]}"] if name != "tongue" else [])
        assert volume[np.isin(parts.quads, ids).all(1)].sum() > 0, name
    teeth = parts.material == MATERIALS.index("teeth")
    normal = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])[teeth]
    place = corners[teeth].mean(1)
    middle = np.array([0.0, place[:, 1].mean(), -10.0])
    front = place[:, 2] > 10  # incisors: what faces the lips is larger than what faces the tongue
    assert np.einsum("fi,fi->f", normal, place - middle)[front].sum() > 0


def test_rows_are_affine_so_that_identities_carry_over(parts, source):
    assert np.allclose(np.asarray(parts.sampling.sum(1)).ravel(), 1.0, atol=1e-12)
    identity = np.random.default_rng(1).standard_normal(100)
    places = parts.sampling @ source.shape(identity)
    linear = parts.sampling @ source.neutral + np.tensordot(
        identity, [parts.sampling @ m for m in source.identity], 1
    )
    assert np.allclose(places, linear, atol=1e-9)


def test_mirror_symmetric(parts, points):
    mirror = parts.mirror
    assert np.array_equal(mirror[mirror], np.arange(len(mirror)))
    assert np.abs(points[mirror] * [-1, 1, 1] - points).max() < 1e-6
    faces = {tuple(sorted(quad)) for quad in parts.quads.tolist()}
    assert all(tuple(sorted(quad)) in faces for quad in mirror[parts.quads].tolist())
    for name, ids in parts.regions.items():
        other = name.replace("left", "~").replace("right", "left").replace("~", "right")
        assert set(mirror[ids]) == set(parts.regions[other]), name


def test_eyeball_is_a_ball_with_an_iris_of_natural_size(parts, points):
    from facewright.training.parts_eyes import fit_eyeball

    ball = np.setdiff1d(parts.regions["eye_left"], parts.regions["cornea_left"])
    centre, radius = fit_eyeball(points[ball])
    distance = np.linalg.norm(points[ball] - centre, axis=1)
    assert np.quantile(np.abs(distance - radius), 0.7) < 1e-6 and (distance < radius + 1e-6).all()
    limbus = points[parts.regions["limbus_left"]]
    assert abs(2 * np.linalg.norm(limbus - limbus.mean(0), axis=1).mean() - 11.7) < 0.15
    shell = np.linalg.norm(points[parts.regions["cornea_left"]] - centre, axis=1) - radius
    assert 0.7 < shell.max() < 1.5  # the cornea bulges


def test_gaze_is_an_exact_rotation_about_the_centre(parts, points):
    from facewright.training.parts_eyes import fit_eyeball

    for side in ("Left", "Right"):
        eye = parts.regions[f"eye_{side.lower()}"]
        ball = np.setdiff1d(eye, parts.regions[f"cornea_{side.lower()}"])
        centre, _ = fit_eyeball(points[ball])
        for direction, degrees in GAZE_DEGREES.items():
            offsets = parts.blendshape_overrides[ARKIT_NAMES.index(f"eyeLook{direction}{side}")]
            turned = points[eye] + offsets[eye] - centre
            arm = points[eye] - centre
            assert np.allclose(np.linalg.norm(turned, axis=1), np.linalg.norm(arm, axis=1), atol=1e-9)
            pole = np.argmax(arm[:, 2])
            cosine = turned[pole] @ arm[pole] / (arm[pole] @ arm[pole])
            assert np.isclose(np.degrees(np.arccos(cosine)), degrees, atol=1e-6)
            move = offsets[eye][pole]
            axis, sign = {"Up": (1, 1), "Down": (1, -1), "In": (0, -1), "Out": (0, 1)}[direction]
            if axis == 0 and side == "Right":
                sign = -sign
            assert np.sign(move[axis]) == sign
            assert not np.delete(offsets, eye, axis=0).any()


def test_everything_on_the_jaw_moves_rigidly_with_it(parts, points, source):
    jaw = np.concatenate([parts.regions[name] for name in ("teeth_lower", "gums_lower", "tongue")])
    pick = np.random.default_rng(0).choice(jaw, (200, 2))
    for name in ("jawOpen", "jawForward", "jawLeft", "jawRight"):
        offsets = parts.blendshape_overrides[ARKIT_NAMES.index(name)]
        before = np.linalg.norm(points[pick[:, 0]] - points[pick[:, 1]], axis=1)
        moved = points + offsets
        after = np.linalg.norm(moved[pick[:, 0]] - moved[pick[:, 1]], axis=1)
        assert np.allclose(before, after, atol=1e-9)
        assert np.abs(offsets[jaw]).max() > 5
        still = np.concatenate([parts.regions[n] for n in ("teeth_upper", "gums_upper", "eye_left", "eye_right")])
        assert not offsets[still].any()
    # The teeth follow the source's own teeth.
    names = [n for n in ARKIT_NAMES if n != "tongueOut"]
    theirs = (parts.sampling @ source.expression[names.index("jawOpen")])[parts.regions["teeth_lower"]]
    ours = parts.blendshape_overrides[ARKIT_NAMES.index("jawOpen")][parts.regions["teeth_lower"]]
    assert np.abs(theirs - ours).max() < 0.3


def test_teeth_lie_on_the_sources_teeth(parts, source):
    from facewright.training.ict_source import TEETH

    teeth = np.arange(TEETH.start, TEETH.stop)
    faces = source.faces[np.isin(source.faces[:, 0], teeth)]
    second = faces[:, 3] >= 0
    triangles = source.neutral[np.concatenate([faces[:, [0, 1, 2]], faces[second][:, [0, 2, 3]]])]
    weights = np.random.default_rng(0).dirichlet([1, 1, 1], (len(triangles), 12))
    cloud = cKDTree(np.einsum("tkw,twc->tkc", weights, triangles).reshape(-1, 3))
    for identity in (np.zeros(100), np.random.default_rng(2).standard_normal(100)):
        if identity.any():
            triangles = source.shape(identity)[np.concatenate([faces[:, [0, 1, 2]], faces[second][:, [0, 2, 3]]])]
            cloud = cKDTree(np.einsum("tkw,twc->tkc", weights, triangles).reshape(-1, 3))
        points = parts.sampling @ source.shape(identity)
        ids = np.concatenate([parts.regions["teeth_upper"], parts.regions["teeth_lower"]])
        distance = cloud.query(points[ids])[0]
        assert distance.mean() < 0.45 and distance.max() < 1.2


def test_corner_uvs_stay_in_their_squares(parts):
    assert parts.corner_uv.min() >= 0 and parts.corner_uv.max() <= 1
    mouth = parts.material == MATERIALS.index("mouth")
    gums = mouth & np.isin(parts.quads, parts.regions["gums"]).all(1)
    tongue = mouth & np.isin(parts.quads, parts.regions["tongue"]).all(1)
    assert gums.sum() + tongue.sum() == mouth.sum()
    assert parts.corner_uv[gums][..., 0].min() >= 0.5
    assert parts.corner_uv[gums][..., 1].min() >= 0.25 and parts.corner_uv[gums][..., 1].max() <= 0.5
    assert parts.corner_uv[tongue][..., 1].max() <= 0.25
    # No face of the tongue is smeared across the seam.
    assert np.ptp(parts.corner_uv[tongue][..., 1], axis=1).max() < 0.05


def test_tongue_comes_out_in_front_of_the_teeth(parts, points):
    out = points + parts.blendshape_overrides[ARKIT_NAMES.index("tongueOut")]
    teeth = out[np.concatenate([parts.regions["teeth_upper"], parts.regions["teeth_lower"]])]
    tip = out[parts.regions["tongue_tip"]]
    assert tip[:, 2].min() > teeth[:, 2].max() + 5
    assert tip[:, 1].mean() < points[parts.regions["tongue_tip"]][:, 1].mean() - 5


def test_same_source_same_parts(parts, source):
    from facewright.training.parts import build_parts

    again = build_parts(source)
    assert np.array_equal(again.sampling.data, parts.sampling.data)
    assert np.array_equal(again.quads, parts.quads)
    assert np.array_equal(again.blendshape_overrides, parts.blendshape_overrides)
