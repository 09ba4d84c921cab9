"""Coarser heads: exact picks, closed surfaces, kept landmarks of the shape, small deviations, refusals."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from facewright.errors import TopologyMismatch
from facewright.face_model.base import ARKIT_NAMES, HeadGeometry
from facewright.face_model.load import load_face_model
from facewright.mesh import level_of_detail
from facewright.mesh.closest_point import closest_on_mesh
from facewright.mesh.level_of_detail import Density, ReducedMesh, reduce_head
from facewright.mesh.topology import Topology
from facewright.training.coarse_lines import choose_columns, choose_rows
from facewright.training.parts_eyes import fit_eyeball

COARSE = (Density.HALF, Density.QUARTER)
FACES = {Density.HALF: 13_766, Density.QUARTER: 4_702}


class Mean(NamedTuple):
    """The mean head of the built-in model."""

    topology: Topology
    head: HeadGeometry

    def pose(self, *names: str) -> np.ndarray:
        """(V, 3) mm the head with some blendshapes at 1."""
        return self.head.neutral + sum(self.head.blendshapes[ARKIT_NAMES.index(name)] for name in names)


@cache
def mean() -> Mean:
    model = load_face_model()
    return Mean(model.topology, model.head(np.zeros(model.identity_dims)))


@cache
def reduced(density: Density) -> ReducedMesh:
    return reduce_head(mean().topology.quads, density)


def edges_of(faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Undirected edges (n, 2), and how many faces use each."""
    pairs = np.sort(np.stack([faces, np.roll(faces, -1, 1)], -1).reshape(-1, 2), axis=1)
    return np.unique(pairs, axis=0, return_counts=True)


def test_full_density_is_the_mesh_itself() -> None:
    quads = mean().topology.quads
    full = reduce_head(quads, Density.FULL)
    assert np.array_equal(full.faces, quads)
    assert np.array_equal(full.vertices, np.arange(quads.max() + 1))
    assert np.array_equal(full.corners, np.arange(quads.size).reshape(-1, 4))


@pytest.mark.parametrize("density", COARSE)
def test_everything_is_picked_from_the_fine_mesh(density: Density) -> None:
    topology, coarse = mean().topology, reduced(density)
    assert len(coarse.faces) == FACES[density]
    assert np.array_equal(coarse.vertices[coarse.faces], topology.quads.ravel()[coarse.corners])
    assert np.array_equal(np.unique(coarse.faces), np.arange(len(coarse.vertices)))
    assert (np.sort(coarse.faces, 1)[:, 1:] != np.sort(coarse.faces, 1)[:, :-1]).all()  # no face without area
    materials = topology.material[coarse.corners // 4]
    assert (materials == materials[:, :1]).all()
    # No coarse face spans a seam of the skin's square.
    uv = topology.corner_uv.reshape(-1, 2)[coarse.corners].astype(np.float64)
    assert np.abs(np.diff(uv[materials[:, 0] == 0], axis=1)).max() < 0.07


def turning(uv: np.ndarray) -> np.ndarray:
    """Signed areas (F,) of quads in the UV square."""
    a, b = uv[:, 2] - uv[:, 0], uv[:, 3] - uv[:, 1]
    return 0.5 * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


@pytest.mark.parametrize("density", COARSE)
def test_uv_area_is_kept(density: Density) -> None:
    """Every square of the textures is covered as before: nothing is missing and nothing lies twice."""
    topology, coarse = mean().topology, reduced(density)
    uv = topology.corner_uv.reshape(-1, 2)[coarse.corners].astype(np.float64)
    material = topology.material[coarse.corners[:, 0] // 4]
    skin = material == 0
    assert (turning(uv[skin]) > 0).all() and turning(uv[skin]).sum() == pytest.approx(1.0, abs=1e-6)
    for slot, tolerance in ((1, 0.04), (2, 0.04), (3, 0.02), (4, 0.01)):
        fine = abs(turning(topology.corner_uv[topology.material == slot].astype(np.float64))).sum()
        assert abs(turning(uv[material == slot])).sum() == pytest.approx(fine, rel=tolerance), slot


@pytest.mark.parametrize("density", COARSE)
def test_the_surface_has_no_new_holes(density: Density) -> None:
    """Edges belong to two faces, and to one only where the fine mesh has its borders."""
    topology, coarse = mean().topology, reduced(density)
    fine_edges, fine_counts = edges_of(topology.quads.astype(np.int64))
    border = np.unique(fine_edges[fine_counts == 1])
    edges, counts = edges_of(coarse.vertices[coarse.faces])
    assert counts.max() == 2
    assert np.isin(edges[counts == 1], border).all()
    # The skin with its sockets has one border, the neck's rim: as many edges as vertices.
    rim = np.isin(edges, topology.regions["neck_rim"]).all(1) & (counts == 1)
    assert rim.sum() == len(np.intersect1d(coarse.vertices, topology.regions["neck_rim"]))


@pytest.mark.parametrize("density", COARSE)
def test_both_sides_are_mirror_images(density: Density) -> None:
    kept = reduced(density).vertices
    assert np.array_equal(np.sort(mean().topology.mirror[kept]), kept)


@pytest.mark.parametrize("density", COARSE)
def test_lips_and_lids_keep_both_sides_and_their_ends(density: Density) -> None:
    """Where an upper vertex of a slit stays, so does the lower one opposite: what closes, closes still."""
    regions, kept = mean().topology.regions, reduced(density).vertices
    for upper, lower in (("lip_upper", "lip_lower"), ("lid_upper_left", "lid_lower_left")):
        above, below = np.isin(regions[upper], kept), np.isin(regions[lower], kept)
        assert above[[0, -1]].all() and below[[0, -1]].all() and above.sum() == below.sum() > 7


def test_the_rim_of_the_iris_stays() -> None:
    regions = mean().topology.regions
    assert np.isin(regions["limbus_left"], reduced(Density.HALF).vertices).all()
    assert np.isin(regions["limbus_left"], reduced(Density.QUARTER).vertices).sum() == 16


@pytest.mark.parametrize(
    ("density", "mean_mm", "worst_mm"), [(Density.HALF, 0.08, 1.3), (Density.QUARTER, 0.3, 2.2)]
)
@pytest.mark.parametrize("pose", [(), ("jawOpen",), ("eyeBlinkLeft", "eyeBlinkRight"), ("mouthSmileLeft",)])
def test_the_face_keeps_its_shape(density: Density, mean_mm: float, worst_mm: float, pose: tuple[str, ...]) -> None:
    topology, coarse = mean().topology, reduced(density)
    points = mean().pose(*pose)
    skin = coarse.faces[topology.material[coarse.corners[:, 0] // 4] == 0]
    triangles = np.concatenate([skin[:, :3], skin[:, [0, 2, 3]]])
    sample = topology.regions["narrow_face"][::5]
    _, _, distance = closest_on_mesh(points[sample], points[coarse.vertices], triangles)
    assert distance.mean() < mean_mm and distance.max() < worst_mm


@pytest.mark.parametrize("density", COARSE)
def test_the_clear_shell_stays_outside_the_eyeball(density: Density) -> None:
    """In front, where eyes can be seen, every middle of a shell face lies farther out than the ball below it."""
    topology, coarse = mean().topology, reduced(density)
    points = mean().head.neutral[coarse.vertices]
    eye, clear = (np.isin(coarse.vertices, topology.regions[name]) for name in ("eye_left", "cornea_left"))
    centre, _ = fit_eyeball(points[eye & ~clear])
    shell = coarse.faces[clear[coarse.faces].all(1)]
    ball = coarse.faces[(eye & ~clear)[coarse.faces].all(1)]
    triangles = np.concatenate([ball[:, :3], ball[:, [0, 2, 3]]])
    arm = points[shell].mean(1) - centre
    visible = arm[:, 2] > np.cos(np.radians(65.0)) * np.linalg.norm(arm, axis=1)
    middles = points[shell[visible]].mean(1)
    which, weights, _ = closest_on_mesh(middles, points, triangles)
    below = np.einsum("nk,nki->ni", weights, points[triangles[which]])
    height = np.linalg.norm(middles - centre, axis=1) - np.linalg.norm(below - centre, axis=1)
    assert visible.sum() > 60 and height.min() > 0.01


def test_the_lines_are_those_that_cost_least() -> None:
    poses = np.stack([
        mean().pose(), mean().pose("jawOpen"), mean().pose("eyeBlinkLeft", "eyeBlinkRight"),
        mean().pose("mouthSmileLeft", "mouthSmileRight"),
    ])  # fmt: skip
    topology = mean().topology
    for density in COARSE:
        rows = choose_rows(topology, poses, {66, 132}, density.value)
        columns = choose_columns(topology, poses, {15, 27, 45}, density.value)
        assert np.array_equal(rows, level_of_detail._ROWS.at(density))
        assert np.array_equal(columns, level_of_detail._COLUMNS.at(density))


@pytest.mark.parametrize("change", ["order", "fewer", "more", "triangle", "other", "empty"])
@pytest.mark.parametrize("density", list(Density))
def test_other_meshes_are_refused(change: str, density: Density) -> None:
    quads = mean().topology.quads.copy()
    changed = {
        "order": np.roll(quads, 1, axis=0),
        "fewer": quads[:-1],
        "more": np.concatenate([quads, quads[:1]]),
        "triangle": np.where(np.arange(quads.size).reshape(-1, 4) == 3, -1, quads),
        "other": quads[:, [0, 1, 3, 2]],
        "empty": quads[:0],
    }[change]
    with pytest.raises(TopologyMismatch, match="built-in face model"):
        reduce_head(changed, density)
