"""Pictures of the key expressions on each head as icons, drawn one by one while the interface stays alive.

They are kept for this session only, by the session's number of the head's Key datablock, which renaming and undo
leave alone. The drawing itself needs no Blender data once it has begun, so that the head may change or go.
"""

from __future__ import annotations

import bpy
import bpy.utils.previews
import numpy as np

from ..expressions.key_poses import POSES
from .pose_pictures import Portrait, draw_pose, portrait_of

SIZE = 112  # pixels
MOST_HEADS = 8
"""Pictures of so many heads are kept; the oldest go first."""

_icons: dict[int, bpy.utils.previews.ImagePreviewCollection] = {}
_waiting: list[tuple[int, Portrait, str]] = []


def icon_of(head: bpy.types.Object, name: str) -> int:
    """Icon of a key expression on this head; 0 where it is not drawn (yet)."""
    collection = _icons.get(head.data.shape_keys.session_uid)
    return collection[name].icon_id if collection is not None and name in collection else 0


def has_pictures(head: bpy.types.Object) -> bool:
    """Whether pictures of this head are there, or are being drawn."""
    return head.data.shape_keys.session_uid in _icons


def draw_pictures(head: bpy.types.Object, at_once: bool = False) -> None:
    """Draw all key expressions on this head as it is now; ``at_once`` waits for them, else they come in turn."""
    key = head.data.shape_keys.session_uid
    _forget(key)
    while len(_icons) >= MOST_HEADS:
        _forget(next(iter(_icons)))
    _icons[key] = bpy.utils.previews.new()
    portrait = portrait_of(head, [blendshape for pose in POSES.values() for blendshape in pose])
    _waiting.extend((key, portrait, name) for name in POSES)
    if at_once:
        while _waiting:
            _draw_next()
    elif not bpy.app.timers.is_registered(_step):
        bpy.app.timers.register(_step)


def clear() -> None:
    """Forget all pictures and stop drawing."""
    if bpy.app.timers.is_registered(_step):
        bpy.app.timers.unregister(_step)
    for key in list(_icons):
        _forget(key)


def _forget(key: int) -> None:
    collection = _icons.pop(key, None)
    if collection is not None:
        bpy.utils.previews.remove(collection)
    _waiting[:] = [entry for entry in _waiting if entry[0] != key]


def _draw_next() -> None:
    key, portrait, name = _waiting.pop(0)
    picture = draw_pose(portrait, POSES[name], SIZE)
    preview = _icons[key].new(name)
    preview.image_size = (SIZE, SIZE)
    preview.image_pixels_float.foreach_set(np.ascontiguousarray(picture, np.float32).ravel())


def _step() -> float | None:
    """Timer: one picture, then a breath for the interface."""
    if not _waiting:
        return None
    _draw_next()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if region.type == "UI":
                        region.tag_redraw()
    return 0.01 if _waiting else None
