"""Fixtures of the Blender tests. They need bpy and skip, saying so, where it is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # blender_addon is not an installed package

pytest.importorskip("bpy", reason="Blender's Python module (bpy) is not installed")

import bpy  # noqa: E402
import bundles  # noqa: E402
import detail_bundles  # noqa: E402

from blender_addon.backend_door import Head, read_head  # noqa: E402
from blender_addon.scene.build import HeadObjects, build_scene  # noqa: E402


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete small head bundle; tests must not write into it."""
    folder = tmp_path_factory.mktemp("bundle") / "head"
    return bundles.write_bundle(folder, *bundles.synthetic_head())


@pytest.fixture(scope="session")
def head(bundle: Path) -> Head:
    return read_head(bundle)


@pytest.fixture
def empty() -> None:
    """An empty Blender file."""
    bpy.ops.wm.read_factory_settings(use_empty=True)


@pytest.fixture
def built(empty: None, head: Head) -> HeadObjects:
    """The scene of the small head in an empty file."""
    return build_scene(head)


@pytest.fixture(scope="session")
def detail_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small head's bundle with dynamic detail; tests must not write into it."""
    folder = tmp_path_factory.mktemp("bundle") / "head_with_detail"
    topology, head = bundles.synthetic_head()
    bundles.write_bundle(folder, topology, head)
    return detail_bundles.add_detail(folder, detail_bundles.small_detail(topology, head))


@pytest.fixture(scope="session")
def detailed(detail_bundle: Path) -> Head:
    """The small head with dynamic detail."""
    return read_head(detail_bundle)
