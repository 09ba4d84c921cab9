"""Our own coarser mesh that the model's modes are stored on: every second node of the lattice.

The lattice nests: its even nodes, with the slits' two sides kept apart, span quads of two by two cells. One
Catmull-Clark step of that control mesh has its points at the nodes of the full lattice, so a mode that was sampled
on the lattice is stored as the control values whose subdivision comes closest to it (least squares). Bags, sockets,
inner parts and the rims of lids and lips, where expressions tear neighbours apart, are stored as they are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.sparse.linalg import splu

from ..errors import TopologyMismatch
from ..mesh.topology import Topology
from .catmull_clark import subdivide

#: Weight of the control values' own size in the least squares: it only settles what no lattice node sees.
DAMPING = 1e-8

#: Regions of the slits' loops; vertices so many edges from them are their own controls.
SLITS = ("lid_upper_left", "lid_lower_left", "lid_upper_right", "lid_lower_right", "lip_upper", "lip_lower")
RIM_EDGES = 2


class ControlMesh(NamedTuple):
    """``subdivision`` (V_s, C_s) csr, rows sum to 1: control values to the skin, bag and socket vertices."""

    subdivision: sp.csr_matrix

    def reach(self, moved: NDArray[np.bool_]) -> NDArray[np.int64]:
        """(V_s,) vertices that move to the (M,) control vertices that reach any of them."""
        touched = self.subdivision[moved]
        reached: NDArray[np.int64] = np.unique(touched.indices[touched.data != 0]).astype(np.int64)
        return reached

    def fit(self, values: NDArray[np.float64], controls: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Control values whose subdivision is closest to ``values`` in the mean square.

        Parameters
        ----------
        values : (V_s, K)
        controls : (M,) the controls that may differ from zero, or None for all

        Returns
        -------
        (M, K)
        """
        matrix = self.subdivision if controls is None else self.subdivision[:, controls]
        normal = (matrix.T @ matrix + DAMPING * sp.identity(matrix.shape[1])).tocsc()
        solve = splu(normal, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}).solve
        right = np.asarray(matrix.T @ values)
        # Blocks of right-hand sides keep the factor's memory traffic, and not the copies, the cost.
        blocks = [solve(np.ascontiguousarray(right[:, k : k + 64])) for k in range(0, right.shape[1], 64)]
        return np.concatenate(blocks, axis=1)


def build_control_mesh(skin: Topology, count: int) -> ControlMesh:
    """The control mesh of a lattice with bags and sockets.

    Parameters
    ----------
    skin : the template's topology; its first faces are the cells of the lattice
    count : V_s, its number of vertices

    Raises
    ------
    TopologyMismatch
        The lattice has an odd number of cells, which does not nest.
    """
    size = skin.lattice_size
    if size < 2 or size % 2:
        raise TopologyMismatch(f"A lattice of {size} x {size} cells has no control mesh of half its density.")
    cells = skin.quads[: size * size].astype(np.int64).reshape(size, size, 4)
    coarse = np.stack(
        [cells[::2, ::2, 0], cells[::2, 1::2, 1], cells[1::2, 1::2, 2], cells[1::2, ::2, 3]], axis=-1
    ).reshape(-1, 4)
    nodes, quads = np.unique(coarse, return_inverse=True)
    points, children = subdivide(quads.reshape(-1, 4), len(nodes))

    # Child k touches corner k of its quad, and its own corners start there: cell k of the block, rolled back by k.
    blocks = np.stack([cells[::2, ::2], cells[::2, 1::2], cells[1::2, 1::2], cells[1::2, ::2]], axis=2)
    blocks = np.stack([np.roll(blocks[:, :, k], -k, axis=-1) for k in range(4)], axis=2).reshape(-1, 4)
    pairs = np.unique(np.stack([blocks.ravel(), children.ravel()], axis=1), axis=0)
    # Where a slit ends between two control nodes, its two sides still part there: the lattice's node is their mean.
    share = 1.0 / np.bincount(pairs[:, 0], minlength=count)[pairs[:, 0]]
    to_lattice = sp.csr_matrix((share, (pairs[:, 0], pairs[:, 1])), (count, points.shape[0]))

    on_lattice = np.zeros(count, bool)
    on_lattice[cells] = True
    on_lattice[_rims(skin)] = False
    others = np.flatnonzero(~on_lattice)
    own = sp.csr_matrix((np.ones(len(others)), (others, np.arange(len(others)))), (count, len(others)))
    smooth = sp.diags(on_lattice.astype(np.float64)) @ to_lattice @ points
    matrix = sp.hstack([smooth, own]).tocsr()
    matrix.eliminate_zeros()
    return ControlMesh(matrix[:, np.unique(matrix.indices)])


def _rims(skin: Topology) -> NDArray[np.int64]:
    """Vertices within ``RIM_EDGES`` edges of the slits."""
    near = np.zeros(skin.vertex_count, bool)
    for name in SLITS:
        near[skin.regions[name]] = True
    for _ in range(RIM_EDGES):
        near[skin.quads[near[skin.quads].any(axis=1)]] = True
    return np.flatnonzero(near)
