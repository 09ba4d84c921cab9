"""What can be written, and the exporters' settings for it. ``docs/export.md`` says the same for people."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Preset(NamedTuple):
    """One kind of file.

    key: its identifier; label and description: what the panel says; suffix: with the dot; format: "FBX", "GLTF" or
    "USD"; textures: name of the folder beside the file, {} being the file's name without suffix; options: of the
    exporter; armature: a name that the engine wants the armature to have in the file, else None; green_down: the
    engine's normal maps are DirectX's.
    """

    key: str
    label: str
    description: str
    suffix: str
    format: str
    textures: str
    options: Mapping[str, Any] = MappingProxyType({})
    armature: str | None = None
    green_down: bool = False


# use_mesh_modifiers stays off: with any modifier it would drop all shape keys without a word.
FBX_OPTIONS: Mapping[str, Any] = MappingProxyType({
    "check_existing": False, "use_selection": True, "object_types": {"ARMATURE", "MESH"},
    "global_scale": 1.0, "apply_unit_scale": True, "apply_scale_options": "FBX_SCALE_UNITS",
    "axis_forward": "-Z", "axis_up": "Y", "use_mesh_modifiers": False, "mesh_smooth_type": "OFF",
    "add_leaf_bones": False, "primary_bone_axis": "Y", "secondary_bone_axis": "X", "armature_nodetype": "NULL",
    "bake_anim_use_all_actions": False, "bake_anim_use_nla_strips": False,
    "bake_anim_simplify_factor": 0.0, "path_mode": "COPY", "embed_textures": True, "colors_type": "NONE",
})  # fmt: skip

GLTF_OPTIONS: Mapping[str, Any] = MappingProxyType({
    "check_existing": False, "use_selection": True, "export_format": "GLB", "export_yup": True,
    "export_apply": False, "export_skins": True, "export_morph": True, "export_morph_normal": True,
    "export_morph_tangent": False, "export_morph_animation": True, "export_animation_mode": "ACTIVE_ACTIONS",
    "export_vertex_color": "NONE", "export_extras": False, "export_cameras": False, "export_lights": False,
    "export_image_format": "AUTO",
})  # fmt: skip

USD_OPTIONS: Mapping[str, Any] = MappingProxyType({
    "check_existing": False, "selected_objects_only": True, "export_uvmaps": True, "rename_uvmaps": True,
    "export_mesh_colors": False, "export_normals": True, "export_materials": True, "export_hair": False,
    "export_armatures": True, "only_deform_bones": False, "export_shapekeys": True, "use_instancing": False,
    "evaluation_mode": "RENDER", "generate_preview_surface": True, "convert_orientation": False,
    "export_lights": False, "export_cameras": False, "export_curves": False, "export_volumes": False,
    "convert_world_material": False, "export_custom_properties": False, "relative_paths": True,
    "root_prim_path": "/root", "export_subdivision": "IGNORE",
})  # fmt: skip

PRESETS: Mapping[str, Preset] = MappingProxyType({
    preset.key: preset
    for preset in (
        Preset(
            "FBX_UNREAL",
            "Unreal Engine (FBX)",
            "1 unit is 1 m, smoothing groups, no leaf bones; the armature's object is called Armature in the file, "
            "so that Unreal makes 'root' the root bone. In Unreal's import dialog: Skeletal Mesh, Import Morph "
            "Targets on, Convert Scene Unit on, Import Normals",
            ".fbx",
            "FBX",
            "{}.fbm",
            MappingProxyType({**FBX_OPTIONS, "mesh_smooth_type": "FACE"}),
            "Armature",
            green_down=True,
        ),
        Preset(
            "FBX_UNITY",
            "Unity (FBX)",
            "1 unit is 1 m, no leaf bones. In Unity's import settings: Convert Units on, Scale Factor 1, Bake "
            "Axis Conversion on, Import BlendShapes on, Blend Shape Normals None, Skin Weights 4 Bones",
            ".fbx",
            "FBX",
            "{}.fbm",
            FBX_OPTIONS,
        ),
        Preset(
            "FBX",
            "FBX",
            "1 unit is 1 m, Y up, -Z forward, textures embedded and beside the file. For Maya, MotionBuilder, "
            "Cinema 4D, Houdini and others",
            ".fbx",
            "FBX",
            "{}.fbm",
            FBX_OPTIONS,
        ),
        Preset(
            "GLB",
            "glTF Binary (.glb)",
            "One file with everything in it: morph targets with normals, skin, textures, animation. For the web, "
            "Godot and real-time viewers",
            ".glb",
            "GLTF",
            "{}_textures",
            GLTF_OPTIONS,
        ),
        Preset(
            "GLTF",
            "glTF Separate (.gltf)",
            "The same as binary glTF with geometry (.bin) and textures in files of their own beside it",
            ".gltf",
            "GLTF",
            "{}_textures",
            MappingProxyType({**GLTF_OPTIONS, "export_format": "GLTF_SEPARATE"}),
        ),
        Preset(
            "USDC",
            "USD (.usdc)",
            "Metres, Z up: blend shapes, skeleton, preview surfaces and animation. For Omniverse, Houdini, Maya",
            ".usdc",
            "USD",
            "{}_textures",
            USD_OPTIONS,
        ),
        Preset(
            "USDZ",
            "USD Package (.usdz)",
            "The same as USD in one file with its textures. Viewers on phones may ignore blend shapes",
            ".usdz",
            "USD",
            "{}_textures",
            USD_OPTIONS,
        ),
    )
})  # fmt: skip
