"""The template: map, subdivision and sampling on small meshes, and the whole of it on ICT-FaceKit's head."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from facewright.errors import FitFailed, ModelFileInvalid
from facewright.mesh.geometry_image import lattice_cells, level_of_detail
from facewright.mesh.normals import face_normals
from facewright.mesh.topology import MATERIALS

igl = pytest.importorskip("igl", reason="the training extra (libigl) is not installed")

from facewright.training.catmull_clark import limit_surface, refine, subdivide  # noqa: E402
from facewright.training.ict_source import IctSource, load_ict  # noqa: E402
from facewright.training.template import Template, TemplateSettings, build_template, measure_template  # noqa: E402
from facewright.training.template_half import source_skin  # noqa: E402
from facewright.training.template_map import (  # noqa: E402
    MapProblem,
    MapWeights,
    harmonic_map,
    signed_areas,
    solve_map,
)
from facewright.training.template_report import border_edges, folded_quads  # noqa: E402
from facewright.training.template_sampling import locate_nodes  # noqa: E402
from facewright.training.template_sockets import ring_depths  # noqa: E402

ICT = Path(__file__).resolve().parents[2] / "shared" / "data" / "ict_facekit" / "ict_facekit_light.npz"


# --- small meshes


def grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit square of size x size quads: positions ((size + 1)^2, 3) in the plane z = 0 and quads."""
    side = size + 1
    row, column = np.divmod(np.arange(side * side), side)
    vertices = np.stack([column / size, row / size, np.zeros(side * side)], 1)
    r, c = np.divmod(np.arange(size * size), size)
    base = r * side + c
    return vertices, np.stack([base, base + 1, base + side + 1, base + side], 1)


def split(quads: np.ndarray) -> np.ndarray:
    return np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])


def square_problem(size: int) -> MapProblem:
    """Map the unit square to itself: vertices slide along the sides and keep their order on the bottom one."""
    vertices, quads = grid(size)
    fixed = np.full((len(vertices), 2), np.nan)
    for axis in (0, 1):
        on_side = np.isin(vertices[:, axis], (0.0, 1.0))
        fixed[on_side, axis] = vertices[on_side, axis]
    bottom = np.arange(size + 1)
    return MapProblem(vertices, split(quads), np.ones(len(vertices)), fixed, 1.0, (bottom,))


def test_folded_start_is_untangled_to_the_isometry() -> None:
    problem = square_problem(8)
    rng = np.random.default_rng(3)
    start = problem.vertices[:, :2].copy()
    inner = np.isnan(problem.fixed).all(1)
    start[inner] = rng.uniform(0.0, 1.0, (inner.sum(), 2))
    assert (signed_areas(start, problem.triangles) <= 0.0).sum() > 20
    solved = solve_map(problem, start, MapWeights())
    assert signed_areas(solved, problem.triangles).min() > 0.0
    np.testing.assert_allclose(solved, problem.vertices[:, :2], atol=1e-3)


def test_cells_follow_the_wanted_size() -> None:
    problem = square_problem(12)
    size = np.where(problem.vertices[:, 0] < 0.5, 0.5, 1.5)
    solved = solve_map(problem._replace(size=size), problem.vertices[:, :2], MapWeights())
    area = signed_areas(solved, problem.triangles)
    centre = problem.vertices[problem.triangles, 0].mean(1)
    assert area.min() > 0.0
    assert area[centre < 0.4].mean() > 1.5 * area[centre > 0.6].mean()


def test_a_map_that_cannot_be_unfolded_is_an_error() -> None:
    problem = square_problem(3)
    fixed = problem.fixed.copy()
    fixed[5], fixed[6] = [0.9, 0.3], [0.1, 0.3]  # two inner vertices held in the wrong order
    with pytest.raises(FitFailed, match="folded"):
        solve_map(problem._replace(fixed=fixed), problem.vertices[:, :2], MapWeights())


def test_harmonic_map_of_a_bent_sheet_has_no_folds() -> None:
    vertices, quads = grid(10)
    bent = vertices.copy()
    bent[:, 2] = 0.4 * np.sin(6.0 * vertices[:, 0]) * np.cos(5.0 * vertices[:, 1])
    border = np.isin(vertices[:, :2], (0.0, 1.0)).any(1)
    fixed = np.where(border[:, None], vertices[:, :2], np.nan)
    plane = harmonic_map(bent, split(quads), fixed)
    assert signed_areas(plane, split(quads)).min() > 0.0


def test_limit_surface_keeps_planes_and_rounds_a_cube() -> None:
    vertices, quads = grid(4)
    surface = limit_surface(quads, len(vertices))
    limit = surface.matrix @ vertices
    assert np.abs(np.asarray(surface.matrix.sum(1)) - 1.0).max() < 1e-12
    assert np.abs(limit[:, 2]).max() == 0.0
    inner = (np.abs(vertices[:, :2] - 0.5) < 0.4).all(1)
    np.testing.assert_allclose(limit[: len(vertices)][inner], vertices[inner], atol=1e-12)

    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=float)
    cube = np.array([[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]])
    rounded = limit_surface(cube, 8)
    radius = np.linalg.norm(rounded.matrix @ corners, axis=1)
    # Limit of a corner: (9 c + 4 neighbours + diagonals) / 24 for valence 3 (Halstead et al. 1993); here the three
    # neighbours add up to c, the three diagonal vertices to -c.
    np.testing.assert_allclose(radius[:8], np.sqrt(3.0) * (9 + 4 - 1) / 24.0)
    # Subdividing moves control vertices, not the limit.
    step, finer = subdivide(cube, 8)
    twice = limit_surface(finer, step.shape[0]).matrix @ step @ corners
    np.testing.assert_allclose(np.linalg.norm(twice[:8], axis=1), radius[:8], atol=1e-12)


def test_refining_numbers_vertices_like_subdividing() -> None:
    vertices, quads = grid(3)
    matrix, children = subdivide(quads, len(vertices))
    linear = refine(quads, len(vertices)) @ vertices
    assert linear.shape[0] == matrix.shape[0]
    area = np.linalg.norm(face_normals(linear, children, unit=False), axis=1)
    np.testing.assert_allclose(area, 1.0 / 36.0)


def test_every_lattice_node_is_found_with_its_copy_above_a_slit() -> None:
    vertices, quads = grid(6)  # its own rows run along the slit, as the source's edges do
    plane = vertices[:, :2] * [4.0, 6.0]
    nodes = locate_nodes(plane, split(quads), 4, 6, ())
    assert len(nodes.row) == 5 * 7
    found = np.einsum("pk,pki->pi", nodes.weights, plane[split(quads)][nodes.triangle])
    np.testing.assert_allclose(found, np.stack([nodes.column, nodes.row], 1), atol=1e-9)
    copies = locate_nodes(plane, split(quads), 4, 6, ((3, 1, 4),))
    assert sorted(copies.column[copies.above].tolist()) == [2, 3] and (copies.row[copies.above] == 3).all()
    with pytest.raises(FitFailed):
        locate_nodes(plane * 0.9, split(quads), 4, 6, ())


def test_ring_depths_start_thin_and_grow() -> None:
    depth = ring_depths(60.0, 20, 0.5)
    steps = np.diff(np.concatenate([[0.0], depth, [60.0]]))
    assert abs(steps[0] - 0.5) < 1e-6 and (np.diff(steps[:-1]) > 0.0).all() and (steps > 0.0).all()
    short = ring_depths(4.0, 20, 0.5)
    assert (np.diff(short) > 0.0).all() and short[-1] < 4.0


# --- the template on ICT-FaceKit


@pytest.fixture(scope="module")
def source() -> IctSource:
    if not ICT.exists():
        pytest.skip(f"{ICT} is not there: ICT-FaceKit Light is needed to build the template")
    return load_ict(ICT)


@pytest.fixture(scope="module")
def template(source: IctSource) -> Template:
    return build_template(source)


def test_sampling_is_affine_and_sparse(template: Template) -> None:
    sampling = template.sampling
    assert sampling.shape[0] == template.topology.vertex_count
    assert np.abs(np.asarray(sampling.sum(1)) - 1.0).max() < 1e-12
    assert np.diff(sampling.indptr).max() <= 80 and sampling.nnz / sampling.shape[0] < 30


def test_mesh_is_closed_but_for_the_neck_and_oriented(source: IctSource, template: Template) -> None:
    topology = template.topology
    quads = topology.quads.astype(np.int64)
    assert (quads >= 0).all()
    assert all(len(set(quad)) == 4 for quad in quads.tolist())
    edges, broken = border_edges(quads)
    assert broken == 0
    assert set(edges.ravel().tolist()) == set(topology.regions["neck_rim"].tolist())
    assert len(edges) == topology.lattice_size == len(topology.regions["neck_rim"])
    # A disk: one border, no handles, in one piece.
    start, end = quads.ravel(), np.roll(quads, -1, 1).ravel()
    edge_count = len(np.unique(np.stack([np.minimum(start, end), np.maximum(start, end)]), axis=1).T)
    assert topology.vertex_count - edge_count + len(quads) == 1
    # Outwards: the head encloses a positive volume (the rim closed by a fan).
    vertices = template.sampling @ source.neutral
    middle = vertices[topology.regions["neck_rim"]].mean(0)
    triangles = vertices[split(quads)] - middle
    assert np.einsum("ti,ti->", triangles[:, 0], np.cross(triangles[:, 1], triangles[:, 2])) > 0.0
    front = topology.quads[: topology.lattice_size**2]
    forehead = np.isin(front, topology.regions["forehead"]).all(1)
    assert face_normals(vertices, front[forehead])[:, 2].mean() > 0.3


def test_layout_is_the_documented_one(template: Template) -> None:
    topology = template.topology
    size = topology.lattice_size
    cells = lattice_cells(topology)
    assert (topology.material[: size * size] == MATERIALS.index("skin")).all()
    assert (topology.material[size * size :] == MATERIALS.index("mouth")).all()
    uv = topology.corner_uv[: size * size].reshape(size, size, 4, 2) * size
    row, column = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    np.testing.assert_allclose(uv[:, :, 0], np.stack([column, row], -1), atol=1e-4)
    np.testing.assert_allclose(uv[:, :, 2], np.stack([column + 1, row + 1], -1), atol=1e-4)
    assert (cells[1:, :, 0][:, 1:] == cells[1:, :, 1][:, :-1]).all()
    parts = topology.corner_uv[size * size :]
    assert parts.min() >= 0.0 and parts.max() <= 1.0
    for name, (left, right, bottom, top) in {
        "mouth_bag": (0.0, 1.0, 0.5, 1.0),
        "socket_left": (0.0, 0.25, 0.25, 0.5),
        "socket_right": (0.25, 0.5, 0.25, 0.5),
    }.items():
        faces = np.isin(topology.quads[size * size :], topology.regions[name]).any(1)
        corners = parts[faces].reshape(-1, 2)
        np.testing.assert_allclose(corners.min(0), [left, bottom], atol=1e-6)
        np.testing.assert_allclose(corners.max(0), [right, top], atol=1e-6)


def test_exactly_symmetric(source: IctSource, template: Template) -> None:
    topology, mirror = template.topology, template.topology.mirror
    assert mirror is not None
    assert (mirror[mirror] == np.arange(len(mirror))).all()
    faces = {frozenset(quad) for quad in topology.quads.tolist()}
    assert {frozenset(quad) for quad in mirror[topology.quads].tolist()} == faces
    # The source itself is symmetric to hundredths of a millimetre only: mirror a field of its vertices by hand.
    twin = source_skin(source, 0).mirror
    field = np.random.default_rng(5).normal(size=(len(twin), 3))
    ours = template.sampling @ field
    np.testing.assert_allclose(template.sampling @ field[twin], ours[mirror], atol=1e-12)
    vertices = template.sampling @ source.neutral
    np.testing.assert_allclose(vertices[mirror] * [-1.0, 1.0, 1.0], vertices, atol=0.05)
    for name in ("lids", "brows", "cheeks", "socket"):
        there = set(topology.regions[f"{name}_right"].tolist())
        assert set(mirror[topology.regions[f"{name}_left"]].tolist()) == there


def test_surface_bars(template: Template) -> None:
    for region, bar in (("narrow_face", 0.08), ("lids", 0.07), ("lips", 0.06), ("ears", 0.4)):
        assert template.report[f"surface_{region}_mean_mm"] <= bar, region


def test_no_flipped_cell_at_rest_and_in_any_expression(source: IctSource, template: Template) -> None:
    assert template.report["flips_total"] == 0.0
    assert not [name for name in template.report if name.startswith("flips_") and name != "flips_total"]
    cells = template.topology.quads[: template.topology.lattice_size**2]
    # The measure sees what it should see: turning two vertices of a cell round is noticed.
    vertices = template.sampling @ source.neutral
    assert not folded_quads(cells, vertices).all()
    swapped = vertices.copy()
    cell = cells[100 * template.topology.lattice_size + 90]
    swapped[cell[[0, 1]]] = swapped[cell[[1, 0]]]
    assert folded_quads(cells, swapped).sum() > folded_quads(cells, vertices).sum()


def test_regions_lie_where_their_names_say(source: IctSource, template: Template) -> None:
    regions = template.topology.regions
    vertices = template.sampling @ source.neutral
    landmarks = source.neutral[source.landmarks68]
    for side, sign in (("left", 1.0), ("right", -1.0)):
        upper, lower = (vertices[regions[f"lid_{edge}_{side}"]] for edge in ("upper", "lower"))
        np.testing.assert_array_equal(upper[[0, -1]], lower[[0, -1]])
        assert (np.diff(sign * upper[:, 0]) > -0.5).all() and sign * (upper[-1, 0] - upper[0, 0]) > 20.0
        assert upper[5:-5, 1].min() > lower[5:-5, 1].max()
        socket = vertices[regions[f"socket_{side}"]]
        eye = source.eye_left if side == "left" else source.eye_right
        assert np.linalg.norm(socket.mean(0) - source.neutral[eye].mean(0)) < 12.0
    upper, lower = vertices[regions["lip_upper"]], vertices[regions["lip_lower"]]
    np.testing.assert_array_equal(upper[[0, -1]], lower[[0, -1]])
    assert upper[0, 0] < -15.0 and upper[-1, 0] > 15.0 and (upper[10:-10, 1] > lower[10:-10, 1]).all()
    # First ring of the mouth bag: the lips' thickness begins half a millimetre behind the edge.
    loop = len(upper) + len(lower) - 2
    ring = vertices[regions["mouth_bag"][:loop]]
    edge = np.concatenate([upper, lower[-2:0:-1]])
    gap = np.linalg.norm(ring - edge, axis=1)
    assert gap.min() > 0.2 and gap.max() < 1.0
    lips = vertices[regions["lips"]]
    assert abs(lips[:, 0].max() - landmarks[54, 0]) < 3.0 and lips[:, 1].min() > landmarks[57, 1] - 4.0
    assert (np.abs(vertices[regions["ears"], 0]) > 70.0).all()
    brows = vertices[regions["brows_left"]]
    assert abs(brows[:, 0].min() - landmarks[22, 0]) < 6.0 and abs(brows[:, 0].max() - landmarks[26, 0]) < 6.0


def test_smaller_lattice_is_nested_and_the_build_repeats(source: IctSource, template: Template) -> None:
    small = build_template(source, TemplateSettings(lattice_size=64))
    coarse = level_of_detail(template.topology, 3)
    cells = lattice_cells(small.topology)
    ours = (template.sampling @ source.neutral)[coarse.vertices][coarse.cells]
    # Same map, solved anew: the nodes that both have are the same to the last bit.
    np.testing.assert_allclose((small.sampling @ source.neutral)[cells], ours, atol=1e-6)
    assert measure_template(source, small) == small.report


def test_other_heads_are_refused(source: IctSource) -> None:
    lopsided = source.neutral.copy()
    lopsided[:6000, 0] += 1.0
    with pytest.raises(ModelFileInvalid, match="symmetric"):
        build_template(dataclasses.replace(source, neutral=lopsided))
    triangle = source.faces.copy()
    triangle[5, 3] = -1
    with pytest.raises(ModelFileInvalid, match="quads"):
        build_template(dataclasses.replace(source, faces=triangle))
