"""The process that writes Blender files: what it may see of the person's own Blender."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from facewright.head.blender_export import blender_environment

pytest.importorskip("bpy", reason="Blender's Python module (bpy) is not installed")


def test_the_persons_blender_keeps_its_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blender's module must look for extensions in the folder that it is given, wherever the person's are."""
    for name in ("HOME", "BLENDER_USER_EXTENSIONS", "BLENDER_USER_CONFIG"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    user = tmp_path / "user"
    user.mkdir()
    code = "import bpy, os; print(bpy.utils.user_resource('EXTENSIONS'), flush=True); os._exit(0)"
    environment = blender_environment(str(user))
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert Path(done.stdout.strip().splitlines()[-1]).is_relative_to(user)
    assert environment["PYTHONHASHSEED"] == "0"
    assert environment["PATH"] == os.environ["PATH"]
