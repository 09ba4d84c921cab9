"""Normal maps for engines: right slopes on surfaces whose slopes are known, in the tangent frame of engines."""

from __future__ import annotations

import numpy as np
import pytest
from detail_heads import face_model, head_of
from facewright.errors import TopologyMismatch
from facewright.head.engine_normals import decode_normals, encode_normals, slope_frame
from facewright.mesh.normals import vertex_normals
from facewright.mesh.texel_map import uv_sampler
from facewright.mesh.topology import Topology

CELLS, SIZE = 16, 128
WAVE_MM = 20.0


def sheet(along: np.ndarray, up: np.ndarray) -> tuple[Topology, np.ndarray]:
    """A flat lattice spanned by two vectors, mm for the whole sheet."""
    row, column = np.indices((CELLS, CELLS)).reshape(2, -1)
    corner = np.stack([column, row], 1)[:, None] + np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    quads = (corner[..., 1] * (CELLS + 1) + corner[..., 0]).astype(np.int32)
    nodes = np.stack(np.indices((CELLS + 1, CELLS + 1))[::-1], -1).reshape(-1, 2) / CELLS
    topology = Topology(
        quads, (corner / CELLS).astype(np.float32), np.zeros(len(quads), np.uint8), lattice_size=CELLS
    )
    return topology, nodes @ np.stack([along, up])


@pytest.mark.parametrize(("along", "up"), [
    ((100.0, 0.0, 0.0), (0.0, 50.0, 0.0)),  # stretched
    ((80.0, 0.0, 0.0), (40.0, 60.0, 0.0)),  # sheared: the bitangent is not the v direction
], ids=["stretched", "sheared"])  # fmt: skip
def test_a_wave_has_its_slope(along: tuple[float, ...], up: tuple[float, ...]) -> None:
    """A wave along x has the same slope however UVs run, and none across; x is the tangent here."""
    topology, places = sheet(np.array(along), np.array(up))
    sampler = uv_sampler(topology, "skin", SIZE)
    frame = slope_frame(topology, places, sampler)
    x, y, _ = np.moveaxis(sampler.image(places), -1, 0).astype(np.float64)
    inside = (slice(4, -4), slice(4, -4))
    for place, axis in ((x, 0), (y, 1)):
        slopes = frame.slopes(np.sin(2.0 * np.pi * place / WAVE_MM).astype(np.float32))
        wanted = 2.0 * np.pi / WAVE_MM * np.cos(2.0 * np.pi * place / WAVE_MM)
        assert np.abs(slopes[axis] - wanted)[inside].max() < 0.02 * np.abs(wanted).max()
        assert np.abs(slopes[1 - axis])[inside].max() < 0.02 * np.abs(wanted).max()


def test_displaced_skin_has_the_normals_of_the_map() -> None:
    """Move every vertex of a real head by a smooth map along its normal: its new normals are those of the map."""
    topology, head = face_model().topology, head_of(1)
    places = np.asarray(head.neutral, np.float64)
    triangles, _ = topology.triangles("skin")
    face = topology.regions["narrow_face"]
    depth = 0.4 * np.sin(places[:, 1] / 4.0) * np.cos(places[:, 0] / 5.0)  # slow against the lattice
    before = vertex_normals(places, triangles)
    after = vertex_normals(places + depth[:, None] * before, triangles)
    sampler = uv_sampler(topology, "skin", 1024)
    slopes = slope_frame(topology, places, sampler).slopes(sampler.image(depth))
    tangent, bitangent = _tangents(sampler.image(places), sampler.image(before))
    normal = sampler.image(before) - slopes[0][..., None] * tangent - slopes[1][..., None] * bitangent
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    true = sampler.image(after)
    true /= np.linalg.norm(true, axis=2, keepdims=True)
    weight = np.zeros(len(places))
    weight[face] = 1.0
    inside = sampler.image(weight) == 1.0
    angle = np.degrees(np.arccos(np.clip((normal * true).sum(2), -1.0, 1.0)))[inside]
    plain = np.degrees(np.arccos(np.clip((sampler.image(before) * true).sum(2), -1.0, 1.0)))[inside]
    assert np.median(plain) > 3.0, "the test would see it"
    assert np.median(angle) < 0.1 * np.median(plain)


def _tangents(places: np.ndarray, normals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """MikkTSpace: along +u in the tangent plane, and at a right angle to it towards +v."""
    along = np.gradient(places, axis=1)
    along -= (along * normals).sum(2, keepdims=True) * normals
    along /= np.linalg.norm(along, axis=2, keepdims=True) + 1e-12
    return along, np.cross(normals, along)


def test_encoding_keeps_slopes_to_its_eight_bits() -> None:
    random = np.random.default_rng(1)
    slopes = random.normal(0.0, 0.3, (2, 64, 64)).astype(np.float32)
    for green_down in (False, True):
        back = decode_normals(encode_normals(slopes, green_down), green_down)
        assert np.abs(back - slopes).max() < 0.03 and np.abs(back - slopes).mean() < 0.006
    up, down = (encode_normals(slopes, green_down).astype(int) for green_down in (False, True))
    assert np.array_equal(up[..., [0, 2]], down[..., [0, 2]])
    assert np.abs(up[..., 1] + down[..., 1] - 255).max() <= 1, "green alone is turned over"
    tilted = np.zeros((2, 1, 1), np.float32)
    tilted[1] = 0.5  # rises towards +v: the normal leans down, green up is dark
    assert encode_normals(tilted)[0, 0, 1] < 128 < encode_normals(tilted, green_down=True)[0, 0, 1]


def test_other_meshes_are_refused() -> None:
    topology = Topology(np.array([[0, 1, 2, 3]], np.int32), np.zeros((1, 4, 2), np.float32), np.zeros(1, np.uint8))
    with pytest.raises(TopologyMismatch):
        slope_frame(topology, np.zeros((4, 3)), uv_sampler(sheet(np.eye(3)[0], np.eye(3)[1])[0], "skin", 32))
