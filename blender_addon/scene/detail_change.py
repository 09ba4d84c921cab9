"""Detail that a head gets after it was built: made for one that has none, made anew, or brought back."""

from __future__ import annotations

import bpy

from ..backend_door import ARKIT_NAMES, Head
from ..detail_nodes import attributes
from ..detail_nodes.controls import detail_modifier, input_keys, input_path
from ..heads import parts_of, record_of
from .curves import find_fcurve
from .detail import NoDetail, add_detail
from .detail_images import DETAIL_IMAGES, detail_images
from .detail_material import skin_material
from .record import update

BUILT_IN_MODEL = "Facewright"  # as head.json names it


def can_have_detail(head: bpy.types.Object) -> bool:
    """Whether detail can be made for this head: its mesh is the built-in face model's."""
    return record_of(head).get("model") == BUILT_IN_MODEL


def renew_detail(head: bpy.types.Object, new: Head) -> None:
    """Give a head the detail of a bundle of the same person; controls, drivers and keyframes stay.

    Materials that others use too, such as a copy of this head, show the new detail as well. Raises NoDetail where
    the bundle has none or the mesh is not the bundle's any more; BundleInvalid.
    """
    record = record_of(head)
    if record.get("model_sha256", "") != str(new.record.get("model", {}).get("sha256", "")):
        raise NoDetail(f"This head is of the face model {record['model']}, the new detail is of another.")
    add_detail(head, new, float(record.get("size_factor", 1.0)))
    update(parts_of(head), detail=str(new.photo.parent))


def lacks_detail(head: bpy.types.Object) -> bool:
    """Whether something of the detail that the head has had was deleted."""
    if "detail" not in record_of(head) or skin_material(head) is None:
        return False  # none to bring back, or nowhere to show it: the artist has put a material in its place
    modifier = detail_modifier(head)
    if modifier is None or any(name not in head.data.attributes for name in attributes.STATIC):
        return True
    images = detail_images(head)
    if any(name not in images or images[name].size[0] == 0 for name in DETAIL_IMAGES):
        return True
    weights = (name for name in ARKIT_NAMES if name in input_keys(modifier))
    return any(not _is_moved(head, input_path(modifier, name)) for name in weights)


def _is_moved(head: bpy.types.Object, path: str) -> bool:
    """Whether a property follows a driver, or a curve that a person has put in its place."""
    data = head.animation_data
    return data is not None and (data.drivers.find(path) is not None or find_fcurve(head, path) is not None)
