"""Flip counts on meshes whose flips are known, and the explanation of the shipped model."""

from __future__ import annotations

import numpy as np
import pytest
from facewright.config import assets_dir
from facewright.face_model.base import HeadGeometry
from facewright.face_model.bilinear import BilinearModel
from facewright.face_model.inspect import describe_model
from facewright.face_model.quality import count_flips, flipped_faces, worst_penetration
from facewright.mesh.topology import Topology

ASSET = assets_dir() / "face_model.npz"
needs_asset = pytest.mark.skipif(not ASSET.is_file(), reason="assets/face_model.npz has not been built")
SIZE = 8


def _sheet() -> tuple[Topology, np.ndarray]:
    """A flat lattice of SIZE x SIZE nodes, 1 mm apart, facing +z, and one face of another material behind it."""
    column, row = np.meshgrid(np.arange(SIZE, dtype=float), np.arange(SIZE, dtype=float))
    ids = np.arange(SIZE * SIZE).reshape(SIZE, SIZE)
    quads = np.stack([ids[:-1, :-1], ids[:-1, 1:], ids[1:, 1:], ids[1:, :-1]], -1).reshape(-1, 4)
    quads = np.concatenate([quads, quads[:1, ::-1]]).astype(np.int32)
    material = np.append(np.zeros(len(quads) - 1, np.uint8), np.uint8(3))
    topology = Topology(quads, np.zeros((len(quads), 4, 2), np.float32), material, lattice_size=SIZE - 1)
    return topology, np.stack([column, row, np.zeros_like(row)], -1).reshape(-1, 3)


def test_flat_and_curved_sheets_have_no_flips():
    topology, flat = _sheet()
    assert not flipped_faces(topology, flat).any()
    curved = flat + np.array([0.0, 0.0, 1.0]) * 3.0 * np.sin(0.8 * flat[:, :1])
    assert not flipped_faces(topology, curved).any()
    turned = curved @ np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    assert not flipped_faces(topology, turned).any()


def test_a_cell_pulled_over_its_neighbour_is_flipped():
    topology, flat = _sheet()
    folded = flat.copy()
    cell = 3 * (SIZE - 1) + 3
    corners = topology.quads[cell]
    folded[corners[[1, 2]]] -= [1.6, 0.0, 0.0]  # its right side left of its left side
    flips = flipped_faces(topology, folded)
    assert flips[cell] and flips.sum() == 1


def test_flips_are_counted_by_blendshape():
    topology, flat = _sheet()
    fold = np.zeros_like(flat)
    fold[topology.quads[3 * (SIZE - 1) + 3][[1, 2]]] = [-1.6, 0.0, 0.0]
    head = HeadGeometry(flat, np.stack([0.1 * fold, fold]))
    assert count_flips(topology, head, ("slight", "strong")) == {"strong": 1}


@pytest.fixture(scope="module")
def shipped() -> BilinearModel:
    return BilinearModel.load(ASSET)


@needs_asset
def test_penetration_is_measured_on_the_finished_head(shipped):
    """A lid pushed into the eyeball by half a millimetre is found, with the blendshape that did it."""

    class Dented(BilinearModel):
        def head(self, identity):
            head = super().head(identity)
            lid = self.topology.regions["lid_upper_left"]
            eye = self.topology.regions["eye_left"]
            inwards = head.neutral[eye].mean(0) - head.neutral[lid]
            inwards /= np.linalg.norm(inwards, axis=1, keepdims=True)
            blink = self.blendshape_names.index("eyeSquintLeft")
            head.blendshapes[blink, lid] += 3.0 * inwards
            return head

    dented = Dented.load(ASSET)
    worst = worst_penetration(dented, np.zeros((1, 100)))
    depth, name = max(worst.values())
    assert name == "eyeSquintLeft" and depth > 1.0
    assert set(worst) == {"eyes", "teeth", "tongue"}


@needs_asset
def test_the_explanation_says_what_matters(shipped):
    text = describe_model(shipped, heads=1)
    assert shipped.sha256 in text
    for part in (
        f"{shipped.topology.vertex_count} vertices", "192 x 192 cells", "material cornea", "lip_upper", "tongueOut",
        "Identity: 100", "478", "Tucker core", "against direct deformation transfer", "loading", "penetration",
        "[0.1]", "[35]",
    ):  # fmt: skip
        assert part in text, part
    assert max(len(line) for line in text.splitlines()) < 120
