"""Look at a head through its photo's camera, with the photo laid over it and the photo's own expression.

The view is the person's own 3D view with a camera of its own; the scene's camera and picture size stay. What was
changed of the head meanwhile (expression, how the camera shows the photo) is noted on the head, so that undo and
saving keep note and change together; what was changed of the view is noted with its screen (``views``).
"""

from __future__ import annotations

from enum import Enum, auto
from math import sqrt
from typing import Any

import bpy

from ..backend_door import FaceError
from ..heads import parts_of, record_of, shape_keys
from .expression import set_expression
from .views import View, borrow, borrowed, give_back, hide_overlays, show_overlays

PURPOSE = "look"
BEFORE = "facewright_before_look"
"""Custom property of a head's object while it is looked at: what it was like before."""
VIEW_CAMERA = "facewright_view_camera"
"""The view's own camera before, where it had one."""
IN_THE_WAY = (
    "show_bones", "show_extras", "show_relationship_lines", "show_cursor", "show_object_origins", "show_floor",
    "show_axis_x", "show_axis_y", "show_axis_z", "show_outline_selected",
    "show_camera_guides",
)  # fmt: skip
"""What Blender draws over a face that is to be compared with its photo."""
PICTURE_HEIGHT = 0.8
"""Share of the view's height that the head takes when the look begins."""
HEAD_TO_FACE = 1.7
"""A head with its hair is about this much higher than the box around the face."""


class NoPhotoCamera(FaceError):
    """The head cannot be seen as the photo saw it."""


class Shown(Enum):
    """What ``toggle`` did: the head stands before the photo with its expression, without it, or as before."""

    WITH_EXPRESSION = auto()
    WITHOUT_EXPRESSION = auto()
    AS_BEFORE = auto()


def toggle(view: View, head: bpy.types.Object, scene: bpy.types.Scene) -> Shown:
    """Put a view behind the head's camera, or give it back; a view behind another head's camera changes over.

    Raises NoPhotoCamera where the camera or its photo is gone.
    """
    if is_looking(view):
        other = looked_at(view)
        look_away(view, other or head)
        if other in (None, head):
            return Shown.AS_BEFORE
    shown = look_through(view, head, head.facewright_head.overlay_opacity, scene)
    return Shown.WITH_EXPRESSION if shown else Shown.WITHOUT_EXPRESSION


def is_looking(view: View) -> bool:
    """Whether the view was put behind a photo's camera and not given back yet."""
    return borrowed(view, PURPOSE) is not None


def look_through(view: View, head: bpy.types.Object, opacity: float, scene: bpy.types.Scene) -> bool:
    """Put a view behind the head's camera. Returns False where the expression stayed, because it is animated.

    Raises NoPhotoCamera where the camera or its photo is gone.
    """
    camera = parts_of(head).camera
    if camera is None:
        raise NoPhotoCamera("This head's photo camera is gone; Rebuild brings it back.")
    if not any(entry.image is not None for entry in camera.data.background_images):
        raise NoPhotoCamera("The photo of this head's camera is gone; Rebuild brings it back.")
    space, region = view.space, view.space.region_3d
    before = {
        "perspective": region.view_perspective,
        "location": list(region.view_location),
        "rotation": list(region.view_rotation),
        "distance": region.view_distance,
        "offset": list(region.view_camera_offset),
        "zoom": region.view_camera_zoom,
        "own_camera": space.use_local_camera,
        "lock_camera": space.lock_camera,
        "overlays": space.overlay.show_overlays,
        "hidden": hide_overlays(view, IN_THE_WAY),
    }
    shown = _show_photo(head, camera, opacity, scene, space)
    borrow(view, PURPOSE, before)
    space.use_local_camera = True
    space.camera = camera
    space.lock_camera = False  # turning the view must not turn the matched camera
    space.overlay.show_overlays = True  # the photo is one of them
    region.view_perspective = "CAMERA"
    region.view_camera_zoom, region.view_camera_offset = _framing(view, head)
    return shown


def look_away(view: View, head: bpy.types.Object | None) -> None:
    """Give the view back exactly as it was, and the head its expression; sliders moved meanwhile stay."""
    before = give_back(view, PURPOSE)
    space, region = view.space, view.space.region_3d
    if before is not None:
        region.view_perspective = before["perspective"]
        region.view_location, region.view_rotation = before["location"], before["rotation"]
        region.view_distance = before["distance"]
        region.view_camera_offset, region.view_camera_zoom = before["offset"], before["zoom"]
        camera = None if head is None else head.get(VIEW_CAMERA)
        if before["own_camera"] and camera is not None:
            space.camera = camera
        space.use_local_camera = bool(before["own_camera"])
        space.lock_camera = bool(before["lock_camera"])
        space.overlay.show_overlays = bool(before["overlays"])
        show_overlays(view, before["hidden"])
    if head is not None:
        _restore(head)


def looked_at(view: View) -> bpy.types.Object | None:
    """The head whose camera a borrowed view looks through; None where it is gone."""
    camera = view.space.camera
    armature = None if camera is None else camera.parent
    if armature is None:
        return None
    return next((obj for obj in bpy.data.objects if BEFORE in obj and parts_of(obj).camera == camera), None)


def set_overlay_opacity(head: bpy.types.Object, opacity: float) -> None:
    """Let the photo cover the head this much, 0 to 1, while somebody looks through its camera."""
    camera = parts_of(head).camera
    if camera is not None and BEFORE in head:
        for background in camera.data.background_images:
            background.alpha = opacity


def frame_method(photo: bpy.types.Image, render: bpy.types.RenderSettings) -> str:
    """How the photo must fill the camera's frame so that both have the same width, as the lens was matched."""
    width = render.resolution_x * render.pixel_aspect_x
    height = render.resolution_y * render.pixel_aspect_y
    return "FIT" if photo.size[0] * height > photo.size[1] * width else "CROP"


def _show_photo(
    head: bpy.types.Object, camera: bpy.types.Object, opacity: float, scene: bpy.types.Scene,
    space: bpy.types.SpaceView3D,
) -> bool:  # fmt: skip
    """Lay the photo over the head and give the head the photo's expression, unless that is animated."""
    data = camera.data
    if BEFORE not in head:
        head[BEFORE] = {
            "passepartout": data.show_passepartout,
            "backgrounds": data.show_background_images,
            "photos": [
                {"alpha": entry.alpha, "depth": entry.display_depth, "frame": entry.frame_method}
                for entry in data.background_images
            ],
        }
    if space.use_local_camera and space.camera is not None and space.camera != camera:
        head[VIEW_CAMERA] = space.camera
    data.show_passepartout = False  # the scene's picture may have another shape than the photo
    data.show_background_images = True
    for entry in data.background_images:
        entry.display_depth, entry.alpha = "FRONT", opacity
        if entry.image is not None:
            entry.frame_method = frame_method(entry.image, scene.render)
    return _show_expression(head)


def _show_expression(head: bpy.types.Object) -> bool:
    keys = head.data.shape_keys
    if keys is None or _is_animated(keys):
        return False
    note = head[BEFORE].to_dict()
    if "weights" not in note:
        note["weights"] = {name: key.value for name, key in shape_keys(head).items()}
    photo = record_of(head)["expression"]
    set_expression(head, photo)
    note["shown"] = {name: key.value for name, key in shape_keys(head).items()}
    head[BEFORE] = note
    return True


def _is_animated(keys: bpy.types.Key) -> bool:
    data = keys.animation_data
    return data is not None and (data.action is not None or any(not track.mute for track in data.nla_tracks))


def _restore(head: bpy.types.Object) -> None:
    note: dict[str, Any] | None = head[BEFORE].to_dict() if BEFORE in head else None
    if note is None:
        return
    del head[BEFORE]
    if VIEW_CAMERA in head:
        del head[VIEW_CAMERA]
    camera = parts_of(head).camera
    if camera is not None:
        camera.data.show_passepartout = bool(note["passepartout"])
        camera.data.show_background_images = bool(note["backgrounds"])
        for entry, was in zip(camera.data.background_images, note["photos"], strict=False):
            entry.alpha, entry.display_depth, entry.frame_method = was["alpha"], was["depth"], was["frame"]
    keys = shape_keys(head)
    shown = note.get("shown", {})
    for name, value in note.get("weights", {}).items():
        # What was moved since is the person's own work; what still stands as we put it goes back.
        if name in keys and keys[name].value == shown[name]:
            keys[name].value = value


def _framing(view: View, head: bpy.types.Object) -> tuple[float, tuple[float, float]]:
    """Zoom and offset of the camera's picture in the view that put the face into its middle.

    Blender draws the frame ``fac`` view widths wide, ``fac = (sqrt 2 + zoom / 50)^2 / 4``, and moves it by twice
    the offset times the view's size times ``fac``.
    """
    record = record_of(head)
    width, height = record["camera"]["width"], record["camera"]["height"]
    whole = (0.0, 0.25 * height, width, height / HEAD_TO_FACE)  # heads of earlier versions do not say where it is
    x, y, box_width, box_height = record.get("photo", {}).get("box", whole)
    head_px = min(HEAD_TO_FACE * box_height, height)
    fac = PICTURE_HEIGHT * view.height / head_px * width / view.width
    zoom = min(max(50.0 * (sqrt(4.0 * fac) - sqrt(2.0)), -30.0), 600.0)
    # Hair rises above the box: the head's middle is a little higher than the face's.
    middle = x + 0.5 * box_width, y + 0.5 * box_height - 0.1 * box_height
    right = (middle[0] - 0.5 * width) / (2.0 * width)
    up = (0.5 * height - middle[1]) / (2.0 * width) * view.width / view.height
    return zoom, (min(max(right, -1.0), 1.0), min(max(up, -1.0), 1.0))
