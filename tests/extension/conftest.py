"""Fixtures of the installed extension's tests. They need bpy and skip, saying so, where it is not installed."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).resolve().parent))

if importlib.util.find_spec("bpy") is None:
    pytest.skip("Blender's Python module (bpy) is not installed", allow_module_level=True)

from clean_environment import CleanEnvironment  # noqa: E402

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="session")
def extension_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Linux zip for this Python: built now, or the one that FACEWRIGHT_EXTENSION_ZIP names."""
    if not sys.platform.startswith("linux"):
        pytest.skip("the clean environment is made for Linux")
    named = os.environ.get("FACEWRIGHT_EXTENSION_ZIP")
    if named:
        return Path(named)
    sys.path.insert(0, str(ROOT))
    import build_addon

    if PYTHON not in build_addon.PYTHONS:
        pytest.skip(f"no Blender has Python {PYTHON}")
    return build_addon.build("linux-x64", PYTHON, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def photo() -> Path:
    """A real photo: the shared one where there is a checkout beside us, else the demo's, fetched once."""
    shared = ROOT.parent / "shared" / "data" / "photos" / "astronaut.png"
    if shared.is_file():
        return shared
    sys.path.insert(0, str(ROOT / "benchmarks"))
    import demo_photo

    fetched = ROOT / ".cache" / "demo_photo" / "astronaut.png"
    demo_photo.fetch(fetched)
    return fetched


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> CleanEnvironment:
    """A clean Python with bpy, the same for all tests of a module."""
    return CleanEnvironment(tmp_path_factory.mktemp("clean"))
