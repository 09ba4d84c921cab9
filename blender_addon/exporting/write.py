"""In the worker: call the exporter of a preset, and put what it wrote in its place."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from ..backend_door import OutputUnwritable
from ..export import ExportFailed, clean_fbx
from .presets import Preset


def write_file(preset: Preset, path: Path, animated: bool) -> None:
    """Let Blender write the selected objects as ``path``. Raises ExportFailed where it did not."""
    writers: dict[str, Callable[[Preset, Path, bool], Any]] = {"FBX": _fbx, "GLTF": _gltf, "USD": _usd}
    try:
        writers[preset.format](preset, path, animated)
    except RuntimeError as error:  # how Blender's operators report
        raise ExportFailed(f"Blender could not write {path.name}: {str(error).strip()}") from error
    if not path.is_file() or path.stat().st_size == 0:
        raise ExportFailed(f"Blender did not write {path.name}; is the disk full?")


def _fbx(preset: Preset, path: Path, animated: bool) -> None:
    bpy.ops.export_scene.fbx(filepath=str(path), bake_anim=animated, **preset.options)
    clean_fbx(path)


def _gltf(preset: Preset, path: Path, animated: bool) -> None:
    options = dict(preset.options)
    if options["export_format"] == "GLTF_SEPARATE":
        options["export_texture_dir"] = preset.textures.format(path.stem)
    bpy.ops.export_scene.gltf(filepath=str(path), export_animations=animated, **options)


def _usd(preset: Preset, path: Path, animated: bool) -> None:
    options = dict(preset.options)
    known = bpy.ops.wm.usd_export.get_rna_type().properties.keys()
    # The textures lie beside the file already; a package takes them in.
    if "export_textures_mode" in known:
        options["export_textures_mode"] = "KEEP" if path.suffix == ".usdc" else "PRESERVE"
    if "export_textures" in known and bpy.app.version < (4, 5, 0):
        options["export_textures"] = False
    bpy.ops.wm.usd_export(filepath=str(path), export_animation=animated, **options)


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """A folder to write into; what it holds in the end is moved to where ``path`` lies, file by file.

    Raises OutputUnwritable (folder missing, read-only, disk full).
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".facewright-", dir=path.parent) as made:
            yield Path(made)
            # The file itself first: where that cannot be, its textures shall not be either.
            files = [entry for entry in Path(made).rglob("*") if entry.is_file()]
            for file in sorted(files, key=lambda entry: (len(entry.parts), entry.name != path.name, entry)):
                target = path.parent / file.relative_to(made)
                target.parent.mkdir(exist_ok=True)
                file.replace(target)
    except OSError as error:
        raise OutputUnwritable(f"{path} cannot be written: {error.strerror or error}.") from error
