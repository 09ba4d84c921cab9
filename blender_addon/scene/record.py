"""What is kept with a head about where it comes from, so that panels and repairs need no file.

The record is plain data under the custom property ``facewright`` of the head's mesh object; armature and camera
carry the same, so that any part that is left can bring back the others. Heads of earlier versions lack some.

    versions            name -> version
    bundle              folder of the head bundle that the geometry comes from
    textures            folder of the bundle that the textures come from
    detail              folder of the bundle that the dynamic detail comes from; absent where there is none
    photo               name, sha256, width, height (pixels), box (x, y, width, height of the face), face (its
                        number), focal_length_mm (the photo's own); path, where the photo lay
    photo_sha256        the same sum, where earlier versions look for it
    model, model_sha256 the face model
    settings            head.json's settings as JSON
    identity, expression, camera, rotation, translation_mm, jaw_open_degrees
    size_factor         how often its size was changed since: millimetres now per millimetre of the bundle
    scale               pupils_mm, head_height_mm (now), relative_sd, source
    residual            mean_px, relative, mean_mm (at the head's distance, now)
    seen_percent        share of the skin that the photo shows
    texture_size        pixels
    warnings            one per line
    seconds             of the reconstruction
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..backend_door import Head
from ..heads import ARMATURE, CAMERA, HEAD, PART, RECORD, HeadParts

KEY_TOKEN = "facewright_key"
"""Custom property of a head's shape keys that no other head's have; copies are recognised by it (``follow``)."""


def describe(head: Head, jaw_open_degrees: float) -> dict[str, Any]:
    """The record of a head that has just been built. Entries that the bundle lacks are left out."""
    source = head.record
    photo, settings = source.get("photo", {}), source.get("settings", {})
    known = ("name", "sha256", "width", "height", "box", "face", "focal_length_mm")
    record = {
        "versions": {str(k): str(v) for k, v in source.get("versions", {}).items()},
        "bundle": str(head.photo.parent),
        "textures": str(head.albedo.parent.parent),
        "photo": {key: photo[key] for key in known if photo.get(key) is not None},
        "photo_sha256": str(photo.get("sha256", "")),
        "model": str(source.get("model", {}).get("name", "")),
        "model_sha256": str(source.get("model", {}).get("sha256", "")),
        "settings": json.dumps(settings),
        "identity": [float(value) for value in source.get("identity", [])],
        "expression": dict(head.expression),
        "camera": dict(head.camera._asdict()),
        "rotation": head.rotation.ravel().tolist(),
        "translation_mm": head.translation_mm.tolist(),
        "jaw_open_degrees": jaw_open_degrees,
        "size_factor": 1.0,
        "scale": {"head_height_mm": head_height_mm(head)},
        "warnings": "\n".join(str(text) for text in source.get("warnings", [])),
    }
    scale, residual, texture = (source.get(name, {}) for name in ("scale", "residual", "texture"))
    if "pupil_distance_mm" in scale:
        record["scale"] |= {
            "pupils_mm": float(scale["pupil_distance_mm"]),
            "relative_sd": float(scale["relative_sd"]),
            "source": str(scale["source"]),
        }
    if "mean_px" in residual:
        mean_px = float(residual["mean_px"])
        record["residual"] = {
            "mean_px": mean_px,
            "relative": float(residual["relative"]),
            "mean_mm": mean_px * abs(float(head.translation_mm[2])) / head.camera.fx,
        }
    if head.detail is not None:
        record["detail"] = str(head.photo.parent)
    if "size" in texture:
        record["texture_size"] = int(texture["size"])
        record["seen_percent"] = float(texture["seen_percent"])
    seconds = source.get("timings", {}).get("seconds", {})
    if "total" in seconds:
        record["seconds"] = float(seconds["total"])
    return record


def head_height_mm(head: Head) -> float:
    """From the chin to the crown of the neutral head, hair not counted: what callipers held upright measure.

    The crown is the highest place of the skin, the chin's edge where its profile turns from facing forwards to
    facing down, at 45 degrees. Face models that do not name their chin: its foremost point.
    """
    skin = head.neutral[np.unique(head.quads[head.material == head.material_names.index("skin")])]
    region = head.regions.get("chin")
    if region is None or len(region) == 0:
        front = skin[np.abs(skin[:, 0]) < 5.0]
        low = front[front[:, 1] < front[:, 1].min() + 0.5 * np.ptp(front[:, 1])]
        chin = low[np.argmax(low[:, 2])]
    else:
        points = head.neutral[region]
        middle = points[np.abs(points[:, 0]) < 5.0]
        profile = middle if len(middle) else points
        chin = profile[np.argmax(profile[:, 2] - profile[:, 1])]
    return float(skin[:, 1].max() - chin[1])


def mark(parts: HeadParts, record: dict[str, Any]) -> None:
    """Write the record to all parts, and to the shape keys what tells a copy from its original."""
    kinds = (HEAD, ARMATURE, CAMERA)
    for part, kind in zip(parts, kinds, strict=True):
        if part is not None:
            part[PART] = kind
            part[RECORD] = record
    keys = parts.head.data.shape_keys
    if keys is not None:
        new_token(keys)
    settings = getattr(parts.head, "facewright_head", None)  # None where the extension is not registered
    if settings is not None:
        # Blender 5 cannot override settings in a linked head whose file does not hold them.
        settings.overlay_opacity = settings.bl_rna.properties["overlay_opacity"].default


def update(parts: HeadParts, **entries: Any) -> None:
    """Change entries of the record on all parts; the others stay."""
    for part in parts:
        if part is not None and RECORD in part:
            part[RECORD] = part[RECORD].to_dict() | entries


def remember_photo(parts: HeadParts, path: Path) -> None:
    """Note where the photo lies that the head was made from, for textures of another size later."""
    update(parts, photo=parts.head[RECORD].to_dict().get("photo", {}) | {"path": str(path)})


def new_token(keys: bpy.types.Key) -> None:
    """Tell these shape keys from all others."""
    keys[KEY_TOKEN] = uuid.uuid4().hex
