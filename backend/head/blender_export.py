"""Blender files of a bundle: runs the add-on's own command in a fresh interpreter that has Blender's module.

A separate process, so that Blender's memory, its global state and a crash of its own stay out of ours.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from ..config import PACKAGE_DIR
from ..errors import Cancelled, FaceError, MissingDependency
from .bundle import read_bundle
from .detail_files import read_detail
from .detail_masks import has_detail
from .engine_detail import write_engine_detail
from .engine_names import ENGINE_FOLDER

ADDON = "blender_addon"
POLL_SECONDS = 0.2


def require_blender() -> Path:
    """Folder that holds the add-on's package. Raises MissingDependency unless it and Blender's module are there."""
    if importlib.util.find_spec("bpy") is None:
        raise MissingDependency(
            "Blender files need Blender's Python module: install it with 'pip install bpy==4.5.15' (Python 3.11)."
        )
    beside = PACKAGE_DIR.parent
    if (beside / ADDON / "__main__.py").is_file():
        return beside
    installed = importlib.util.find_spec(ADDON)
    if installed is not None and installed.origin is not None:
        return Path(installed.origin).parent.parent
    raise MissingDependency(
        f"Blender files are made by the folder '{ADDON}' of Facewright's source, which is not here: "
        "run from a source checkout, or make the bundle without --blend, --fbx and --glb."
    )


def export_with_blender(folder: Path, kinds: Sequence[str], cancel: Callable[[], bool]) -> None:
    """Write head.<kind> for every kind ("blend", "fbx", "glb") into the bundle in ``folder``.

    Where the bundle has dynamic detail, its wrinkle maps for engines come with "fbx" and "glb".

    Raises
    ------
    MissingDependency : Blender's module or the add-on is not installed
    Cancelled : ``cancel()`` became true; the process was stopped
    FaceError : Blender failed; its own sentence
    """
    with tempfile.TemporaryDirectory(prefix="facewright-") as user:
        process = subprocess.Popen(
            [sys.executable, "-m", ADDON, str(folder.resolve()), "--no-verify", *(f"--{kind}" for kind in kinds)],
            env=blender_environment(user),
            cwd=require_blender(),  # "-m" looks there first, whatever lies where the user stands
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        try:
            log = _wait(process, cancel)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode:
        said = [line.strip() for line in log.splitlines() if line.strip()]
        raise FaceError(
            said[-1] if said and process.returncode == 1 else f"Blender stopped with code {process.returncode}."
        )
    for kind in kinds:
        if not (folder / f"head.{kind}").is_file():
            raise FaceError(f"Blender ended without writing head.{kind}.")
    if not {"fbx", "glb"}.isdisjoint(kinds):
        _write_wrinkle_maps(folder)


def _write_wrinkle_maps(folder: Path) -> None:
    """What FBX and glTF cannot hold of a bundle's detail, as maps and weights beside them."""
    bundle = read_bundle(folder, verify=False)
    if not has_detail(bundle.record):
        return
    (folder / ENGINE_FOLDER).mkdir()
    head = bundle.head
    write_engine_detail(
        folder / ENGINE_FOLDER, "head", read_detail(folder), bundle.topology, head.neutral, head.blendshapes
    )


def blender_environment(user: str) -> dict[str, str]:
    """Variables of the process that has Blender's module.

    The FBX exporter numbers its objects by Python's hashes, which are fixed here. ``user`` is an empty folder in
    place of that of the person's own Blender: the module knows none of its preferences, takes its extensions for
    disabled, and would remove their packages.
    """
    others = {name: value for name, value in os.environ.items() if not name.startswith("BLENDER_USER_")}
    return {**others, "PYTHONHASHSEED": "0", "BLENDER_USER_RESOURCES": user}


def _wait(process: subprocess.Popen[str], cancel: Callable[[], bool]) -> str:
    """Everything the process says on stderr, when it has ended. Raises Cancelled."""
    while True:
        try:
            return process.communicate(timeout=POLL_SECONDS)[1]
        except subprocess.TimeoutExpired:
            if cancel():
                raise Cancelled("Stopped; nothing was written.") from None
