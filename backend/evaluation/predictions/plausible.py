"""What cannot be the face in the photo is named, not scored: wrong unit, mirrored, inside out, somewhere else.

A wrong unit or a flipped axis gives a number too, and a table hides it. Every check here is a sign or a factor of
three, far from what a poor reconstruction does: a bad face must still be scored. Meshes may have any topology and
density, may be a mask or a head with shoulders, and may come without landmarks; what can then not be told apart
passes. Landmarks that do not lie on their mesh say nothing about it: they are left aside here, and what needs them
fails by itself. That a mesh is not empty and that its numbers are finite is checked
where it is read.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import MeshInvalid
from ..case import AnyCamera, Case, Prediction, Truth, WeakCamera
from ..metrics.similarity import similarity
from ..surface import Surface, face_normals, nearest_on, triangle_areas
from .flipped_view import LITTLE_DOUBT, MUCH_DOUBT, flipped_axes
from .placing import area_centre, placed

Array = NDArray[np.float64]
MOST_RATIO = 3.0  # between the sizes of a prediction and of the truth, either way
EXTENT_MM = (60.0, 1000.0)  # diagonal of the box around anything from a child's eyes and mouth to a bust
LANDMARK_AT = 0.015  # of the same, within which a landmark lies on the mesh
FEWEST_AT = 3  # landmarks on a mesh that make all of them its own
MIRROR_SHARE = 0.6  # of the landmarks' misfit that a mirror image has, below which the mesh counts as mirrored
LANDMARKS_OFF = 0.08  # of the distance between the eyes, about 7 mm, by which landmarks may miss the mesh
INSIDE_OUT = -0.15  # mean cosine between normals and the way out of the middle that no face and no head has
TURNED_AWAY = -0.25  # mean cosine between normals and the way to the camera that nothing in a photo has
LEAST_OVERLAP = 0.25  # of the true face's box in the photo that the prediction's box covers
UNITS = {1e-3: "metres", 1e-2: "decimetres", 1e-1: "centimetres", 1.0 / 25.4: "inches", 1e3: "micrometres"}
UNIT_TOLERANCE = 2.5  # factor within which a size is explained by a unit


class _Size(NamedTuple):
    """A length that was found on a prediction, and the range where it belongs; mm."""

    found: float
    least: float
    most: float
    words: str

    @classmethod
    def beside(cls, found: float, true: float, words: str) -> _Size:
        """A length beside the same on the truth."""
        words = f"{words} {found:.3g} mm, and {true:.3g} mm on the true face"
        return cls(found, true / MOST_RATIO, true * MOST_RATIO, words)

    def unit(self) -> str:
        """In which other unit the length would be right, as the end of a sentence, or nothing."""
        ratio = self.found / float(np.sqrt(self.least * self.most))
        factor = min(UNITS, key=lambda factor: abs(np.log(ratio / factor)) if ratio > 0.0 else 0.0)
        near = ratio > 0.0 and abs(np.log(ratio / factor)) <= np.log(UNIT_TOLERANCE)
        return f", as if it were in {UNITS[factor]}" if near else ""


def refuse_implausible(prediction: Prediction, case: Case, truth: Truth) -> None:
    """Raise MeshInvalid, one sentence with what was found and what was expected, where a mesh cannot be the face.

    Looks at the surface in the photo and, where the truth is neutral, at the neutral surface if there is one.
    """
    name = f"The prediction for {case.id}"
    if case.camera is not None:
        _refuse_behind(prediction.surface, prediction.camera, case.camera, name)
    seven = _on_mesh(prediction.surface, prediction.seven)
    _refuse_size(_size(prediction.surface, seven, truth, case.camera, prediction.camera), name)
    _refuse_shape(prediction.surface, seven, truth, name)
    if case.camera is not None:
        _refuse_elsewhere(prediction, seven, case.camera, truth, name)
    if case.neutral_truth and prediction.neutral is not None:
        name = f"The neutral prediction for {case.id}"
        seven = _on_mesh(prediction.neutral, prediction.neutral_seven)
        _refuse_size(_size(prediction.neutral, seven, truth, None, None), name)
        _refuse_shape(prediction.neutral, seven, truth, name)


# ---------------------------------------------------------------------------------------------------- landmarks


def refuse_landmarks_off(surface: Surface, seven: Array, name: str) -> None:
    """Raise MeshInvalid where a landmark (7, 3) lies further from its mesh than a marked one can.

    ``name``: how the sentence begins, "The prediction for dev00_1".
    """
    off = nearest_on(surface, seven).distance
    if off.max() > LANDMARKS_OFF * _between_eyes(seven):
        raise MeshInvalid(
            f"{name} has landmarks that do not lie on its mesh, the farthest {off.max():.3g} mm away from it: "
            "the mesh is another one, stands elsewhere, is mirrored or lacks a part."
        )


def _on_mesh(surface: Surface, seven: Array | None) -> Array | None:
    """Landmarks that speak for their mesh, or None."""
    if seven is None:
        return None
    try:
        refuse_landmarks_off(surface, seven, "")
    except MeshInvalid:
        return None
    return seven


def _strangers(surface: Surface, seven: Array) -> bool:
    """Whether landmarks belong to another mesh: of a face that lacks a part, those on the rest still lie on it."""
    on_it = nearest_on(surface, seven).distance < LANDMARK_AT * _between_eyes(seven)
    return int(on_it.sum()) < FEWEST_AT


def _between_eyes(seven: Array) -> float:
    return float(np.linalg.norm(seven[0] - seven[3]))


# ---------------------------------------------------------------------------------------------------- size


def _size(
    surface: Surface, seven: Array | None, truth: Truth, data: AnyCamera | None, own: AnyCamera | None
) -> _Size:
    """What says most: the distance between the eyes; what a pixel of the photo spans; the mesh's box."""
    if seven is not None and truth.outer_eye_distance is not None:
        return _Size.beside(_between_eyes(seven), truth.outer_eye_distance, "between its eyes' outer corners are")
    if data is not None:
        found = _mm_per_pixel(surface, own or data)
        return _Size.beside(found, _mm_per_pixel(truth.surface, data), "a pixel of the photo spans")
    box = float(np.linalg.norm(np.ptp(surface.vertices[surface.triangles].reshape(-1, 3), 0)))
    least, most = EXTENT_MM
    return _Size(
        box, least, most, f"from corner to corner are {box:.3g} mm, and a face or head has {least:g} to {most:g}"
    )


def _mm_per_pixel(surface: Surface, camera: AnyCamera) -> float:
    """At the middle of a surface before the camera."""
    if isinstance(camera, WeakCamera):
        return 1.0 / camera.scale
    return float(-area_centre(surface)[2] / np.sqrt(camera.fx * camera.fy))


def _refuse_size(size: _Size, name: str) -> None:
    if not size.least <= size.found <= size.most:
        raise MeshInvalid(f"{name} has the wrong size{size.unit()}: {size.words}.")


# ---------------------------------------------------------------------------------------------------- shape


def _refuse_shape(surface: Surface, seven: Array | None, truth: Truth, name: str) -> None:
    if seven is not None and truth.seven is not None and _is_mirrored(seven, truth.seven):
        raise MeshInvalid(
            f"{name} is mirrored: its landmarks fit a mirror image of the true ones, not the true ones; "
            "the mesh's frame should have x right, y up and z towards the viewer."
        )
    outward = _cosine(surface, surface.vertices[surface.triangles].mean(1) - area_centre(surface))
    if outward < INSIDE_OUT:
        raise MeshInvalid(
            f"{name} is inside out: its normals point inwards (mean cosine {outward:.2f}); triangles should be "
            "counter-clockwise seen from outside, and a mesh that was mirrored needs them turned."
        )


def _is_mirrored(seven: Array, true_seven: Array) -> bool:
    """Whether a mirror image of the points fits the true ones clearly better than the points themselves."""
    image = seven * [-1.0, 1.0, 1.0]
    misfit, of_image = (
        float(np.linalg.norm(similarity(points, true_seven, scaled=True).apply(points) - true_seven))
        for points in (seven, image)
    )
    return of_image < MIRROR_SHARE * misfit


def _cosine(surface: Surface, directions: Array) -> float:
    """Mean cosine, by area, between triangles' normals and directions (T, 3) of any length."""
    area = triangle_areas(surface.vertices, surface.triangles)
    length = np.linalg.norm(directions, axis=1)
    cosine = (face_normals(surface) * directions).sum(1) / np.maximum(length, 1e-12)
    return float((cosine * area).sum() / area.sum())


# ---------------------------------------------------------------------------------------------------- place


def _whose(own: AnyCamera | None) -> str:
    return "" if own is not None else " (it comes without one, so the data set's camera is taken)"


def _refuse_behind(surface: Surface, own: AnyCamera | None, data: AnyCamera, name: str) -> None:
    if isinstance(own or data, WeakCamera):
        return
    behind = int((surface.vertices[np.unique(surface.triangles), 2] >= 0.0).sum())
    if behind:
        raise MeshInvalid(
            f"{name} has {behind} vertices behind its camera{_whose(own)}: points before a pinhole have z < 0."
        )


def _refuse_elsewhere(
    prediction: Prediction, seven: Array | None, camera: AnyCamera, truth: Truth, name: str
) -> None:
    """In the data's camera: off the true face, its back to it, or upside down. ``seven``: only if on the mesh."""
    own = _whose(prediction.camera)
    surface = placed(prediction, camera)
    share = _overlap(truth.surface, surface, camera)
    if share < LEAST_OVERLAP:
        raise MeshInvalid(
            f"{name} lies elsewhere in the photo: seen by its camera{own} it covers {100.0 * share:.0f} % of the "
            "true face's box."
        )
    views = -surface.vertices[surface.triangles].mean(1)
    if isinstance(camera, WeakCamera):
        views = np.broadcast_to([0.0, 0.0, 1.0], views.shape)
    towards = _cosine(surface, views)
    if towards < TURNED_AWAY:
        raise MeshInvalid(
            f"{name} turns its back to the camera{own}: its normals point away (mean cosine {towards:.2f}); "
            "z should point towards the viewer."
        )
    if seven is not None and truth.seven is not None:
        _refuse_upside_down(seven, prediction.camera or camera, truth.seven, camera, name)
        return
    strangers = prediction.seven is not None and _strangers(prediction.surface, prediction.seven)
    axes = flipped_axes(truth.surface, surface, camera, MUCH_DOUBT if strangers else LITTLE_DOUBT)
    if axes is not None:
        raise MeshInvalid(
            f"{name} is mirrored: with its {axes} turned round it fits the true face, as it stands it does not; "
            "the mesh's frame should have x right, y up and z towards the viewer."
        )


def _overlap(truth: Surface, surface: Surface, camera: AnyCamera) -> float:
    """Share of the box around the true face in the image that the box around a surface covers."""
    boxes = []
    for each in (truth, surface):
        pixels = camera.project(each.vertices[np.unique(each.triangles)])
        boxes.append((pixels.min(0), pixels.max(0)))
    (low, high), (other_low, other_high) = boxes
    shared = np.maximum(np.minimum(high, other_high) - np.maximum(low, other_low), 0.0)
    return float(np.prod(shared) / np.prod(high - low))


def _refuse_upside_down(seven: Array, own: AnyCamera, true_seven: Array, camera: AnyCamera, name: str) -> None:
    # From the mouth to the eyes, in the image: landmarks keep their own pixels whatever the camera.
    found, true = (
        pixels[:4].mean(0) - pixels[5:].mean(0) for pixels in (own.project(seven), camera.project(true_seven))
    )
    if float(found @ true) < 0.0:
        raise MeshInvalid(
            f"{name} is upside down in the photo: its mouth lies on the other side of its eyes than the true one; "
            "y should point up in the mesh and v down in the photo."
        )
