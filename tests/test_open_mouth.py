"""What an open mouth shows, and mouth shapes used together, on sampled identities of the built-in model."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from facewright.face_model.base import ARKIT_NAMES
from facewright.face_model.dental_arch import COMBINATIONS, rigid_motion
from facewright.face_model.lips import Lips
from facewright.face_model.load import built_in_path, load_face_model
from facewright.face_model.penetration import teeth_penetration

pytestmark = pytest.mark.skipif(not built_in_path().is_file(), reason="the built-in face model has not been built")
IDENTITIES = range(5)


@pytest.fixture(scope="module")
def model():
    return load_face_model()


def sampled(k):
    """The k-th identity: 0 is the mean head."""
    return np.random.default_rng(100 + k).standard_normal(100) * (k > 0)


@pytest.fixture(scope="module")
def head_of(model):
    return lru_cache(maxsize=None)(lambda k: model.head(sampled(k)))


def posed(neutral, blendshapes, weights):
    index = [ARKIT_NAMES.index(name) for name in weights]
    return neutral + np.tensordot(list(weights.values()), blendshapes[index], 1)


def incisors(points):
    """Of a jaw's teeth (n, 3): those nearer than 6 mm to the middle."""
    near = points[np.abs(points[:, 0]) < 6.0]
    return near[near[:, 2] > near[:, 2].max() - 8.0]


@pytest.mark.parametrize("k", IDENTITIES)
def test_both_rows_of_teeth_are_seen_in_an_open_mouth(model, head_of, k):
    head, regions = head_of(k), model.topology.regions
    state = posed(head.neutral, head.blendshapes, {"jawOpen": 1.0})
    lips = Lips(model.topology, head.neutral)
    points = state[lips.patch.vertices]
    upper, lower = (points[edge][len(edge) // 2, 1] for edge in lips.edges(points))
    assert 1.0 < upper - incisors(state[regions["teeth_upper"]])[:, 1].min() < 5.0
    assert 1.0 < incisors(state[regions["teeth_lower"]])[:, 1].max() - lower < 5.0


@pytest.mark.parametrize("k", IDENTITIES)
def test_the_tongue_lies_behind_the_lower_teeth(model, head_of, k):
    head, regions = head_of(k), model.topology.regions
    state = posed(head.neutral, head.blendshapes, {"jawOpen": 1.0})
    # As the jaw sees it: turned back to its rest.
    teeth = head.neutral[regions["teeth_lower"]]
    rotation, translation = rigid_motion(teeth, state[regions["teeth_lower"]])
    tongue = (state[regions["tongue"]] - translation) @ rotation
    edge = incisors(teeth)
    tip = tongue[tongue[:, 2] > tongue[:, 2].max() - 6.0]
    assert tip[:, 1].max() < edge[:, 1].max()
    assert -9.0 < tip[:, 2].max() - edge[:, 2].max() < -2.0
    # Its back lies no higher than the chewing surfaces; without the corrective it does, by a centimetre.
    assert tongue[:, 1].max() < teeth[:, 1].max() + 3.0
    raw = model.neutral(sampled(k))[regions["tongue"]]
    assert raw[:, 1].max() > teeth[:, 1].max() + 10.0


@pytest.mark.parametrize("k", IDENTITIES)
def test_shapes_used_together_stay_out_of_the_teeth(model, head_of, k):
    head = head_of(k)
    closed, rolled = {"mouthClose": 1.0, "jawOpen": 1.0}, {"mouthRollLower": 1.0, "mouthRollUpper": 1.0}
    for weights in (*COMBINATIONS, closed, rolled):
        depth = teeth_penetration(model.topology, posed(head.neutral, head.blendshapes, weights))
        assert depth <= 0.5, (weights, depth)


def test_without_correctives_the_rolled_lips_go_through_the_teeth(model):
    neutral, shapes = model.neutral(sampled(1)), model.blendshapes(sampled(1))
    rolled = posed(neutral, shapes, {"mouthRollLower": 1.0, "mouthRollUpper": 1.0})
    assert teeth_penetration(model.topology, rolled) > 1.0


@pytest.mark.parametrize("k", IDENTITIES)
def test_lips_sealed_by_mouth_close_meet_in_depth(model, head_of, k):
    head = head_of(k)
    lips = Lips(model.topology, head.neutral)
    rest, closed = (
        posed(head.neutral, head.blendshapes, weights)[lips.patch.vertices]
        for weights in ({"jawOpen": 0.0}, {"jawOpen": 1.0, "mouthClose": 1.0})
    )
    middle = slice(20, -20)
    assert np.abs(lips.behind(closed) - lips.behind(rest))[middle].max() < 2.0
