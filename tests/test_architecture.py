"""The rules of ARCHITECTURE.md that matter, read off the syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BACKEND = ROOT / "backend"
ADDON = ROOT / "blender_addon"
LAYERS = {
    "errors": 0, "config": 0, "__init__": 0, "mesh": 1, "photo": 2, "face_model": 2, "fitting": 3,
    "dynamic_detail": 3, "texture": 4, "displacement": 5, "head": 6, "api": 7, "worker": 8, "training": 8,
    "evaluation": 9, "__main__": 10,
}  # fmt: skip
STANDARD = set(__import__("sys").stdlib_module_names)
RUN_TIME = {"numpy", "scipy", "cv2", "onnxruntime", "PIL"}
EXTRA = {
    "pillow_heif": {"photo"},
    "onnx": {"photo"},
    "tflite": {"photo"},
    "flatbuffers": {"photo"},
    "igl": {"training", "evaluation"},
    "embreex": {"training", "evaluation"},
    "trimesh": {"evaluation"},
    "eos": {"evaluation"},
    "torch": {"training"},
}
SOURCES = sorted(BACKEND.rglob("*.py"))
ALL_SOURCES = SOURCES + sorted(ADDON.rglob("*.py"))


def room_of(path: Path) -> str:
    """Room of a backend file: its top folder, or its own name at the top; the command line is one room."""
    parts = path.relative_to(BACKEND).parts
    name = parts[0] if len(parts) > 1 else path.stem
    return "__main__" if name.startswith("cli") else name


def imports(path: Path) -> Iterator[tuple[str, int, int]]:
    """(dotted name, relative level, line) of every import, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, 0, node.lineno
        elif isinstance(node, ast.ImportFrom):
            if node.level and not node.module:
                for alias in node.names:
                    yield alias.name, node.level, node.lineno
            else:
                yield node.module or "", node.level, node.lineno


def own_rooms(path: Path) -> Iterator[tuple[str, int]]:
    """(room, line) of every import of our own from a backend file."""
    folder = path.relative_to(BACKEND).parts[:-1]
    for name, level, line in imports(path):
        if level and name != "__version__":
            base = folder[: len(folder) - (level - 1)]
            full = (*base, *name.split("."))
            room = full[0]
            yield ("__main__" if room.startswith("cli") else room), line
        elif not level and name.split(".")[0] in ("facewright", "backend"):
            pytest.fail(f"{path}:{line} imports its own package by name; use a relative import")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_backend_imports_only_lower_rooms(path: Path) -> None:
    room = room_of(path)
    assert room in LAYERS, f"{path} is in a room that ARCHITECTURE.md does not name"
    for other, line in own_rooms(path):
        if other == room or (room == "__main__" and other in LAYERS):
            continue
        if path.parent == BACKEND and path.stem == "__init__":
            continue
        assert other in LAYERS, f"{path}:{line} imports unknown room {other}"
        assert LAYERS[other] < LAYERS[room], f"{path}:{line}: {room} must not import {other}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_backend_third_party_imports(path: Path) -> None:
    room = room_of(path)
    for name, level, line in imports(path):
        top = name.split(".")[0]
        if level or top in STANDARD or top in RUN_TIME:
            continue
        assert top in EXTRA, f"{path}:{line} imports {top}, which is not a run-time dependency"
        assert room in EXTRA[top], f"{path}:{line}: only {sorted(EXTRA[top])} may import {top}"


def test_only_the_door_names_the_backend() -> None:
    for path in sorted(ADDON.rglob("*.py")):
        for name, _, line in imports(path):
            if name.split(".")[0] in ("facewright", "backend"):
                assert path.name == "backend_door.py", f"{path}:{line} names the backend"


def test_addon_uses_no_absolute_import_of_itself() -> None:
    for path in sorted(ADDON.rglob("*.py")):
        for name, level, line in imports(path):
            assert level or name.split(".")[0] != "blender_addon", f"{path}:{line}: extensions import relatively"


@pytest.mark.parametrize("path", ALL_SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_house_rules(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert path.name != "utils.py"
    assert len(text.splitlines()) <= 420, f"{path} has grown beyond what one reads in one sitting"
    assert ast.get_docstring(tree), f"{path} does not say what it is for"
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{path}:{node.lineno}: bare except"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant) and node.value.value is False, f"{path}: allow_pickle"
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            assert not {"pickle", "shelve", "marshal", "dill"} & set(names), f"{path}:{node.lineno}: pickle"
