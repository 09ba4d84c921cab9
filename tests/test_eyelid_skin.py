"""Skin that a blink unfolds: where it is, what tone it takes, how thin the lashes' line is."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.face_model.base import ARKIT_NAMES
from facewright.face_model.load import built_in_path, load_face_model
from facewright.face_model.slit_columns import slit_columns
from facewright.texture.eyelid_skin import LASH_DEPTH, LidSkin, lash_depth, lash_line, lid_skin, lid_tone
from facewright.texture.mesh_field import skin_graph

pytestmark = pytest.mark.skipif(not built_in_path().is_file(), reason="the built-in face model has not been built")


@pytest.fixture(scope="module")
def subject():
    model = load_face_model()
    head = model.head(np.zeros(100))
    return model.topology, skin_graph(model.topology, head.neutral), head


@pytest.fixture(scope="module")
def lids(subject):
    topology, graph, head = subject
    return lid_skin(topology, graph, head.neutral, head.blendshapes, head.neutral)


def columns_of(topology, side):
    regions = topology.regions
    return slit_columns(topology, regions[f"lid_upper_{side}"], regions[f"lid_lower_{side}"], 14)


@pytest.mark.parametrize("side", ["left", "right"])
def test_upper_lids_unfold_and_have_one_edge(subject, lids, side):
    columns = columns_of(subject[0], side)
    middle = slice(6, -8)
    assert (lids.unfolds[columns.upper[middle, 9:12]] > 0.6).all()
    assert lids.unfolds[columns.lower[middle]].max() < 0.3
    # The edge runs on through the columns, by at most a row from one to the next.
    edge = lids.edge[columns.upper[middle]]
    assert (edge.sum(1) >= 1).all() and edge.sum() <= 1.5 * len(edge)
    assert np.abs(np.diff(edge.argmax(1))).max() <= 1
    assert not lids.edge[columns.lower].any()


def test_nothing_else_unfolds(subject, lids):
    topology, _, head = subject
    brow = head.neutral[:, 1] > head.neutral[topology.regions["lid_upper_left"], 1].max() + 16.0
    assert not lids.unfolds[brow].any() and not lids.edge[brow].any()
    for name in ("nose", "lips", "ears", "scalp"):
        assert not lids.unfolds[topology.regions[name]].any(), name


def test_shut_eyes_of_a_photo_are_kept(subject):
    topology, graph, head = subject
    shut = head.neutral + sum(head.blendshapes[ARKIT_NAMES.index(f"eyeBlink{side}")] for side in ("Left", "Right"))
    assert lid_skin(topology, graph, head.neutral, head.blendshapes, shut).unfolds.max() < 1e-6


def test_lids_take_the_tone_around_and_not_the_lashes(subject, lids):
    topology, graph, _ = subject
    skin, lashes = np.array([0.8, 0.6, 0.5]), np.array([0.2, 0.12, 0.1])
    colour = np.tile(skin, (len(lids.unfolds), 1))
    colour[lids.unfolds > 0.2] = lashes
    tone = lid_tone(graph, colour, np.ones(len(colour)), lambda rgb: np.ones(len(rgb)), lids)
    assert np.abs(tone[columns_of(topology, "left").upper[6:-6, 7:]] - skin).max() < 0.02
    # The dark lashes are found as well, and limited; a bare lid still has some.
    assert lash_depth(colour, tone, lids) == LASH_DEPTH[1]
    assert lash_depth(tone, tone, lids) == LASH_DEPTH[0]
    assert lash_depth(tone, tone, LidSkin(np.zeros(len(tone)), lids.edge)) == LASH_DEPTH[0]


def test_the_line_of_lashes_is_thinner_than_a_face():
    ramp = np.linspace(0.0, 1.0, 101, dtype=np.float32)[None]
    factor = lash_line(ramp, 0.5)
    assert factor.dtype == np.float32
    assert factor[0, 0] == 1.0 and np.isclose(factor[0, -1], 0.5)
    assert (np.diff(factor[0]) <= 0).all() and 0.3 < (factor < 0.75).mean() < 0.6
