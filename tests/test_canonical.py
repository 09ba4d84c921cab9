"""Canonical places belong to the topology, not to the person."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.displacement.canonical import canonical_places, has_canonical_places
from facewright.errors import TopologyMismatch
from mechanics_heads import model
from small_head import small_head


def test_they_are_the_mean_head() -> None:
    people = model()
    assert has_canonical_places(people.topology)
    assert np.allclose(canonical_places(people.topology), people.neutral(np.zeros(people.identity_dims)), atol=1e-3)


def test_other_topologies_have_none() -> None:
    topology, _ = small_head()
    assert not has_canonical_places(topology)
    with pytest.raises(TopologyMismatch, match="dynamic detail"):
        canonical_places(topology)
