"""USD: what Blender writes into it of blend shapes, skeleton, textures and animation."""

from __future__ import annotations

import zipfile
from pathlib import Path

import bpy
import pytest
from exporting_help import animated_snapshot, export
from facewright.face_model.base import ARKIT_NAMES

from blender_addon.exporting.gather import gather
from blender_addon.exporting.sample import Range
from blender_addon.scene.build import HeadObjects


@pytest.mark.parametrize("preset", ["USDC", "USDZ"])
def test_usd_keeps_channels_skeleton_animation_and_textures(
    preset: str, built: HeadObjects, tmp_path: Path
) -> None:
    written = export(tmp_path, preset, built, animated_snapshot(built))
    assert written["problems"] == []
    assert (written["channels"], written["curves"], written["textures"]) == (52, 2, 4)
    assert written["deviation"] < 1e-6
    assert len(list((tmp_path / "out" / "Anna_textures").iterdir())) == 4
    if preset == "USDZ":
        with zipfile.ZipFile(tmp_path / "out" / "Anna.usdz") as package:
            names = package.namelist()
        assert sum(name.endswith(".png") for name in names) == 4 and names[0].endswith(".usdc")


def test_the_file_says_what_the_panel_says(built: HeadObjects, tmp_path: Path) -> None:
    """Metres, Z up, a skeleton, 52 blend shapes by their names, textures by relative paths."""
    if hasattr(bpy.utils, "expose_bundled_modules"):
        bpy.utils.expose_bundled_modules()
    pxr = pytest.importorskip("pxr", reason="this Blender module brings no USD library for Python")
    from pxr import Usd, UsdGeom, UsdShade, UsdSkel

    assert pxr
    export(tmp_path, "USDC", built, animated_snapshot(built))
    opened = Usd.Stage.Open(str(tmp_path / "out" / "Anna.usdc"))
    assert UsdGeom.GetStageUpAxis(opened) == "Z" and UsdGeom.GetStageMetersPerUnit(opened) == 1.0
    kinds = [prim.GetTypeName() for prim in opened.Traverse()]
    assert kinds.count("BlendShape") == 52 and kinds.count("Skeleton") == 1 and kinds.count("SkelAnimation") == 1
    mesh = next(prim for prim in opened.Traverse() if prim.GetTypeName() == "Mesh")
    assert set(UsdSkel.BindingAPI(mesh).GetBlendShapesAttr().Get()) == set(ARKIT_NAMES)
    files = [
        str(UsdShade.Shader(prim).GetInput("file").Get().path)
        for prim in opened.Traverse()
        if prim.GetTypeName() == "Shader" and UsdShade.Shader(prim).GetInput("file")
    ]
    assert len(files) == 4 and all(file.startswith(("Anna_textures/", "./Anna_textures/")) for file in files)


def test_names_that_usd_cannot_hold_are_reported(built: HeadObjects, tmp_path: Path) -> None:
    built.head.shape_key_add(name="my own key", from_mix=False)
    written = export(tmp_path, "USDC", built, gather(built.head, bpy.context.scene, Range.NONE))
    assert written["channels"] == 53
    assert written["problems"] == ["1 channel missing, such as my own key"]
