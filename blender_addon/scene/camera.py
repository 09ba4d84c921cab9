"""The photo's camera, with the photo behind the head."""

from __future__ import annotations

import bpy
from mathutils import Matrix

from ..backend_door import Head, PhotoCamera
from .coordinates import camera_matrix

SENSOR_WIDTH_MM = 36.0


def build_camera(head: Head, name: str, photo: bpy.types.Image | None) -> bpy.types.Object:
    """An unlinked camera object that sees the upright head at the origin as the photo's camera saw it."""
    data = bpy.data.cameras.new(name)
    match_lens(data, head.camera)
    data.clip_start, data.clip_end = 0.01, 100.0
    data.display_size = 0.1  # its drawn frame would cross the whole view
    data.show_passepartout, data.passepartout_alpha = True, 0.7
    if photo is not None:
        background = data.background_images.new()
        background.image = photo
        background.display_depth = "BACK"
        background.frame_method = "STRETCH"
        background.alpha = 1.0
        data.show_background_images = True
    obj = bpy.data.objects.new(name, data)
    obj.matrix_world = Matrix(camera_matrix(head.rotation, head.translation_mm).tolist())
    return obj


def match_lens(data: bpy.types.Camera, camera: PhotoCamera) -> None:
    """Pinhole parameters to Blender's lens and shifts, both in units of the sensor's width.

    ``u = cx - fx X/Z`` with the picture's width W on the sensor's width s: lens = s fx / W. A principal point
    to the right of the middle means a window shifted to the left: shift_x = (W/2 - cx) / W. Rows run down, so
    shift_y = (cy - H/2) / W times the pixel aspect fx/fy.
    """
    data.type = "PERSP"
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width = SENSOR_WIDTH_MM
    data.lens = SENSOR_WIDTH_MM * camera.fx / camera.width
    data.shift_x = (0.5 * camera.width - camera.cx) / camera.width
    data.shift_y = (camera.cy - 0.5 * camera.height) / camera.width * (camera.fx / camera.fy)


def match_render(render: bpy.types.RenderSettings, camera: PhotoCamera) -> None:
    """Give the scene's picture the photo's size and pixel shape (Blender keeps these at the scene)."""
    render.resolution_x, render.resolution_y = camera.width, camera.height
    render.resolution_percentage = 100
    aspect = camera.fx / camera.fy  # height of a pixel in units of its width
    render.pixel_aspect_x, render.pixel_aspect_y = max(1.0, 1.0 / aspect), max(1.0, aspect)
