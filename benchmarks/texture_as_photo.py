"""A synthetic head's UV texture as the photo that the product reads, so that it reads it with its own code.

The synthetic photographs are textures: light, blur, grain and compression are put on in the UV square. Here the
square itself is the photo, every vertex lies at its UV place, and what the photograph does not show of the skin is
no skin. So light is divided out by the form, and moles, gloss and shadows are left out, as in any photo.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from facewright.displacement.crease_set import PhotoEvidence
from facewright.displacement.shading_detail import photo_evidence
from facewright.face_model.base import FaceModel
from facewright.mesh.raster import rasterise
from facewright.mesh.topology import MATERIALS, Topology
from facewright.texture.eyelid_skin import lid_skin
from facewright.texture.mesh_field import skin_graph
from facewright.texture.skin_in_photo import SkinInPhoto, Surface
from facewright.texture.skin_mask import SkinMask, SkinMaskSettings, skin_model
from facewright.texture.unwrap import PhotoView
from facewright.training.sample_store import DetailSample
from facewright.training.skin_photograph import FACE_MM_PER_TEXEL
from numpy.typing import NDArray

AWAY_MM = 800.0


class _Placed(NamedTuple):
    """uv (V, 2) of the skin's vertices, and the same as pixels of a square image (V, 2)."""

    uv: NDArray[np.float64]
    pixels: NDArray[np.float64]


def texture_evidence(model: FaceModel, sample: DetailSample) -> PhotoEvidence:
    """What ``photo_evidence`` reads off the photograph of a synthetic head, at the size of its maps."""
    size, topology = len(sample.texture), model.topology
    placed = _placed(topology, len(sample.neutral), size)
    neutral = sample.neutral.astype(np.float64)
    camera_mm = sample.source.astype(np.float64) - [0.0, 0.0, AWAY_MM]
    landmarks = np.zeros((int(model.embedding.landmark.max()) + 1, 2))
    landmarks[model.embedding.landmark] = model.embedding.points(placed.pixels)
    view = _view(sample, topology, placed, -camera_mm[:, 2])
    colours = skin_model(sample.texture.astype(np.float32) / 255.0, landmarks, SkinMaskSettings())
    mask = SkinMask(sample.trust.astype(np.float32) / np.float32(255.0), colours)
    graph = skin_graph(topology, neutral)
    # Nostrils and lids: ``trust`` leaves them out already.
    blendshapes = model.head(np.array(sample.about["identity"])).blendshapes
    lids = lid_skin(topology, graph, neutral, blendshapes, sample.source.astype(np.float64))
    surface = Surface(topology, neutral, camera_mm, graph, placed.uv, np.ones(len(neutral)), lids)
    return photo_evidence(SkinInPhoto(surface, view, view.points_px, landmarks, mask), size)


def _placed(topology: Topology, vertices: int, size: int) -> _Placed:
    skin = topology.material == MATERIALS.index("skin")
    quads, corner_uv = topology.quads[skin], topology.corner_uv[skin]
    used = quads >= 0
    uv = np.zeros((vertices, 2))
    uv[quads[used]] = corner_uv[used]
    return _Placed(uv, np.column_stack([uv[:, 0], 1.0 - uv[:, 1]]) * size)


def _view(sample: DetailSample, topology: Topology, placed: _Placed, depth: NDArray[np.float64]) -> PhotoView:
    """The whole texture, seen straight on everywhere: ``trust`` has what turns away."""
    size = len(sample.texture)
    texel_mm = FACE_MM_PER_TEXEL * 1024.0 / size
    triangles, _ = topology.triangles("skin")
    return PhotoView(
        pixels=sample.texture,
        points_px=placed.pixels,
        depth=depth,
        cosine=np.ones(len(depth)),
        raster=rasterise(placed.pixels, depth, triangles, size, size),
        raster_scale=1.0,
        to_view=(float(sample.about["mm_per_pixel"]) / texel_mm, 0.0, 0.0),
        px_per_mm=1.0 / texel_mm,
        px_per_texel=1.0,
    )
