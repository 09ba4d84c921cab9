"""The control mesh: every second node of the lattice carries smooth fields, exactly at the slits' rims."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from facewright.errors import TopologyMismatch
from facewright.mesh.topology import Topology
from facewright.training.control_mesh import SLITS, build_control_mesh

ICT = Path(__file__).resolve().parents[2] / "shared/data/ict_facekit/ict_facekit_light.npz"


def _plane(size: int) -> tuple[Topology, np.ndarray]:
    """A flat lattice whose slits are single vertices in its corner, and its vertices' places."""
    row, column = np.divmod(np.arange(size * size), size)
    first = row * (size + 1) + column
    quads = np.stack([first, first + 1, first + size + 2, first + size + 1], axis=1).astype(np.int32)
    places = np.stack(np.divmod(np.arange((size + 1) ** 2), size + 1)[::-1], axis=1).astype(float)
    topology = Topology(
        quads=quads,
        corner_uv=np.zeros((len(quads), 4, 2), np.float32),
        material=np.zeros(len(quads), np.uint8),
        regions={name: np.zeros(1, np.int32) for name in SLITS},
        lattice_size=size,
    )
    return topology, places


def test_constants_and_smooth_fields_survive_with_a_quarter_of_the_nodes() -> None:
    topology, places = _plane(48)
    mesh = build_control_mesh(topology, len(places))
    assert mesh.subdivision.shape[1] < 0.3 * len(places)
    assert np.allclose(np.asarray(mesh.subdivision.sum(axis=1)), 1.0)
    field = np.stack([np.ones(len(places)), np.sin(places[:, 0] / 5) * np.cos(places[:, 1] / 4)], axis=1)
    error = mesh.subdivision @ mesh.fit(field) - field
    assert np.abs(error[:, 0]).max() < 1e-5
    assert np.abs(error[:, 1]).max() < 0.02


def test_a_local_field_stays_local() -> None:
    topology, places = _plane(48)
    mesh = build_control_mesh(topology, len(places))
    bump = np.exp(-((places - 30) ** 2).sum(axis=1) / 8)
    bump[bump < 1e-3] = 0.0
    controls = mesh.reach(bump > 0)
    assert len(controls) < 0.2 * mesh.subdivision.shape[1]
    got = mesh.subdivision[:, controls] @ mesh.fit(bump[:, None], controls)
    assert np.abs(got[:, 0] - bump).max() < 0.05
    far = np.abs(places - 30).max(axis=1) > 14
    assert (got[far] == 0).all()


def test_an_odd_lattice_is_refused() -> None:
    topology, places = _plane(7)
    with pytest.raises(TopologyMismatch, match="7 x 7"):
        build_control_mesh(topology, len(places))


@pytest.mark.skipif(not ICT.is_file(), reason="needs ICT-FaceKit Light in ../shared/data")
def test_expressions_on_the_template_lose_hundredths_of_a_millimetre() -> None:
    from facewright.training.ict_source import load_ict
    from facewright.training.symmetry import symmetric
    from facewright.training.template import build_template

    ict = symmetric(load_ict(ICT))
    template = build_template(ict)
    count = template.sampling.shape[0]
    mesh = build_control_mesh(template.topology, count)
    shapes = ict.expression[:, : template.sampling.shape[1]].transpose(1, 0, 2)
    field = template.sampling @ shapes.reshape(len(shapes), -1)
    error = np.linalg.norm((mesh.subdivision @ mesh.fit(field) - field).reshape(count, -1, 3), axis=2)
    moved = np.linalg.norm(field.reshape(count, -1, 3), axis=2) > 0.1
    assert error[moved].mean() < 0.01
    rims = np.concatenate([template.topology.regions[name] for name in SLITS])
    assert error[rims].max() < 1e-5
