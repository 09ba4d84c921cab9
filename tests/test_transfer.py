"""Deformation transfer: exact where the answer is known, sensible on ICT-FaceKit's faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from facewright.errors import ModelFileInvalid
from facewright.face_model.base import ARKIT_NAMES
from facewright.training.ict_source import SKIN_VERTICES, load_ict
from facewright.training.transfer import MOUTH_CLOSE_ON_JAW_OPEN, DeformationTransfer, skin_triangles

ICT = Path(__file__).resolve().parents[2] / "shared/data/ict_facekit/ict_facekit_light.npz"
SIZE = 12


def _sheet() -> tuple[np.ndarray, np.ndarray]:
    """A bumpy sheet of SIZE x SIZE nodes, 1 mm apart: (n, 3) vertices, (T, 3) triangles."""
    column, row = np.meshgrid(np.arange(SIZE, dtype=float), np.arange(SIZE, dtype=float))
    height = 0.5 * np.sin(0.9 * column) * np.cos(0.7 * row)
    ids = np.arange(SIZE * SIZE).reshape(SIZE, SIZE)
    a, b, c, d = (corner.ravel() for corner in (ids[:-1, :-1], ids[:-1, 1:], ids[1:, 1:], ids[1:, :-1]))
    vertices = np.stack([column, row, height], -1).reshape(-1, 3)
    return vertices, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])


def _bend(vertices: np.ndarray, angle: float, start: float) -> np.ndarray:
    """Offsets that turn everything above ``start`` about the line y = start, rigidly."""
    cos, sin = np.cos(angle), np.sin(angle)
    relative = vertices - [0, start, 0]
    x, y, z = relative.T
    turned = np.stack([x, cos * y - sin * z, sin * y + cos * z], axis=1)
    return np.where((vertices[:, 1] > start)[:, None], turned - relative, 0.0)


def test_source_receives_its_own_expressions():
    vertices, triangles = _sheet()
    expressions = np.stack([_bend(vertices, 0.6, 5.0), _bend(vertices, -0.3, 7.0)])
    offsets = DeformationTransfer(vertices, triangles, expressions)(vertices)
    assert np.abs(offsets - expressions).max() < 1e-9


def test_larger_copy_receives_larger_expressions():
    vertices, triangles = _sheet()
    expression = _bend(vertices, 0.6, 5.0)[None]
    offsets = DeformationTransfer(vertices, triangles, expression)(1.3 * vertices)
    assert np.abs(offsets - 1.3 * expression).max() < 1e-9


def test_rotation_is_carried_to_a_longer_target():
    """A target twice as long beyond the hinge: the free end turns by the same angle, so it travels twice as far."""
    vertices, triangles = _sheet()
    vertices[:, 2] = 0.0
    hinge = 5.0
    target = vertices.copy()
    target[:, 1] = np.where(vertices[:, 1] > hinge, hinge + 2 * (vertices[:, 1] - hinge), vertices[:, 1])
    expression = _bend(vertices, 0.5, hinge)[None]
    offsets = DeformationTransfer(vertices, triangles, expression)(target)[0]
    assert np.abs(offsets - _bend(target, 0.5, hinge)).max() < 1e-6


def test_static_vertices_stay_exactly():
    vertices, triangles = _sheet()
    rng = np.random.default_rng(3)
    expression = _bend(vertices, 0.6, 5.0)[None]
    target = vertices + 0.1 * rng.standard_normal(vertices.shape)
    offsets = DeformationTransfer(vertices, triangles, expression)(target)
    static = np.linalg.norm(expression[0], axis=1) < 0.01
    assert static.any()
    assert not offsets[0, static].any()
    assert np.abs(offsets[0, ~static]).min() > 0


def test_corrective_expression_stands_on_its_base():
    """A corrective that undoes half of its base is transferred as that, not as a deformation of the neutral."""
    vertices, triangles = _sheet()
    base = _bend(vertices, 0.8, 4.0)
    corrective = _bend(vertices, 0.3, 4.0) - base
    target = vertices * [1.2, 1.1, 1.5]
    transfer = DeformationTransfer(vertices, triangles, np.stack([corrective, base]), on_top_of={0: 1})
    offsets = transfer(target)
    both = DeformationTransfer(vertices, triangles, (corrective + base)[None])(target)[0]
    assert np.abs(offsets[0] + offsets[1] - both).max() < 1e-9


def test_degenerate_source_is_refused():
    vertices, triangles = _sheet()
    collapsed = vertices.copy()
    collapsed[triangles[0]] = 0.0
    with pytest.raises(ModelFileInvalid, match="no area"):
        DeformationTransfer(collapsed, triangles, _bend(vertices, 0.6, 5.0)[None])


def test_unanchored_expression_is_refused():
    vertices, triangles = _sheet()
    with pytest.raises(ModelFileInvalid, match="anchors"):
        DeformationTransfer(vertices, triangles, np.ones((1, len(vertices), 3)))


@pytest.mark.skipif(not ICT.is_file(), reason="ICT-FaceKit Light is not beside the checkout")
def test_ict_jaw_opens_wider_on_a_longer_jaw():
    """On real faces: transfer reproduces the mean and scales a jaw's travel with the jaw."""
    source = load_ict(ICT)
    neutral, reference = source.neutral[SKIN_VERTICES], source.expression[:, SKIN_VERTICES]
    transfer = DeformationTransfer(neutral, skin_triangles(source), reference, MOUTH_CLOSE_ON_JAW_OPEN)
    offsets = transfer(neutral)
    # What is lost is only the motion that counts as none.
    assert np.linalg.norm(offsets - reference, axis=2).max() < 0.05

    # A lower face stretched by 15 % below the nose: the chin's travel must grow by about as much.
    jaw, chin = ARKIT_NAMES.index("jawOpen"), source.landmarks68[8]
    target = neutral.copy()
    below = target[:, 1] < -40
    target[below, 1] = -40 + 1.15 * (target[below, 1] + 40)
    travel = np.linalg.norm(transfer(target)[jaw, chin]) / np.linalg.norm(reference[jaw, chin])
    assert 1.0 < travel < 1.2
