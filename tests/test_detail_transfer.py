"""Detail transfer: static or dynamic maps of another head, timing of one's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from detail_heads import made_up_detail
from facewright.dynamic_detail.transfer import with_dynamic_of, with_static_of
from facewright.errors import TopologyMismatch


def test_static_of_another() -> None:
    own, other = made_up_detail(1), made_up_detail(2)
    made = with_static_of(own, other)
    np.testing.assert_array_equal(made.static, other.static)
    np.testing.assert_array_equal(made.pores, other.pores)
    for name in ("dynamic", "compressed", "stretched", "activation", "tension", "regions", "key_weights"):
        np.testing.assert_array_equal(getattr(made, name), getattr(own, name))
    assert made.record == {"source": "test", "seed": 1, "static_of": {"source": "test", "seed": 2}}
    assert "static_of" not in own.record


def test_dynamic_of_another() -> None:
    own, other = made_up_detail(1), made_up_detail(2)
    made = with_dynamic_of(own, other)
    for name in ("dynamic", "compressed", "stretched"):
        np.testing.assert_array_equal(getattr(made, name), getattr(other, name))
    for name in ("static", "pores", "activation", "tension", "regions", "key_weights"):
        np.testing.assert_array_equal(getattr(made, name), getattr(own, name))
    assert made.record["dynamic_of"]["seed"] == 2
    np.testing.assert_array_equal(with_static_of(made, other).key_map(5), other.key_map(5))


@pytest.mark.parametrize("size", [64, 256])
def test_maps_of_another_size_are_resampled_in_place(size: int) -> None:
    own = made_up_detail(1)
    large = made_up_detail(2, 256)
    # A ramp: resampling must neither shift nor scale it.
    ramp = np.broadcast_to(((np.arange(size) + 0.5) / size).astype(np.float32), (size, size))
    other = replace(large, static=ramp, pores=ramp, dynamic=np.stack([ramp] * 19), compressed=ramp, stretched=ramp)
    expected = np.broadcast_to((np.arange(own.size) + 0.5) / own.size, (own.size, own.size))
    made = with_dynamic_of(with_static_of(own, other), other)
    assert made.size == own.size
    for values in (made.static, made.pores, made.dynamic[7], made.compressed, made.stretched):
        np.testing.assert_allclose(values[:, 2:-2], expected[:, 2:-2], atol=1e-6)


def test_other_face_models_are_refused() -> None:
    own = made_up_detail(1)
    stranger = replace(own, activation=own.activation[:, :100])
    for transfer in (with_static_of, with_dynamic_of):
        with pytest.raises(TopologyMismatch, match="same face model"):
            transfer(own, stranger)
