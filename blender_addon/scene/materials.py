"""Materials for skin, eyes, cornea, teeth and mouth that hold in Cycles and in EEVEE.

Each textured material is one Principled shader whose Base Color is the image itself, because that is what
the FBX and glTF exporters understand; only the cornea is more than that (``export`` replaces it for files).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import bpy
import numpy as np
from numpy.typing import NDArray

from ..backend_door import BundleInvalid, Head

MM = 0.001
MATERIAL, TEXTURE = "facewright_material", "facewright_texture"
"""Custom properties that say what a material or an image of a head is: the slot's name, the file's."""


class Surface(NamedTuple):
    """Principled inputs of one material.

    ``scatter_mm``: mean distance that red, green and blue light travels under the surface; ``scatter_weight``
    how much of the diffuse light does.
    """

    roughness: float
    specular: float
    scatter_weight: float
    scatter_mm: tuple[float, float, float]
    coat: float = 0.0
    coat_roughness: float = 0.1


SURFACES = {
    # Skin: measured mean free paths are 3.7, 1.4 and 0.7 mm (Jensen et al. 2001, table "skin1"), but a photo
    # is already blurred by them once; half of that keeps its detail.
    "skin": Surface(0.48, 0.40, 1.0, (1.8, 0.7, 0.35)),
    # Sclera and iris lie under the cornea, which carries the highlight; they must not shine themselves.
    "eye": Surface(0.6, 0.1, 0.25, (1.0, 0.6, 0.4)),
    "teeth": Surface(0.25, 0.5, 0.4, (0.8, 0.6, 0.4)),
    "mouth": Surface(0.4, 0.45, 0.5, (1.5, 0.5, 0.3), coat=0.25, coat_roughness=0.2),
}
CORNEA_IOR, CORNEA_ROUGHNESS = 1.376, 0.03
PORE_MM, PORE_DEPTH_MM = 0.7, 0.05


def build_materials(head: Head, name: str) -> list[bpy.types.Material]:
    """One material per name in ``head.material_names``, in that order, called ``<name>_<material>``."""
    files = {"skin": head.albedo, "eye": head.iris, "teeth": head.teeth, "mouth": head.mouth}
    result = []
    for slot in head.material_names:
        material = bpy.data.materials.new(f"{name}_{slot}")
        material[MATERIAL] = slot
        if slot == "cornea":
            _cornea(material)
        else:
            image = load_texture(files[slot], f"{name}_{files[slot].stem}")
            _textured(material, image, SURFACES[slot])
            if slot == "skin" and head.detail is None:
                _pores(material, 0.001 * (head.neutral.max(0) - head.neutral.min(0))[[0, 2, 1]])
        result.append(material)
    return result


def load_texture(path: Path, name: str) -> bpy.types.Image:
    """Load and pack a texture of a bundle, and mark it as one. Raises BundleInvalid."""
    image = load_image(path, name, f"//{path.parent.name}/{path.name}")
    image[TEXTURE] = path.stem
    return image


def load_image(path: Path, name: str, relative: str) -> bpy.types.Image:
    """Load and pack an image. ``relative`` is where it lies beside a .blend in the bundle's folder.

    Raises BundleInvalid where the file is not an image.
    """
    try:
        image = bpy.data.images.load(str(path), check_existing=False)
        image.pack()
    except RuntimeError as error:
        raise BundleInvalid(f"{path} cannot be read as an image.") from error
    if image.size[0] == 0:
        bpy.data.images.remove(image)
        raise BundleInvalid(f"{path} cannot be read as an image.")
    image.name = name
    # A bundle may be moved after this; the packed pixels do not need the path, unpacking does.
    image.filepath_raw = relative
    if image.packed_files:
        image.packed_files[0].filepath = relative
    return image


def node_tree(material: bpy.types.Material) -> bpy.types.NodeTree:
    """The material's node tree, empty."""
    if bpy.app.version < (5, 0, 0):  # later ones always have nodes, and warn when told so
        material.use_nodes = True
    material.node_tree.nodes.clear()
    return material.node_tree


def principled(tree: bpy.types.NodeTree, **inputs: Any) -> bpy.types.Node:
    """A Principled shader with the inputs set (underscores for spaces), linked to the output."""
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled")
    for key, value in inputs.items():
        shader.inputs[key.replace("_", " ")].default_value = value
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    output.location = (320, 0)
    tree.links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    return shader


def _textured(material: bpy.types.Material, image: bpy.types.Image, surface: Surface) -> None:
    #   Image Texture (albedo) -- Base Color --> Principled --> Output
    tree = node_tree(material)
    longest = max(surface.scatter_mm)
    shader = principled(
        tree,
        Roughness=surface.roughness,
        Specular_IOR_Level=surface.specular,
        Subsurface_Weight=surface.scatter_weight,
        Subsurface_Radius=[distance / longest for distance in surface.scatter_mm],
        Subsurface_Scale=longest * MM,
        Coat_Weight=surface.coat,
        Coat_Roughness=surface.coat_roughness,
    )
    shader.subsurface_method = "RANDOM_WALK"
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image, texture.extension, texture.location = image, "EXTEND", (-340, 0)
    tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])


def _pores(material: bpy.types.Material, size: NDArray[np.floating]) -> None:
    """Break up the skin's highlights as pores do: without them a smooth texture looks like wax.

    ``size`` (3,): the head's extent in metres along Blender's axes. Generated coordinates run from 0 to 1 over
    it, on the mesh at rest, so that the grain stays on the skin when the face moves.
    """
    #   Texture Coordinate (Generated) --> Mapping (to millimetres) --> Noise --> Bump -- Normal --> Principled
    tree = material.node_tree
    shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
    place = tree.nodes.new("ShaderNodeTexCoord")
    mapping = tree.nodes.new("ShaderNodeMapping")
    mapping.inputs["Scale"].default_value = [float(extent) / MM for extent in size]
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = 1.0 / PORE_MM
    noise.inputs["Detail"].default_value = 3.0
    bump = tree.nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value = 1.0
    bump.inputs["Distance"].default_value = PORE_DEPTH_MM * MM
    for column, node in enumerate((place, mapping, noise, bump)):
        node.location = (-1000 + 190 * column, -320)
    tree.links.new(place.outputs["Generated"], mapping.inputs["Vector"])
    tree.links.new(mapping.outputs["Vector"], noise.inputs["Vector"])
    tree.links.new(noise.outputs[0], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])


def _cornea(material: bpy.types.Material) -> None:
    """A wet, clear shell that only adds reflections.

    Real refraction would need caustics to light the iris behind it; a shell that lets everything through and
    reflects by Fresnel's law looks the same from outside and costs nothing, in both engines.
    """
    #   Fresnel ----------- Fac --> Mix Shader --> Output
    #   Transparent -- Shader 1 -->
    #   Glossy ------- Shader 2 -->
    tree = node_tree(material)
    fresnel = tree.nodes.new("ShaderNodeFresnel")
    fresnel.inputs["IOR"].default_value = CORNEA_IOR
    transparent = tree.nodes.new("ShaderNodeBsdfTransparent")
    glossy = tree.nodes.new("ShaderNodeBsdfGlossy")
    glossy.inputs["Roughness"].default_value = CORNEA_ROUGHNESS
    mix = tree.nodes.new("ShaderNodeMixShader")
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    fresnel.location, transparent.location, glossy.location = (-260, 180), (-260, 20), (-260, -100)
    output.location = (200, 0)
    tree.links.new(fresnel.outputs[0], mix.inputs[0])
    tree.links.new(transparent.outputs[0], mix.inputs[1])
    tree.links.new(glossy.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], output.inputs["Surface"])
    # Blended, not dithered: no noise over the iris. Its shadow would darken the eye.
    material.surface_render_method = "BLENDED"
    material.use_transparency_overlap = False
    material.use_transparent_shadow = True
    material.diffuse_color = (0.0, 0.0, 0.0, 0.05)


def export_cornea(material: bpy.types.Material) -> None:
    """Fill a material with the nearest to the cornea that FBX and glTF can say: smooth and almost clear."""
    tree = node_tree(material)
    principled(tree, Base_Color=(1.0, 1.0, 1.0, 1.0), Roughness=CORNEA_ROUGHNESS, IOR=CORNEA_IOR, Alpha=0.08)
