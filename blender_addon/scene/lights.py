"""Plain portrait lighting: key, fill and rim on a neutral world. For scenes of our own making only."""

from __future__ import annotations

from math import cos, radians, sin
from typing import NamedTuple

import bpy
from mathutils import Vector


class Light(NamedTuple):
    """An area light on a sphere about the head: ``azimuth`` from the face's direction towards the subject's
    left, ``elevation`` (degrees), ``distance`` and ``size`` (m), ``power`` (W), ``colour`` (linear RGB)."""

    name: str
    azimuth: float
    elevation: float
    distance: float
    size: float
    power: float
    colour: tuple[float, float, float]


LIGHTS = (
    Light("Key", 32.0, 28.0, 1.1, 0.6, 12.0, (1.0, 0.96, 0.92)),
    Light("Fill", -45.0, 5.0, 1.3, 1.0, 5.5, (0.93, 0.96, 1.0)),
    Light("Rim", 160.0, 35.0, 1.1, 0.35, 7.0, (1.0, 1.0, 1.0)),
)
WORLD_COLOUR, WORLD_STRENGTH = (0.32, 0.32, 0.32), 0.5


def build_lights(collection: bpy.types.Collection, target: Vector) -> list[bpy.types.Object]:
    """Three area lights that point at ``target`` (metres), linked to ``collection``."""
    result = []
    for light in LIGHTS:
        data = bpy.data.lights.new(light.name, "AREA")
        data.shape, data.size = "DISK", light.size
        data.energy, data.color = light.power, light.colour
        obj = bpy.data.objects.new(light.name, data)
        azimuth, elevation = radians(light.azimuth), radians(light.elevation)
        direction = Vector((sin(azimuth) * cos(elevation), -cos(azimuth) * cos(elevation), sin(elevation)))
        obj.location = target + direction * light.distance
        obj.rotation_euler = (-direction).to_track_quat("-Z", "Y").to_euler()
        collection.objects.link(obj)
        result.append(obj)
    return result


def neutral_world(scene: bpy.types.Scene) -> None:
    """A dim grey surrounding without colour of its own."""
    world = bpy.data.worlds.new("Neutral")
    if bpy.app.version < (5, 0, 0):  # later ones always have nodes, and warn when told so
        world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (*WORLD_COLOUR, 1.0)
    background.inputs["Strength"].default_value = WORLD_STRENGTH
    scene.world = world
