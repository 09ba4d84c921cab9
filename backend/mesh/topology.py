"""What stays the same for every head of a face model: faces, UVs, materials, regions, landmark places."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

MATERIALS = ("skin", "eye", "cornea", "teeth", "mouth")


class LandmarkEmbedding(NamedTuple):
    """Barycentric places of L landmarks on the mesh.

    ``landmark`` (L,) int: index of each in its own scheme (0..477 of the landmark network, or 0..67 of iBUG).
    ``vertices`` (L, 3) int vertex ids; ``weights`` (L, 3) float64, non-negative, rows sum to 1.
    """

    landmark: NDArray[np.int64]
    vertices: NDArray[np.int64]
    weights: NDArray[np.float64]

    def points(self, vertices: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """(..., V, 3) vertex positions or offsets to (..., L, 3) at the landmarks."""
        corners = vertices[..., self.vertices, :].astype(np.float64)
        result: NDArray[np.float64] = np.einsum("...lkc,lk->...lc", corners, self.weights)
        return result


@dataclass(frozen=True)
class Topology:
    """Faces and everything per vertex or face that does not depend on the person.

    quads         (F, 4) int32 vertex ids, counter-clockwise seen from outside; a triangle has -1 in column 3
    corner_uv     (F, 4, 2) float32 per face corner, in the UV square of the face's own material, origin bottom left
    material      (F,) uint8 index into MATERIALS; every material has its own UV square and its own texture
    regions       name -> (n,) int32 vertex ids ("face", "narrow_face", "lids_left", "lips", "ears", "nose", "neck",
                  "scalp", "teeth_upper", "teeth_lower", "gums", "tongue", "mouth_bag", "eye_left", "eye_right",
                  "socket_left", ...). Left and right are the subject's.
    mirror        (V,) int32 the vertex at the mirrored place, or None where the topology is not symmetric
    lattice_size  N where faces 0 .. N*N-1 are the cells of the skin's geometry image, row by row from the bottom
                  (cell (r, c) = face r*N + c, corners (c, r), (c+1, r), (c+1, r+1), (c, r+1) of UV * N), else 0
    """

    quads: NDArray[np.int32]
    corner_uv: NDArray[np.float32]
    material: NDArray[np.uint8]
    regions: dict[str, NDArray[np.int32]] = field(default_factory=dict)
    mirror: NDArray[np.int32] | None = None
    lattice_size: int = 0

    @property
    def vertex_count(self) -> int:
        """V, the number of vertices that the faces use (vertex ids are dense)."""
        return int(self.quads.max()) + 1

    def triangles(self, material: str | None = None) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Triangles (T, 3) of all faces or of one material, and (T,) the face that each came from.

        A quad (a, b, c, d) becomes (a, b, c) and (a, c, d).
        """
        faces = np.arange(len(self.quads), dtype=np.int32)
        if material is not None:
            faces = faces[self.material == MATERIALS.index(material)]
        quads = self.quads[faces]
        second = quads[:, 3] >= 0
        triangles = np.concatenate([quads[:, [0, 1, 2]], quads[second][:, [0, 2, 3]]])
        return triangles, np.concatenate([faces, faces[second]])
