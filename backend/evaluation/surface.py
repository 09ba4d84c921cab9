"""Triangle surfaces as the metrics see them: checked arrays, rays and nearest places by well-kept libraries."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import MeshInvalid, MissingDependency, reason_of

Array = NDArray[np.float64]
PACKAGES = {"embreex": "embreex", "igl": "libigl", "trimesh": "trimesh"}
"""Module -> the package that holds it."""
MESH_SUFFIXES = (".obj", ".ply", ".stl", ".off")


class Surface(NamedTuple):
    """A triangle mesh that has been checked.

    ``vertices`` (V, 3) float64 millimetres, finite; ``triangles`` (T, 3) int32 vertex ids, at least one,
    counter-clockwise seen from outside. The space is the caller's: camera frame or a scan's own.
    """

    vertices: Array
    triangles: NDArray[np.int32]

    def moved(self, vertices: Array) -> Surface:
        """The same triangles over other positions (V, 3)."""
        return Surface(np.ascontiguousarray(vertices, np.float64), self.triangles)


class Nearest(NamedTuple):
    """For every point of a query (N, 3): distance (N,) mm, triangle (N,) int, place on the surface (N, 3)."""

    distance: Array
    triangle: NDArray[np.int64]
    place: Array


class Hits(NamedTuple):
    """For every ray the outermost place that it meets: hit (N,) bool, distance (N,) mm along it, triangle (N,)."""

    hit: NDArray[np.bool_]
    distance: Array
    triangle: NDArray[np.int64]


def require_packages() -> None:
    """Raise MissingDependency unless the packages that evaluation needs beside the run-time ones are installed."""
    missing = [package for name, package in PACKAGES.items() if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingDependency(
            f"Evaluation needs {' and '.join(missing)}: install it with 'pip install {' '.join(missing)}'."
        )


def checked_surface(vertices: NDArray[Any], triangles: NDArray[Any], what: str) -> Surface:
    """A Surface of arrays of unknown quality.

    Parameters
    ----------
    vertices : (V, 3) numbers, millimetres
    triangles : (T, 3) vertex ids
    what : how a sentence begins that complains: "The mesh of dev00_1"

    Raises
    ------
    MeshInvalid : empty, of another shape, not finite, ids beyond the vertices, or flat
    """
    points = np.asarray(vertices)
    faces = np.asarray(triangles)
    if points.ndim != 2 or points.shape[1] != 3 or not len(points):
        raise MeshInvalid(f"{what} has no vertices.")
    if faces.ndim != 2 or faces.shape[1] != 3 or not len(faces):
        raise MeshInvalid(f"{what} has no triangles.")
    points = points.astype(np.float64)
    broken = int((~np.isfinite(points)).any(1).sum())
    if broken:
        which = "1 vertex that is" if broken == 1 else f"{broken} vertices that are"
        raise MeshInvalid(f"{what} has {which} not finite.")
    if faces.min() < 0 or faces.max() >= len(points):
        raise MeshInvalid(f"{what} has triangles of vertices that it does not have.")
    faces = faces.astype(np.int32)
    if not triangle_areas(points, faces).any():
        raise MeshInvalid(f"{what} has no area.")
    return Surface(np.ascontiguousarray(points), np.ascontiguousarray(faces))


def read_surface(path: Path, what: str | None = None) -> Surface:
    """Read .obj, .ply, .stl or .off, polygons split into triangles, order of vertices kept.

    Raises MeshInvalid (missing, unreadable, or see ``checked_surface``) and MissingDependency.
    """
    require_packages()
    import trimesh

    name = what or f"The mesh {path}"
    if not path.is_file():
        raise MeshInvalid(f"{name} is missing: there is no file {path}.")
    try:
        mesh: Any = trimesh.load(path, process=False, maintain_order=True, force="mesh", skip_materials=True)
    except OSError as error:
        raise MeshInvalid(f"{name} cannot be read: {reason_of(error)}.") from error
    # trimesh's parsers raise what Python and numpy raise where a file's content surprises them; their words are not
    # about the file.
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, NotImplementedError) as error:
        if isinstance(error, IndexError) and path.suffix.lower() == ".obj":
            raise MeshInvalid(f"{name} has a face that names a vertex which the file does not have.") from error
        kind = path.suffix.lower().removeprefix(".").upper()
        raise MeshInvalid(f"{name} cannot be read: it is no whole {kind} file, but damaged or cut off.") from error
    return checked_surface(np.asarray(mesh.vertices), np.asarray(mesh.faces), name)


def triangle_areas(vertices: Array, triangles: NDArray[np.integer[Any]]) -> Array:
    """(T,) mm^2."""
    corner = vertices[triangles]
    result: Array = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1) / 2.0
    return result


def face_normals(surface: Surface) -> Array:
    """(T, 3) unit normals; zero where a triangle has no area."""
    corner = surface.vertices[surface.triangles]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    result: Array = np.divide(normal, length, out=np.zeros_like(normal), where=length > 0.0)
    return result


def nearest_on(surface: Surface, points: Array) -> Nearest:
    """Nearest place on a surface for points (N, 3), by libigl's AABB tree."""
    import igl

    squared, triangle, place = igl.point_mesh_squared_distance(
        np.ascontiguousarray(points, np.float64), surface.vertices, surface.triangles.astype(np.int64)
    )[:3]
    return Nearest(np.sqrt(np.maximum(squared, 0.0)), np.asarray(triangle), np.asarray(place))


def spread_points(surface: Surface, count: int, seed: int = 0) -> tuple[Array, NDArray[np.int64]]:
    """Points spread evenly over a surface, (count, 3), and the triangle (count,) that each lies on.

    A mesh's own vertices crowd at nostrils, lids and lips; a scan's do not. Stratified by area along the triangles'
    order, so deterministic; the density of the mesh does not matter.
    """
    ends = np.cumsum(triangle_areas(surface.vertices, surface.triangles))
    chosen = np.searchsorted(ends, (np.arange(count) + 0.5) / count * ends[-1])
    root, second = np.random.default_rng(seed).random((2, count))
    root = np.sqrt(root)
    weights = np.stack([1.0 - root, root * (1.0 - second), root * second], 1)
    corner = surface.vertices[surface.triangles[chosen]]
    return np.einsum("nci,nc->ni", corner, weights), chosen
