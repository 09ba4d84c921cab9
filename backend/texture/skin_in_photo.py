"""What a photo shows of a head's skin: the camera's view, the skin in it, and how far each place may be believed.

Textures and static detail begin here, so that lines in the relief lie where the texture has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..face_model.base import HeadGeometry
from ..fitting.coarse import Fit
from ..mesh.topology import MATERIALS, LandmarkEmbedding, Topology
from .cavity import openness
from .eyelid_skin import REPLACED, LidSkin, lid_skin
from .mesh_field import SkinGraph, skin_graph
from .skin_mask import SkinMask, SkinMaskSettings, skin_mask
from .unwrap import PhotoView, UnwrapSettings, facing, landmark_warp, photo_view, sample, visible

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Surface:
    """The head as the stages need it.

    topology ; neutral (V, 3) mm ; camera_mm (V, 3) as it stands in the photo, camera frame ; graph of the skin ;
    uv (V, 2) of the skin's vertices (a place on one side where a vertex lies on a cut) ; openness (V,) 0..1, low
    inside nostrils and in the folds of the ears ; lids : what only a blink shows
    """

    topology: Topology
    neutral: NDArray[np.float64]
    camera_mm: NDArray[np.float64]
    graph: SkinGraph
    uv: NDArray[np.float64]
    openness: NDArray[np.float64]
    lids: LidSkin


class SkinInPhoto(NamedTuple):
    """A head's skin and the photo that it was fitted to.

    surface    the head
    view       crop of the photo, projection and z-buffer
    points_px  (V, 2) where each vertex finds its own place in the view: projection and landmark warp
    landmarks  (478, 2) pixels of the view
    mask       usable skin in the view, and the skin's colours
    """

    surface: Surface
    view: PhotoView
    points_px: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    mask: SkinMask


def skin_in_photo(
    photo_pixels: NDArray[np.uint8],
    fit: Fit,
    topology: Topology,
    head: HeadGeometry,
    landmarks: FloatArray,
    texture_size: int,
    embedding: LandmarkEmbedding | None = None,
    unwrap: UnwrapSettings | None = None,
    mask: SkinMaskSettings | None = None,
) -> SkinInPhoto:
    """Look at a fitted head in its photo.

    Parameters
    ----------
    photo_pixels : (H, W, 3) uint8 sRGB, upright
    fit : camera, pose and expression of the photo
    topology : of ``head``; needs faces of material "skin"
    head : neutral and blendshapes, mm, model space
    landmarks : (478, 2 or 3) photo pixels
    texture_size : S of the largest map that is to be filled; a photo that is finer is reduced to it
    embedding : where the landmarks lie on the mesh; without it nothing is warped
    unwrap, mask : settings of the stages
    """
    unwrap = unwrap or UnwrapSettings()
    surface = surface_in_photo(fit, topology, head)
    view = photo_view(photo_pixels, fit.camera, surface.camera_mm, topology, landmarks, texture_size, unwrap)
    points = view.points_px
    if embedding is not None:
        points = points + landmark_warp(view, embedding, landmarks, unwrap)
    in_view = view.from_photo(landmarks[:, :2])
    found = skin_mask(view.pixels, in_view, view.raster.triangle >= 0, mask or SkinMaskSettings())
    return SkinInPhoto(surface, view, points, in_view, found)


def surface_in_photo(fit: Fit, topology: Topology, head: HeadGeometry) -> Surface:
    """The head as its fit has it."""
    posed = head.neutral + np.tensordot(fit.expression, head.blendshapes, 1)
    camera_mm = posed @ fit.rotation.T + fit.translation_mm
    skin = topology.material == MATERIALS.index("skin")
    quads, corner_uv = topology.quads[skin], topology.corner_uv[skin]
    used = quads >= 0
    uv = np.zeros((len(head.neutral), 2))
    uv[quads[used]] = corner_uv[used]
    graph = skin_graph(topology, head.neutral)
    return Surface(
        topology,
        head.neutral,
        camera_mm,
        graph,
        uv,
        openness(topology, head.neutral, graph),
        lid_skin(topology, graph, head.neutral, head.blendshapes, posed),
    )


def seen_attributes(photo: SkinInPhoto) -> NDArray[np.float64]:
    """(V, 7) what ``seen_in_photo`` needs of a vertex: projection, place, depth, cosine, whether it is allowed."""
    view = photo.view
    return np.column_stack([view.points_px, photo.points_px, view.depth, view.cosine, _allowed(photo.surface)])


def seen_in_photo(
    image: NDArray[np.float32], view: PhotoView, mask: SkinMask, settings: UnwrapSettings
) -> NDArray[np.float32]:
    """How well each texel is seen, (S', S') float32 0..1, from a (S', S', 7) map of ``seen_attributes``."""
    projected, place, depth, cosine, allowed = np.split(image, [2, 4, 5, 6], axis=-1)
    hard = visible(view, projected, depth[..., 0], settings)
    # Keep away from the edge of what is hidden, then fade.
    step = max(1, round(image.shape[0] / 340))
    soft = cv2.erode(hard.astype(np.float32), np.ones((2 * step + 1, 2 * step + 1)))
    soft = cv2.GaussianBlur(soft, (0, 0), 0.8 * step)
    skin = sample(mask.mask, place, cv2.INTER_LINEAR)
    result: NDArray[np.float32] = soft * facing(cosine[..., 0], settings) * skin * allowed[..., 0]
    return result


def _allowed(surface: Surface) -> NDArray[np.float64]:
    """(V,) where the photo may go at all.

    Ears never lie exactly on the photo's, and on the neck there are collars, shadows and hair: both take the skin's
    own colour. What a photo shows deep in a nostril depends on the last half millimetre of the fit.
    """
    regions = surface.topology.regions
    allowed = np.ones(len(surface.neutral))
    for name in ("ears", "neck"):
        if name in regions:
            allowed[regions[name]] = 0.0
    if "narrow_face" in regions:
        allowed[regions["narrow_face"]] = 1.0
    allowed *= np.clip((surface.openness - 0.2) / 0.25, 0.0, 1.0)
    return surface.graph.smooth(allowed, 2) * (1.0 - REPLACED * surface.lids.unfolds)
