"""What the photo showed of the skin, and what was completed: kept on the mesh, shown as colours on request.

Each vertex keeps how far its skin comes from the photo as the attribute ``facewright_seen``, which travels with the
mesh through append, link and copy. Colours are made of it only while somebody looks at them, so that exporters and
vertex paint never meet them.
"""

from __future__ import annotations

import bpy
import numpy as np
from numpy.typing import NDArray

from ..backend_door import FaceError, Head
from ..heads import heads_in_file
from .materials import load_image
from .views import View, borrow, borrowed, give_back, hide_overlays, show_overlays

SEEN = "facewright_seen"
"""Point attribute: 1 seen, 0 completed, in between where both are blended; -1 where there is no skin."""
COLOURS = "facewright_seen_colours"
BEFORE = "facewright_before_seen"
"""Custom property of a head's object while it is coloured: which colour attributes were chosen before."""
PURPOSE = "seen"
SAMPLED_PX = 512
"""The visibility map is read at this size: its edges are soft, and a vertex covers several of its pixels."""

# Linear RGB. Blue and orange are told apart by nearly everybody, and neither is a colour of skin.
SEEN_COLOUR, COMPLETED_COLOUR, OTHER_COLOUR = (0.03, 0.20, 0.55), (0.85, 0.28, 0.02), (0.25, 0.25, 0.25)


class NothingKnown(FaceError):
    """The head does not say what the photo showed."""


def store_seen(obj: bpy.types.Object, head: Head) -> None:
    """Keep with a head's mesh what its bundle's visibility map says. Raises BundleInvalid."""
    attributes = obj.data.attributes
    layer = attributes.get(SEEN) or attributes.new(SEEN, "FLOAT", "POINT")
    layer.data.foreach_set("value", seen_of_vertices(head))


def seen_of_vertices(head: Head) -> NDArray[np.float32]:
    """(V,) how much of each vertex's skin the photo showed, 0 to 1; -1 for eyes, teeth and mouth."""
    image = load_image(head.albedo.with_name("visibility.png"), "visibility", "")
    try:
        image.scale(min(SAMPLED_PX, image.size[0]), min(SAMPLED_PX, image.size[1]))
        width, height = image.size
        pixels = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(pixels)
    finally:
        bpy.data.images.remove(image)
    shown = pixels.reshape(height, width, 4)[:, :, 0]  # Blender's first row is the bottom one, as v = 0 is
    skin = head.material == head.material_names.index("skin")
    corners = head.quads[skin]
    used = corners >= 0
    place = head.uv[skin][used]
    column = np.clip((place[:, 0] * width).astype(int), 0, width - 1)
    row = np.clip((place[:, 1] * height).astype(int), 0, height - 1)
    seen = np.full(len(head.neutral), -1.0, np.float32)
    seen[corners[used]] = shown[row, column]
    return seen


def is_shown(view: View) -> bool:
    """Whether the view shows what was seen and was not given back yet."""
    return borrowed(view, PURPOSE) is not None


def toggle(view: View, head: bpy.types.Object) -> bool:
    """Colour the head and let the view show colours, or take both back; True where they are shown now.

    Raises NothingKnown where the head does not say what was seen.
    """
    shading = view.space.shading
    before = give_back(view, PURPOSE)
    if before is not None:
        shading.color_type = before["colour"]
        shading.type = before["type"]
        show_overlays(view, before["hidden"])
        for painted in heads_in_file():
            hide_colours(painted)
        return False
    show_colours(head)
    type_before = shading.type
    shading.type = "SOLID"  # each way of shading has a colour of its own
    hidden = hide_overlays(view, ("show_bones",))
    borrow(view, PURPOSE, {"type": type_before, "colour": shading.color_type, "hidden": hidden})
    shading.color_type = "VERTEX"
    return True


def show_colours(obj: bpy.types.Object) -> None:
    """Paint the mesh by what was seen. Raises NothingKnown where it does not say."""
    mesh = obj.data
    layer = mesh.attributes.get(SEEN)
    if layer is None or layer.domain != "POINT" or len(layer.data) != len(mesh.vertices):
        raise NothingKnown(
            "This head does not say what the photo showed; Rebuild brings it back from the head's folder."
        )
    seen = np.empty(len(layer.data), np.float32)
    layer.data.foreach_get("value", seen)
    share = np.clip(seen, 0.0, 1.0)[:, None]
    colours = np.ones((len(seen), 4), np.float32)
    colours[:, :3] = share * SEEN_COLOUR + (1.0 - share) * COMPLETED_COLOUR
    colours[seen < 0.0, :3] = OTHER_COLOUR
    layers = mesh.color_attributes
    if COLOURS not in layers:
        obj[BEFORE] = {"active": layers.active_color_name, "default": layers.default_color_name}
        layers.new(COLOURS, "FLOAT_COLOR", "POINT")
    layers[COLOURS].data.foreach_set("color", colours.ravel())
    layers.active_color = layers[COLOURS]
    mesh.update()


def hide_colours(obj: bpy.types.Object) -> None:
    """Take the colours of a mesh away and make the colour attribute active again that was before."""
    layers = obj.data.color_attributes
    if COLOURS in layers and obj.data.is_editable:
        layers.remove(layers[COLOURS])
        obj.data.update()
    if BEFORE in obj:
        before = obj[BEFORE].to_dict()
        layers.active_color_name, layers.default_color_name = before["active"], before["default"]
        del obj[BEFORE]
