"""Folded cells near slits are smoothed open; everything else stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.config import assets_dir
from facewright.face_model.bilinear import BilinearModel
from facewright.face_model.quality import count_flips
from facewright.face_model.unfold import RINGS, folded, rims_of, unfold
from facewright.mesh.topology import Topology

ASSET = assets_dir() / "face_model.npz"


def _strip(size: int = 20) -> tuple[Topology, np.ndarray]:
    """A flat lattice in x and y with a slit's loop along its lowest row."""
    row, column = np.divmod(np.arange(size * size), size)
    first = row * (size + 1) + column
    quads = np.stack([first, first + 1, first + size + 2, first + size + 1], axis=1).astype(np.int32)
    y, x = np.divmod(np.arange((size + 1) ** 2), size + 1)
    loop = np.arange(size + 1, dtype=np.int32)
    names = ("lid_upper_left", "lid_lower_left", "lid_upper_right", "lid_lower_right", "lip_upper", "lip_lower")
    topology = Topology(
        quads=quads,
        corner_uv=np.zeros((len(quads), 4, 2), np.float32),
        material=np.zeros(len(quads), np.uint8),
        regions=dict.fromkeys(names, loop),
        lattice_size=size,
    )
    return topology, np.stack([x, y, np.zeros_like(x)], axis=1).astype(float)


def test_a_folded_cell_opens_and_the_rest_stays() -> None:
    topology, rest = _strip()
    shapes = np.zeros((2, len(rest), 3))
    shapes[:, :, 2] = 0.1 * rest[:, :1].T  # something smooth that folds nothing
    shapes[1, 3 * 21 + 10] += [2.5, 0.0, 0.0]  # over its neighbour
    rims, before = rims_of(topology), shapes.copy()
    assert folded(rims, (rest + shapes[1])[rims.vertices]).any()
    unfold(topology, rest, shapes)
    assert not folded(rims, (rest + shapes[1])[rims.vertices]).any()
    assert np.array_equal(shapes[0], before[0])
    changed = np.flatnonzero(np.abs(shapes[1] - before[1]).max(axis=1) > 0)
    assert 0 < len(changed) < 80
    assert changed.min() > 20, "the slit's loop moved"


def test_far_from_slits_nothing_is_touched() -> None:
    topology, rest = _strip()
    shapes = np.zeros((1, len(rest), 3))
    shapes[0, (RINGS + 6) * 21 + 10] += [2.5, 0.0, 0.0]
    before = shapes.copy()
    unfold(topology, rest, shapes)
    assert np.array_equal(shapes, before)


@pytest.mark.skipif(not ASSET.is_file(), reason="needs assets/face_model.npz")
def test_no_face_of_the_mean_head_is_flipped() -> None:
    model = BilinearModel.load(ASSET)
    assert count_flips(model.topology, model.head(np.zeros(model.identity_dims)), model.blendshape_names) == {}
