"""A head in the light of its photo: which of its skin is bare, what light reaches it, which light that is."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import TopologyMismatch
from ...head.shading import TO_LINEAR
from ...mesh.normals import vertex_normals
from ...mesh.topology import MATERIALS, Topology
from ...texture.unwrap import sample
from .lighting import Lighting, LightingSettings, fit_lighting, shadowed_transfer
from .source import PhotoHead

Array = NDArray[np.float64]
NOT_BARE = ("lips", "brows_left", "brows_right", "lids_left", "lids_right", "ears", "neck", "scalp", "mouth_bag")


class LitHead(NamedTuple):
    """A head in the light of its photo.

    ``posed`` (V, 3) mm and ``normals`` (V, 3), camera frame; ``transfer`` (V, 9), zero off the face; ``lighting``.
    """

    posed: Array
    normals: Array
    transfer: Array
    lighting: Lighting


def skin_uv(topology: Topology) -> Array:
    """(V, 2) places of the skin's vertices in its UV square (one side where a vertex lies on a cut)."""
    skin = topology.material == MATERIALS.index("skin")
    quads = topology.quads[skin]
    used = quads >= 0
    uv = np.zeros((int(topology.quads.max()) + 1, 2))
    uv[quads[used]] = topology.corner_uv[skin][used]
    return uv


def head_transfer(topology: Topology, posed: Array, settings: LightingSettings) -> tuple[Array, Array]:
    """Normals (V, 3) and shadowed transfer (V, 9) of a posed head; the transfer is zero off the face."""
    normals = vertex_normals(posed, topology.quads)
    opaque = [topology.triangles(name)[0] for name in MATERIALS if name != "cornea"]
    places = face_vertices(topology)
    transfer = np.zeros((len(posed), 9))
    transfer[places] = shadowed_transfer(posed, np.concatenate(opaque), normals, places, settings)
    return normals, transfer


def face_vertices(topology: Topology) -> NDArray[np.int64]:
    """Ids of the vertices of the face's outside. Raises TopologyMismatch where the topology names no face."""
    if "face" not in topology.regions:
        raise TopologyMismatch("Pseudo pairs need a face model whose regions name the face.")
    inside = np.zeros(int(topology.quads.max()) + 1, bool)
    inside[topology.regions["face"]] = True
    for name in ("mouth_bag", "socket_left", "socket_right"):
        if name in topology.regions:
            inside[topology.regions[name]] = False
    return np.flatnonzero(inside)


def lit_head(head: PhotoHead, settings: LightingSettings) -> LitHead:
    """Find the light of a photo from what its head's texture shows of bare skin."""
    topology, posed = head.bundle.topology, head.posed()
    normals, transfer = head_transfer(topology, posed, settings)
    places = np.flatnonzero(transfer.any(1))
    uv = skin_uv(topology)[places]
    texel = np.stack([uv[:, 0], 1.0 - uv[:, 1]], axis=1) * len(head.albedo)
    # Averaged to the mesh's resolution, and alone where the photo shows it.
    seen = np.where(head.seen > 127, head.seen, 0).astype(np.float32)[..., None] / 255.0
    linear = TO_LINEAR[head.albedo]
    together = cv2.GaussianBlur(np.dstack([linear * seen, seen]), (0, 0), 1.5)
    colours = sample(together, texel, cv2.INTER_LINEAR).astype(np.float64)
    weights = colours[:, 3] * bare_skin(topology)[places]
    weights *= np.clip(normals[places, 2] * 2.0, 0.0, 1.0)
    colours = colours[:, :3] / np.maximum(colours[:, 3:], 1e-3)
    views = -posed[places] / np.linalg.norm(posed[places], axis=1, keepdims=True)
    lighting = fit_lighting(transfer[places], colours, weights, normals[places], views, settings)
    return LitHead(posed, normals, transfer, lighting)


def bare_skin(topology: Topology) -> Array:
    """(V,) 1 on bare skin of the face, 0 on lips, brows, lids, ears and off the face."""
    bare = np.zeros(int(topology.quads.max()) + 1)
    bare[face_vertices(topology)] = 1.0
    for name in NOT_BARE:
        if name in topology.regions:
            bare[topology.regions[name]] = 0.0
    return bare
