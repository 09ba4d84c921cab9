"""Activation masks: FaceScape Eq. (7), normalised, on the skin only."""

from __future__ import annotations

import numpy as np
import pytest
from detail_heads import face_model, head_of
from facewright.dynamic_detail.activation import (
    ENERGY_FLOOR,
    activation_masks,
    inverse_energies,
    key_weights,
    skin_vertices,
)
from facewright.errors import TopologyMismatch
from facewright.face_model.base import ARKIT_NAMES
from facewright.face_model.key_expressions import KEY_EXPRESSIONS
from facewright.mesh.topology import Topology
from small_head import small_head


def test_every_mask_reaches_one_and_none_exceeds_it() -> None:
    masks = activation_masks(face_model().topology, head_of().blendshapes)
    assert masks.shape == head_of().blendshapes.shape[:2]
    assert masks.min() == 0.0
    np.testing.assert_allclose(masks.max(axis=1), 1.0, atol=1e-6)


def test_masks_are_lengths_of_offsets() -> None:
    """Eq. (7), up to one factor a blendshape."""
    model, head = face_model(), head_of()
    masks = activation_masks(model.topology, head.blendshapes)
    skin = skin_vertices(model.topology)
    j = model.blendshape_names.index("browInnerUp")
    lengths = np.linalg.norm(head.blendshapes[j, skin], axis=1)
    np.testing.assert_allclose(masks[j, skin], lengths / lengths.max(), atol=1e-5)


def test_masks_do_not_depend_on_how_far_a_blendshape_moves() -> None:
    model, head = face_model(), head_of()
    np.testing.assert_allclose(
        activation_masks(model.topology, head.blendshapes),
        activation_masks(model.topology, 1.7 * head.blendshapes),
        atol=1e-6,
    )


def test_what_is_not_skin_and_what_does_not_move_skin_has_no_mask() -> None:
    topology, head = small_head()
    masks = activation_masks(topology, head.blendshapes)
    assert masks[0].max() == 1.0  # the jaw
    assert not masks[1].any()  # an eyeball alone
    skin = skin_vertices(topology)
    others = np.setdiff1d(np.arange(topology.vertex_count), skin)
    assert not masks[:, others].any()


def test_motion_below_rounding_is_none() -> None:
    topology, head = small_head()
    assert not activation_masks(topology, head.blendshapes * 1e-3).any()


def test_a_wink_leaves_the_other_eye_alone() -> None:
    model = face_model()
    masks = activation_masks(model.topology, head_of().blendshapes)
    left = masks[model.blendshape_names.index("eyeBlinkLeft")]
    assert left[model.topology.regions["lids_left"]].max() == 1.0
    assert left[model.topology.regions["lids_right"]].max() < 0.05


def test_key_weights_are_the_key_expressions_without_neutral() -> None:
    weights = key_weights()
    assert weights.shape == (19, 52)
    names = list(KEY_EXPRESSIONS)[1:]
    for name, row in zip(names, weights):
        assert {ARKIT_NAMES[j]: row[j] for j in np.flatnonzero(row)} == dict(KEY_EXPRESSIONS[name])


def test_inverse_energy_is_one_over_eq_8_at_the_key_expression() -> None:
    rng = np.random.default_rng(0)
    activation, alphahat = rng.uniform(size=(5, 40)), rng.uniform(size=(3, 5))
    inverse = inverse_energies(activation, alphahat)
    for i in range(3):
        at_key = sum(alphahat[i, j] * alphahat[i, j] * activation[j] for j in range(5))
        np.testing.assert_allclose(inverse[i], 1.0 / (at_key + ENERGY_FLOOR), rtol=1e-5)


def test_other_meshes_are_refused() -> None:
    topology, head = small_head()
    loose = Topology(topology.quads, topology.corner_uv, topology.material)
    with pytest.raises(TopologyMismatch):
        activation_masks(loose, head.blendshapes)
