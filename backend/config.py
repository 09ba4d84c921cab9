"""Where assets and caches live. Imports nothing of ours."""

from __future__ import annotations

import os
import sys
from pathlib import Path

PACKAGE_DIR = Path(__file__).resolve().parent


def assets_dir() -> Path:
    """Folder with ``face_model.npz`` and the licences.

    Inside an installed package or the Blender extension it lies in the package, in a source checkout beside it.
    """
    inside = PACKAGE_DIR / "assets"
    return inside if inside.is_dir() else PACKAGE_DIR.parent / "assets"


def cache_dir() -> Path:
    """The user's cache folder for Facewright (not created); ``FACEWRIGHT_CACHE`` overrides it."""
    override = os.environ.get("FACEWRIGHT_CACHE")
    if override:
        return Path(override)
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "facewright"
