"""``python -m blender_addon.cli_render``: pictures of meshes, asked for line by line, for making benchmarks.

A line of JSON on stdin asks for one picture, a line of JSON on stdout says that it is there; the process ends when
stdin does. Not part of the extension. A request has

    mesh            .npz: vertices (V, 3) mm, model space; quads (F, 4), -1 pads a triangle; uv (F, 4, 2);
                    material (F,) index into ``materials``
    materials       names: those of a head, "hair", "cloth"
    textures        name of a material -> image file; hair and cloth show the skin's
    roughness       of the skin
    camera          width, height, fx, fy, cx, cy; rotation (3, 3), translation_mm (3,): X_cam = R X_model + t
    light           lamps: a list of direction (3,) from the head, model space; distance, size (m); power (W);
                    colour. target_mm (3,) what they point at. sky, ground: linear RGB of the surroundings above
                    and below
    samples, seed, threads   of Cycles
    out             .png, 16 bit RGBA: linear light times EXPOSURE, the alpha is 0 where nothing stands
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from .backend_door import FaceError, Head, MissingDependency, PhotoCamera

EXPOSURE = 0.25
"""Light that is four times as strong as white still fits into the picture."""
HAIR, CLOTH = "hair", "cloth"
OVERLAYS = {HAIR: (0.5, 0.35, 0.0006), CLOTH: (0.85, 0.2, 0.0004)}
"""Roughness, specular level, and depth (m) of the relief that the texture's brightness makes."""


class Stage:
    """The scene of one mesh; it is built anew when a request names another one."""

    def __init__(self) -> None:
        self._shown: tuple[object, ...] | None = None
        self._camera: Any = None
        self._lamps: list[Any] = []

    def render(self, request: dict[str, Any]) -> float:
        """Write the picture of one request; the seconds it took. Raises FaceError, KeyError, ValueError."""
        import bpy

        started = time.perf_counter()
        shown = (request["mesh"], sorted(request["textures"].items()), request["roughness"])
        if shown != self._shown:
            self._shown = None
            self._build(request)
            self._shown = shown
        scene = bpy.context.scene
        self._look(scene, request)
        self._light(scene, request["light"])
        scene.cycles.samples, scene.cycles.seed = request["samples"], request["seed"]
        scene.render.threads_mode, scene.render.threads = "FIXED", request["threads"]
        scene.render.filepath = request["out"]
        bpy.ops.render.render(write_still=True)
        if not Path(request["out"]).is_file():
            raise FaceError(f"Blender did not write {request['out']}; is the disk full?")
        return time.perf_counter() - started

    def _build(self, request: dict[str, Any]) -> None:
        import bpy

        from .scene.materials import build_materials
        from .scene.mesh import build_mesh

        bpy.ops.wm.read_factory_settings(use_empty=True)
        self._lamps = []
        own = tuple(name for name in request["materials"] if name not in OVERLAYS)
        head = _head(request, own)
        obj = build_mesh(head, "Head")
        for material in build_materials(head, "Head"):
            obj.data.materials.append(material)
        for name in request["materials"][len(own) :]:
            obj.data.materials.append(_overlay(name, request["textures"]["skin"]))
        _shader(obj.data.materials[own.index("skin")]).inputs["Roughness"].default_value = request["roughness"]
        scene = bpy.context.scene
        scene.collection.objects.link(obj)
        self._camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
        self._camera.data.clip_start, self._camera.data.clip_end = 0.01, 100.0
        scene.collection.objects.link(self._camera)
        scene.camera = self._camera
        scene.world = _surroundings()
        _settings(scene)

    def _look(self, scene: Any, request: dict[str, Any]) -> None:
        from mathutils import Matrix

        from .scene.camera import match_lens, match_render
        from .scene.coordinates import camera_matrix

        values = request["camera"]
        camera = PhotoCamera(*(values[name] for name in PhotoCamera._fields))
        match_lens(self._camera.data, camera)
        match_render(scene.render, camera)
        pose = camera_matrix(values["rotation"], values["translation_mm"])
        self._camera.matrix_world = Matrix(pose.tolist())

    def _light(self, scene: Any, light: dict[str, Any]) -> None:
        import bpy
        from mathutils import Vector

        from .scene.coordinates import to_blender

        for lamp in self._lamps:
            bpy.data.lights.remove(lamp)  # and with it the object that shows it
        self._lamps = []
        target = Vector(to_blender(np.array(light["target_mm"], np.float64)).tolist())
        for lamp in light["lamps"]:
            data = bpy.data.lights.new("Lamp", "AREA")
            data.shape, data.size, data.energy, data.color = "DISK", lamp["size"], lamp["power"], lamp["colour"]
            obj = bpy.data.objects.new("Lamp", data)
            direction = Vector(to_blender(1000.0 * np.array(lamp["direction"], np.float64)).tolist())
            obj.location = target + direction * lamp["distance"]
            obj.rotation_euler = (-direction).to_track_quat("-Z", "Y").to_euler()
            obj.visible_camera = False
            scene.collection.objects.link(obj)
            self._lamps.append(data)
        ramp = next(node for node in scene.world.node_tree.nodes if node.type == "VALTORGB").color_ramp
        ramp.elements[0].color, ramp.elements[1].color = (*light["ground"], 1.0), (*light["sky"], 1.0)


def _head(request: dict[str, Any], materials: tuple[str, ...]) -> Head:
    """The mesh of a request as a head at rest without blendshapes."""
    with np.load(request["mesh"], allow_pickle=False) as arrays:
        vertices, quads = arrays["vertices"].astype(np.float64), arrays["quads"]
        uv, material = arrays["uv"], arrays["material"]
    nothing = Path()
    files = {"skin": nothing, "eye": nothing, "teeth": nothing, "mouth": nothing}
    files.update({name: Path(path) for name, path in request["textures"].items()})
    camera = PhotoCamera(1, 1, 1.0, 1.0, 0.5, 0.5)
    return Head(
        vertices, np.zeros((0, len(vertices), 3)), (), quads, uv, material, materials, {},
        camera, np.eye(3), np.zeros(3), {},
        files["skin"], files["eye"], files["teeth"], files["mouth"], nothing, {},
    )  # fmt: skip


def _overlay(name: str, texture: str) -> Any:
    """Hair or cloth: coloured by the skin's texture, whose brightness also is their relief."""
    #   Image Texture --> Bump -- Normal --> Principled --> Output
    #         +------------------ Base Color -->
    import bpy

    from .scene.materials import load_texture, node_tree, principled

    roughness, specular, depth = OVERLAYS[name]
    material = bpy.data.materials.new(name)
    tree = node_tree(material)
    shader = principled(tree, Roughness=roughness, Specular_IOR_Level=specular)
    image = tree.nodes.new("ShaderNodeTexImage")
    image.image, image.extension = load_texture(Path(texture), name), "EXTEND"
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Distance"].default_value = depth
    tree.links.new(image.outputs["Color"], bump.inputs["Height"])
    tree.links.new(image.outputs["Color"], shader.inputs["Base Color"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    return material


def _shader(material: Any) -> Any:
    return next(node for node in material.node_tree.nodes if node.type == "BSDF_PRINCIPLED")


def _surroundings() -> Any:
    """A world that goes softly from its ground's colour to its sky's."""
    #   Texture Coordinate (Generated) --> Separate -- Z --> Map Range --> Colour Ramp --> Background --> Output
    import bpy

    world = bpy.data.worlds.new("Surroundings")
    if bpy.app.version < (5, 0, 0):  # later ones always have nodes, and warn when told so
        world.use_nodes = True
    tree = world.node_tree
    tree.nodes.clear()
    place, parts = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeSeparateXYZ")
    height, ramp = tree.nodes.new("ShaderNodeMapRange"), tree.nodes.new("ShaderNodeValToRGB")
    background, output = tree.nodes.new("ShaderNodeBackground"), tree.nodes.new("ShaderNodeOutputWorld")
    height.inputs["From Min"].default_value = -1.0
    tree.links.new(place.outputs["Generated"], parts.inputs[0])
    tree.links.new(parts.outputs["Z"], height.inputs["Value"])
    tree.links.new(height.outputs["Result"], ramp.inputs["Fac"])
    tree.links.new(ramp.outputs["Color"], background.inputs["Color"])
    tree.links.new(background.outputs["Background"], output.inputs["Surface"])
    return world


def _settings(scene: Any) -> None:
    """Cycles on the processor, denoised, linear light out."""
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device = "CPU"
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.use_adaptive_sampling = False
    cycles.use_light_tree = False  # for many lamps; with three it only costs time
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 5, 2, 2
    cycles.caustics_reflective = cycles.caustics_refractive = False
    scene.render.use_persistent_data = True
    scene.render.film_transparent = True
    scene.view_settings.view_transform = "Raw"
    scene.view_settings.exposure = float(np.log2(EXPOSURE))
    image = scene.render.image_settings
    image.file_format, image.color_mode, image.color_depth = "PNG", "RGBA", "16"
    image.compression = 15


def main() -> int:
    """Serve requests until stdin ends; one sentence on stderr and exit code 1 for an error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # Blender chats on file descriptor 1, which is for answers
    try:
        try:
            import bpy
        except ImportError as error:
            raise MissingDependency(
                "Blender's Python module is not installed; run this with a Python that has it (pip install bpy)."
            ) from error
        stage = Stage()
        for line in sys.stdin:
            request = json.loads(line)
            seconds = stage.render(request)
            answer = {"out": request["out"], "seconds": round(seconds, 3), "blender": bpy.app.version_string}
            print(json.dumps(answer), file=answers, flush=True)
    except (FaceError, RuntimeError, OSError, KeyError, ValueError) as error:  # RuntimeError: Blender's operators
        print(error if isinstance(error, FaceError) else f"Blender cannot render: {error!r}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # Blender's module can crash while the interpreter shuts down, after all work is done and written.
    os._exit(code)
