"""FaceScape's cylinder map (Sec. 6.3): surfaces sampled alike, whatever the density of their meshes.

The cylinder stands around the head's vertical axis. Head frame of this module: the origin is the head's centre, y
the axis. Rows run from +150 to -150 mm along y, columns over the full circle; column c holds the distance from the
axis towards (-sin a, 0, -cos a), a = c * 2 pi / 255. In the head frame of ``case.Truth`` (x to the subject's left,
y up, z out of the face) the circle thus begins at the back of the head and goes by the subject's right, the face
(column 127.5) and the left. The first and the last column are the same place.

The benchmark's code reads the head's rotations from files, FS-Wild's in an OpenGL camera, FS-Lab's in an OpenCV
camera. The head frame that they lead to decides where the seam lies and, by the formula of the Mean Normal Error
(``facescape.mean_normal_error``), that error too. To reproduce published numbers convert the camera's side alone:
head_rotation = R for FS-Wild, diag(1, -1, -1) @ R for FS-Lab.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..surface import Surface

Array = NDArray[np.float64]
MAP_SIZE = 256
HALF_HEIGHT_MM = 150.0
LONGEST_JUMP_MM = 15.0


class CylinderMap(NamedTuple):
    """The outermost surface seen from the axis of the head.

    ``radius`` (256, 256) mm from the axis, NaN where there is no surface; ``triangle`` (256, 256) int32 of the
    mapped surface, -1 where there is none.
    """

    radius: Array
    triangle: NDArray[np.int32]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(256, 256) bool."""
        return self.triangle >= 0


class CylinderSurface(NamedTuple):
    """A map turned back into a mesh.

    ``surface`` in the head frame; ``cell`` (V,) the cell that each vertex comes from, row * 256 + column.
    """

    surface: Surface
    cell: NDArray[np.int64]


def to_head_frame(points: Array, head_centre: Array, head_rotation: Array) -> Array:
    """(N, 3) mm to the head frame: X = head_rotation @ X_head + head_centre solved for X_head."""
    result: Array = (points - head_centre) @ head_rotation
    return result


def from_head_frame(points: Array, head_centre: Array, head_rotation: Array) -> Array:
    """(N, 3) mm in the head frame to the frame that centre and rotation are given in."""
    result: Array = points @ head_rotation.T + head_centre
    return result


def cylinder_map(surface: Surface, head_centre: Array, head_rotation: Array) -> CylinderMap:
    """Map a surface onto the cylinder.

    Rays are cast inwards: the first hit is the outermost one, and one that lies beyond the axis says that there is
    nothing on the ray's own side.

    Parameters
    ----------
    surface : mm, any frame
    head_centre, head_rotation : (3,), (3, 3) of the head in that frame; see ``case.Truth``
    """
    from embreex.mesh_construction import TriangleMesh
    from embreex.rtcore_scene import EmbreeScene

    vertices = to_head_frame(surface.vertices, head_centre, head_rotation)
    outside = float(np.hypot(vertices[:, 0], vertices[:, 2]).max()) + 1.0
    direction, height = _rays()
    origin = outside * direction
    origin[:, 1] = height
    scene = EmbreeScene()
    TriangleMesh(scene, vertices.astype(np.float32), surface.triangles)
    hit = scene.run(origin.astype(np.float32), -direction.astype(np.float32), query="INTERSECT", output=1)
    radius = outside - hit["tfar"].astype(np.float64)
    found = (hit["primID"] >= 0) & (radius > 0.0)
    shape = (MAP_SIZE, MAP_SIZE)
    return CylinderMap(
        np.where(found, radius, np.nan).reshape(shape),
        np.where(found, hit["primID"], -1).astype(np.int32).reshape(shape),
    )


def surface_of(radius: Array) -> CylinderSurface:
    """Turn a map back into a mesh: two triangles per cell, none where it is torn.

    A cell reaches from a place of the map to its neighbours to the right, below, and across. It is dropped where it
    starts at no surface, or where one of the three lies nearer to the axis or farther by 15 mm or more. Two
    peculiarities of the benchmark's code are kept, since its tables were made with them; where they act, Chamfer
    distances differ by a per cent:

    - A place without surface counts as one on the axis. It tears the map, except within 15 mm of the axis, where a
      crown that is cut open is closed to the axis.
    - Cells of the last column go on in the first, which is the same place, one row below. They have no area.

    Parameters
    ----------
    radius : (256, 256) mm, NaN where there is no surface

    Returns
    -------
    CylinderSurface, head frame, only the vertices that triangles use; empty where nothing hangs together.
    """
    radius = np.nan_to_num(radius, nan=0.0)
    neighbours = [np.roll(radius, shift, axis=(0, 1)) for shift in ((0, -1), (-1, 0), (-1, -1))]
    jump = np.abs(np.stack(neighbours) - radius).max(0)
    first = np.flatnonzero((radius > 0.0) & (jump < LONGEST_JUMP_MM))
    # Cells that would reach beyond the last row, where the benchmark's code fails.
    first = first[first + MAP_SIZE + 1 < radius.size]
    right, below, across = first + 1, first + MAP_SIZE, first + MAP_SIZE + 1
    triangles = np.concatenate([np.stack([first, below, right], 1), np.stack([right, below, across], 1)])
    cell, compact = np.unique(triangles, return_inverse=True)
    direction, height = _rays()
    vertices = radius.reshape(-1)[cell, None] * direction[cell]
    vertices[:, 1] = height[cell]
    return CylinderSurface(Surface(vertices, compact.reshape(-1, 3).astype(np.int32)), cell.astype(np.int64))


def _rays() -> tuple[Array, Array]:
    """Directions (65536, 3) from the axis, and heights (65536,) mm of the cells in reading order."""
    angle = np.arange(MAP_SIZE) * (2.0 * np.pi / 255.0)
    around = np.stack([-np.sin(angle), np.zeros(MAP_SIZE), -np.cos(angle)], 1)
    height = np.linspace(HALF_HEIGHT_MM, -HALF_HEIGHT_MM, MAP_SIZE)
    return np.tile(around, (MAP_SIZE, 1)), np.repeat(height, MAP_SIZE)
