"""What Blender's reviewers ask of an extension (docs/extension_review.md), and which room of the add-on may know
what, read off the syntax trees."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ADDON = ROOT / "blender_addon"
SOURCES = sorted(ADDON.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}

# A room may import itself and what stands lower, and those of TOGETHER each other.
LAYERS = (
    {"backend_door", "heads"},
    {"expressions", "kept_heads", "detail_nodes"},
    {"preferences"},
    {"scene", "photo_files", "photo_previews"},
    {"export", "exporting", "job", "live_link"},
    {"photo_look"},
    {"properties"},
    {"operators", "panels"},
    {"handlers", "file_handler"},
    {"registration"},
    {"__init__", "__main__", "cli_render"},
)
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}
TOGETHER = ({"operators", "panels"}, {"export", "exporting"})
IN_BLENDER = {"bpy", "bpy_extras", "bmesh", "mathutils", "gpu", "gpu_extras", "blf", "numpy"}
NETWORK = {
    "socket", "socketserver", "ssl", "http", "urllib", "ftplib", "smtplib", "poplib", "imaplib", "telnetlib",
    "xmlrpc", "asyncio", "webbrowser", "requests", "urllib3", "pip", "ensurepip",
}  # fmt: skip
# Run in processes of their own, where sys.path is theirs.
LAUNCHERS = {"job/launch.py", "exporting/launch.py"}
# Formats, tables and processes: usable, and tested, without Blender.
WITHOUT_BLENDER = {
    "backend_door.py", "kept_heads.py", "job/process.py", "job/launch.py", "expressions/*.py",
    *(f"exporting/{name}.py" for name in ("density", "launch", "presets")),
    *(f"live_link/{name}.py" for name in ("take", "timecode", "performance", "rotations")),
    *(f"live_link/{name}.py" for name in ("filtering", "key_reduction")),
}  # fmt: skip
# Whoever waits for something without a thread of its own, and stops waiting when the extension is disabled.
WATCHES_THE_CLOCK = {
    "job/session.py", "job/operator.py", "operators/export.py", "photo_look.py", "scene/pose_previews.py",
}  # fmt: skip
STARTS_PROCESSES = {"job/process.py", "exporting/task.py"}


def name_of(path: Path) -> str:
    return path.relative_to(ADDON).as_posix()


def room_of(path: Path) -> str:
    parts = path.relative_to(ADDON).parts
    return parts[0] if len(parts) > 1 else path.stem


def own_imports(path: Path) -> Iterator[tuple[str, int]]:
    """(room, line) of every import of another room of the add-on."""
    folder = path.relative_to(ADDON).parts[:-1]
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = folder[: len(folder) - (node.level - 1)]
            for alias in node.names:
                yield (*base, *(node.module or alias.name).split("."))[0], node.lineno


def foreign_imports(path: Path) -> Iterator[tuple[str, int, bool]]:
    """(package, line, at the top level) of every import from outside of the add-on."""
    top = set(TREES[path].body)
    for node in ast.walk(TREES[path]):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in names:
            yield name.partition(".")[0], node.lineno, node in top


def attributes(path: Path) -> Iterator[tuple[str, int]]:
    """(dotted name, line) of everything of the form a.b.c."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node), node.lineno


each_source = pytest.mark.parametrize("path", SOURCES, ids=name_of)


@each_source
def test_rooms_import_only_lower_rooms(path: Path) -> None:
    room = room_of(path)
    assert room in LEVEL, f"{path} is in a room that the layers do not name"
    for other, line in own_imports(path):
        assert other in LEVEL, f"{path}:{line} imports the unknown room {other}"
        together = other == room or {other, room} in TOGETHER
        assert LEVEL[other] < LEVEL[room] or together, f"{path}:{line}: {room} must not import {other}"


@each_source
def test_imports_only_what_blender_brings(path: Path) -> None:
    for package, line, at_top in foreign_imports(path):
        assert package not in NETWORK, f"{path}:{line}: the extension uses no network"
        if package == "PIL":  # a wheel of ours; for small pictures, once somebody looks at one
            assert name_of(path) == "photo_previews.py" and not at_top, f"{path}:{line}: Pillow starts with Blender"
            continue
        known = package in IN_BLENDER or package in sys.stdlib_module_names
        assert known, f"{path}:{line}: {package} in Blender's process"


@each_source
def test_leaves_python_and_other_extensions_alone(path: Path) -> None:
    for name, line in attributes(path):
        assert name != "sys.modules", f"{path}:{line}"
        assert name not in ("os.system", "os.popen", "site.addsitedir"), f"{path}:{line}"
        if name.startswith("sys.path"):
            assert name_of(path) in LAUNCHERS or name == "sys.path", f"{path}:{line} changes sys.path"
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec", "compile", "__import__"), f"{path}:{node.lineno}"
        if isinstance(node, (ast.Assign, ast.AugAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            changed = any(ast.unparse(target).startswith("sys.path") for target in targets)
            assert not changed or name_of(path) in LAUNCHERS, f"{path}:{node.lineno} changes sys.path"


def test_nobody_imports_a_launcher() -> None:
    for path in SOURCES:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.ImportFrom) and node.level:
                words = {*(node.module or "").split("."), *(alias.name for alias in node.names)}
                assert "launch" not in words, f"{path}:{node.lineno}"


def test_only_these_rooms_know_blender() -> None:
    free = {path for pattern in WITHOUT_BLENDER for path in ADDON.glob(pattern)}
    assert len(free) >= len(WITHOUT_BLENDER), "a module of the list has gone"
    for path in free:
        for package, line, _ in foreign_imports(path):
            assert package in {"numpy"} | set(sys.stdlib_module_names), f"{path}:{line} imports {package}"


@each_source
def test_only_jobs_know_timers_and_processes(path: Path) -> None:
    name = name_of(path)
    for words, line in attributes(path):
        if words.startswith("bpy.app.timers") or words.endswith(".event_timer_add"):
            assert name in WATCHES_THE_CLOCK, f"{path}:{line} uses a timer"
    for package, line, _ in foreign_imports(path):
        assert package not in ("subprocess", "multiprocessing") or name in STARTS_PROCESSES, f"{path}:{line}"


@each_source
def test_finds_nothing_by_a_name_that_artists_may_change(path: Path) -> None:
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            place = ast.unparse(node.value)
            assert not (re.match(r"bpy\.data\.\w+$", place) and isinstance(node.slice.value, str)), (
                f"{path}:{node.lineno} looks for {node.slice.value} by name"
            )
            assert not (place.endswith("preferences.addons") and isinstance(node.slice.value, str)), (
                f"{path}:{node.lineno}: an extension's name is __package__"
            )


def classes_of(path: Path) -> Iterator[tuple[ast.ClassDef, dict[str, str]]]:
    """The classes with a bl_idname, and their texts."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.ClassDef):
            texts = {
                target.id: ast.literal_eval(statement.value)
                for statement in node.body
                if isinstance(statement, ast.Assign)
                for target in statement.targets
                if isinstance(target, ast.Name) and _is_text(statement.value)
            }
            if "bl_idname" in texts or node.name.startswith("FACEWRIGHT_"):
                yield node, texts


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


@each_source
def test_classes_are_named_and_explained(path: Path) -> None:
    for node, texts in classes_of(path):
        place = f"{path}:{node.lineno}"
        idname = texts.get("bl_idname", node.name)
        methods = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
        if idname.startswith("facewright."):
            assert node.name == f"FACEWRIGHT_OT_{idname.removeprefix('facewright.')}", place
            assert texts.get("bl_label"), f"{place}: no label"
            tip = texts.get("bl_description", "")
            assert tip or "description" in methods, f"{place}: no tooltip"
            assert not tip.endswith("."), f"{place}: Blender's tooltips end without a full stop"
            assert len(methods["execute"].body) <= 12 if "execute" in methods else True, f"{place}: not thin"
        else:
            assert re.fullmatch(r"FACEWRIGHT_(PT|UL|MT|FH|PG|AP)_\w+|FACEWRIGHT_OT_\w+", node.name), place
        if "poll" in methods and "_OT_" in node.name and _says_no(methods["poll"]):
            assert "poll_message_set" in ast.unparse(methods["poll"]), f"{place}: grey without a reason"


def _says_no(poll: ast.FunctionDef) -> bool:
    """Whether a poll returns False itself, rather than asking another one."""
    returned = [node.value for node in ast.walk(poll) if isinstance(node, ast.Return)]
    return any(isinstance(value, ast.Constant) and value.value is False for value in returned)


def test_the_manifest_says_what_reviewers_ask() -> None:
    manifest = tomllib.loads((ADDON / "blender_manifest.toml").read_text(encoding="utf-8"))
    assert manifest["id"] == "facewright" and "blender" not in manifest["name"].lower()
    assert len(manifest["tagline"]) <= 64 and manifest["tagline"][-1].isalnum()
    assert list(manifest["permissions"]) == ["files"]
    for reason in manifest["permissions"].values():
        assert len(reason) <= 64 and reason[-1].isalnum()
    assert manifest["license"][0] == "SPDX:GPL-3.0-or-later"
    assert "wheels" not in manifest and "platforms" not in manifest, "build_addon.py writes these"


def test_every_version_is_the_same() -> None:
    manifest = tomllib.loads((ADDON / "blender_manifest.toml").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    backend = (ROOT / "backend" / "__init__.py").read_text(encoding="utf-8")
    assert manifest["version"] == project["version"]
    assert f'__version__ = "{project["version"]}"' in backend


def test_every_folder_of_code_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = {".".join(path.parent.relative_to(ROOT).parts) for path in ADDON.rglob("__init__.py")}
    assert packages <= set(project["tool"]["setuptools"]["packages"])
