"""A head's detail in its skin material: the maps' images, their sum as displacement, and the blood's flow."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..backend_door import HeadDetail
from ..detail_nodes.blood_flow import KIND as BLOOD_FLOW
from ..detail_nodes.blood_flow import blood_flow_group
from ..detail_nodes.displacement import HEIGHT, OFFSET, STEP, alpha_socket, colour_socket, displacement_group
from ..detail_nodes.displacement import KIND as DISPLACEMENT
from ..detail_nodes.sheet import is_group
from .materials import MATERIAL, PORE_MM, TEXTURE, load_texture


def skin_material(obj: bpy.types.Object) -> bpy.types.Material | None:
    """The head's own skin material; None where the artist has put another in its place."""
    return next((m for m in obj.data.materials if m is not None and m.get(MATERIAL) == "skin"), None)


def show_detail(material: bpy.types.Material, name: str, detail: HeadDetail) -> None:
    """Let a skin material show a head's detail: displacement along the normal, and the blood's flow.

    What it showed of detail is replaced; a bump of our own that stood in for pores goes. ``name`` is the head's,
    for the images. Raises BundleInvalid where an image cannot be read; the material is as it was then.
    """
    #   Image Texture (albedo) --> Blood Flow -- Base Color --> Principled --------> Output
    #   6 x Image Texture (detail) --> Facewright Displacement --> Displacement -------^
    images = [load_detail_image(path, f"{name}_{path.stem}") for path in detail.images]
    remove_displacement(material)
    tree = material.node_tree
    nodes, link = tree.nodes, tree.links.new
    active = nodes.active
    group = nodes.new("ShaderNodeGroup")
    group.node_tree, group.location, group.width = displacement_group(), (-320, -360), 220
    group.inputs[STEP].default_value, group.inputs[OFFSET].default_value = detail.step_mm, detail.offset
    for row, image in enumerate(images):
        node = nodes.new("ShaderNodeTexImage")
        node.image, node.extension, node.interpolation = image, "EXTEND", "Cubic"
        node.label, node.hide, node.location = image[TEXTURE], True, (-640, -360 - 50 * row)
        link(node.outputs["Color"], group.inputs[colour_socket(image[TEXTURE])])
        if alpha_socket(image[TEXTURE]) in group.inputs:
            link(node.outputs["Alpha"], group.inputs[alpha_socket(image[TEXTURE])])
    displacement = nodes.new("ShaderNodeDisplacement")
    displacement.inputs["Midlevel"].default_value, displacement.inputs["Scale"].default_value = 0.0, 1.0
    displacement.location = (80, -360)
    link(group.outputs[HEIGHT], displacement.inputs["Height"])
    output = next(node for node in nodes if node.type == "OUTPUT_MATERIAL")
    link(displacement.outputs["Displacement"], output.inputs["Displacement"])
    material.displacement_method = "BUMP"
    colour = insert_blood_flow(tree)
    nodes.active = active or colour  # the texture that plain shading shows


def load_detail_image(path: Path, name: str) -> bpy.types.Image:
    """Load and pack one of the detail's images so that every value is what the file holds. Raises BundleInvalid."""
    image = load_texture(path, name)
    image.colorspace_settings.name = "Non-Color"
    image.alpha_mode = "CHANNEL_PACKED"  # alpha is a map like the others
    image.use_half_precision = False  # half floats would make steps of 8 micrometres
    return image


def remove_displacement(material: bpy.types.Material) -> None:
    """Take what ``show_detail`` made, and the bump that stands in for it, out of a material."""
    tree = material.node_tree
    remove_blood_flow(tree)
    for node in [node for node in tree.nodes if node.type == "GROUP" and is_group(node.node_tree, DISPLACEMENT)]:
        ends = {link.to_node for socket in node.outputs for link in socket.links}
        starts = {link.from_node for socket in node.inputs for link in socket.links}
        for gone in (node, *starts, *(end for end in ends if end.type == "DISPLACEMENT")):
            tree.nodes.remove(gone)
    bump = next((node for node in tree.nodes if _stands_in(node)), None)
    for gone in [] if bump is None else _all_before(bump):
        tree.nodes.remove(gone)


def remove_blood_flow(tree: bpy.types.NodeTree) -> bool:
    """Let the skin's colour go straight to its shader, as exporters want it; whether something was in between."""
    nodes = [node for node in tree.nodes if node.type == "GROUP" and is_group(node.node_tree, BLOOD_FLOW)]
    for node in nodes:
        for before in [link.from_socket for link in node.inputs["Color"].links]:
            for after in [link.to_socket for link in node.outputs["Color"].links]:
                tree.links.new(before, after)
        tree.nodes.remove(node)
    return bool(nodes)


def _stands_in(node: bpy.types.Node) -> bool:
    """Whether a node is the bump that ``materials`` gives a skin without detail for pores."""
    if node.type != "BUMP" or not node.inputs["Height"].is_linked:
        return False
    noise = node.inputs["Height"].links[0].from_node
    return noise.type == "TEX_NOISE" and abs(noise.inputs["Scale"].default_value * PORE_MM - 1.0) < 1e-3


def _all_before(node: bpy.types.Node) -> list[bpy.types.Node]:
    """A node and all that leads to it."""
    before = {link.from_node.name: link.from_node for socket in node.inputs for link in socket.links}
    return [node, *(other for each in before.values() for other in _all_before(each))]


def insert_blood_flow(tree: bpy.types.NodeTree) -> bpy.types.Node | None:
    """Put the blood flow between the skin's colour and its shader; the node that the colour comes from."""
    shader = next((node for node in tree.nodes if node.type == "BSDF_PRINCIPLED"), None)
    if shader is None or not shader.inputs["Base Color"].is_linked:
        return None
    colour = shader.inputs["Base Color"].links[0].from_socket
    node = tree.nodes.new("ShaderNodeGroup")
    node.node_tree, node.width = blood_flow_group(), 200
    node.location = (shader.location.x - 240, shader.location.y)
    colour.node.location.x = min(colour.node.location.x, shader.location.x - 560)
    tree.links.new(colour, node.inputs["Color"])
    tree.links.new(node.outputs["Color"], shader.inputs["Base Color"])
    return colour.node
