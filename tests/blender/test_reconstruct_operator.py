"""Reconstruct as scripts and as the button run it: a head or nothing, one job at a time, an untouched scene."""

from __future__ import annotations

import itertools
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import pytest
from facewright.photo.model_files import models_on_disk

import blender_addon
from blender_addon.backend_door import BundleInvalid, FaceError, read_head
from blender_addon.heads import heads_of, parts_of, shape_keys
from blender_addon.job import operator as job_operator
from blender_addon.job import session
from blender_addon.job.process import Launch, new_log
from blender_addon.operators.reconstruct import FACEWRIGHT_OT_reconstruct, bundle_name
from blender_addon.scene.add import SPACING_M, add_head, prepare
from blender_addon.scene.build import build_head

ASTRONAUT = Path(__file__).resolve().parents[3] / "shared" / "data" / "photos" / "astronaut.png"
real = pytest.mark.skipif(
    not ASTRONAUT.is_file() or models_on_disk() is None or find_spec("onnxruntime") is None,
    reason="needs ../shared/data/photos/astronaut.png, the networks, and what the backend needs",
)
WORKER = """import json, os, sys, time
def say(**event): print(json.dumps(event), flush=True)
request = json.loads(sys.stdin.readline())
say(event='hello', protocol=1)
say(event='progress', stage='fit', fraction=0.2, until=0.4, seconds=0.1)
"""


@pytest.fixture(scope="module", autouse=True)
def enabled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        networks = models_on_disk()
        patch.setenv("FACEWRIGHT_CACHE", str(tmp_path_factory.mktemp("user")))
        patch.setenv("FACEWRIGHT_MODELS", str(networks) if networks else "absent")
        blender_addon.register()
        yield
        blender_addon.unregister()


@pytest.fixture
def scene(empty: None, tmp_path: Path) -> bpy.types.Scene:
    """An empty scene with a photo chosen, which stand-in workers do not look at."""
    session.stop()
    scene = bpy.context.scene
    photo = tmp_path / "my portrait (1).png"
    if ASTRONAUT.is_file():
        shutil.copy(ASTRONAUT, photo)
    scene.facewright_photo.filepath = str(photo)
    session.stop()
    return scene


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a worker of a few lines in the place of the real one."""

    def replace(code: str) -> None:
        (tmp_path / "stand_in.py").write_text(WORKER + code, encoding="utf-8")

    def launch(kind: str) -> Launch:
        return Launch(Path(sys.executable), "stand_in", (tmp_path,), new_log(tmp_path, kind))

    monkeypatch.setattr(session, "_launch", launch)
    return replace


def contents() -> dict[str, list[str]]:
    """Names of everything in the file that a head consists of, and what the person set."""
    scene = bpy.context.scene
    kinds = ("objects", "meshes", "armatures", "cameras", "materials", "images", "collections", "actions", "lights",
             "worlds", "shape_keys", "node_groups", "texts")  # fmt: skip
    names = {kind: sorted(block.name for block in getattr(bpy.data, kind)) for kind in kinds}
    render = scene.render
    names["settings"] = [
        str(value) for value in (scene.camera, scene.world, render.engine, render.resolution_x, render.resolution_y,
                                 scene.view_settings.view_transform, scene.frame_current)
    ]  # fmt: skip
    names["selected"] = [obj.name for obj in bpy.context.selected_objects]
    return names


def ended(process: Any) -> bool:
    return bool(process.join(15.0))


# --------------------------------------------------------------------------------------------------- the real thing


@real
def test_a_head_from_a_photo(scene: bpy.types.Scene) -> None:
    """The whole way, as a script goes it: 52 blendshapes, size, place, settings; again, beside; again, replaced."""
    camera = bpy.data.objects.new("My camera", bpy.data.cameras.new("My camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.facewright_photo.texture_size = "512"
    before = contents()["settings"]
    assert bpy.ops.facewright.reconstruct() == {"FINISHED"}
    (head,) = heads_of(scene)
    assert len(shape_keys(head)) == 52 and all(key.value == 0.0 for key in shape_keys(head).values())
    assert 0.2 < head.dimensions.z < 0.5
    assert bpy.context.object == head and bpy.context.selected_objects == [head]
    assert contents()["settings"] == before
    record = head["facewright"].to_dict()
    assert record["residual"]["relative"] < 0.015
    bundle = Path(record["bundle"])
    assert bundle.name.startswith("my_portrait_1-") and read_head(bundle).record["photo"]["faces"] == 1
    assert record["photo"]["path"] == scene.facewright_photo.filepath
    manager = bpy.context.window_manager.facewright
    assert not manager.is_running and manager.message.startswith("Head added in") and manager.seconds > 0.5

    assert bpy.ops.facewright.reconstruct() == {"FINISHED"}
    first, second = sorted(heads_of(scene), key=lambda obj: obj.name)
    distance = parts_of(second).armature.location - parts_of(first).armature.location
    assert distance.x == pytest.approx(SPACING_M) and distance.yz.length == 0.0
    assert second["facewright"]["bundle"] == str(bundle)
    assert [path.name for path in bundle.parent.iterdir()] == [bundle.name]


@real
def test_what_the_worker_says_reaches_the_person(scene: bpy.types.Scene, tmp_path: Path) -> None:
    scene.facewright_photo.filepath = str(tmp_path / "absent.png")
    before = contents()
    with pytest.raises(RuntimeError, match="There is no photo"):
        bpy.ops.facewright.reconstruct()
    assert contents() == before
    manager = bpy.context.window_manager.facewright
    assert "There is no photo" in manager.message and manager.log == ""


def test_bundles_are_named_by_photo_and_settings(tmp_path: Path) -> None:
    first, second = tmp_path / "Anna Bülow.2.jpg", tmp_path / "other" / "Anna Bülow.2.jpg"
    second.parent.mkdir()
    first.write_bytes(b"photo")
    second.write_bytes(b"photo")
    settings = {"photo": str(first), "face": None, "texture_size": 2048}
    name = bundle_name(settings)
    assert name.startswith("Anna_Bülow_2-") and len(name) == len("Anna_Bülow_2-") + 8
    assert bundle_name({**settings, "photo": str(second)}) == name  # the same photo, elsewhere
    assert bundle_name({**settings, "face": 2}) != name
    first.write_bytes(b"retouched")
    assert bundle_name(settings) != name
    assert bundle_name({**settings, "photo": str(tmp_path / "...jpg")}).startswith("photo-")


# ------------------------------------------------------------------------------------------------- things go wrong


@pytest.mark.parametrize(
    ("code", "sentence", "log"),
    [
        ("raise ValueError", "stopped unexpectedly", True),
        ("os.kill(os.getpid(), 9)", "memory ran out", True),
        ("print('garbage')", "without a result", True),
        ("say(event='error', kind='NoFaceFound', message='There is no face.')", "There is no face.", False),
        ("say(event='result', bundle='/nowhere')", "not a head bundle", False),
    ],
)
def test_the_scene_is_untouched_when_the_worker_fails(
    scene: bpy.types.Scene, worker: Callable[[str], None], code: str, sentence: str, log: bool
) -> None:
    worker(code)
    cube = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    scene.collection.objects.link(cube)
    cube.select_set(True)
    before = contents()
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.facewright.reconstruct()
    assert contents() == before
    assert session.running() is None
    manager = bpy.context.window_manager.facewright
    assert sentence in manager.message and bool(manager.log) == log
    if log:
        assert Path(manager.log).is_file()
        assert bpy.ops.facewright.show_log() == {"FINISHED"}
        assert [text.filepath for text in bpy.data.texts] == [manager.log]
    else:
        assert not bpy.ops.facewright.show_log.poll()


@pytest.mark.parametrize("broken", ["quads", "albedo", "photo"])
def test_a_head_that_cannot_be_built_leaves_nothing(empty: None, bundle: Path, tmp_path: Path, broken: str) -> None:
    """Whatever is found out late: the last thing that is read is the photo."""
    head = read_head(bundle)
    if broken == "quads":
        quads = head.quads.copy()
        quads[5, 1] = quads[5, 0]
        head = head._replace(quads=quads)
    else:
        (tmp_path / "broken.png").write_bytes(b"no picture")
        head = head._replace(**{broken: tmp_path / "broken.png"})
    before = contents()
    with pytest.raises(BundleInvalid):
        build_head(head, bpy.context.scene.collection)
    assert contents() == before


def test_polls(empty: None, worker: Callable[[str], None]) -> None:
    assert not bpy.ops.facewright.reconstruct.poll()  # no photo
    assert not bpy.ops.facewright.cancel.poll()
    worker("time.sleep(60)")
    bpy.context.scene.facewright_photo.filepath = "x.png"
    session.stop()
    assert bpy.ops.facewright.reconstruct.poll()
    session.start("reconstruct", {})
    assert not bpy.ops.facewright.reconstruct.poll() and bpy.ops.facewright.cancel.poll()
    session.stop()


# --------------------------------------------------------------------------------------------------- one job only


def test_two_jobs_are_refused_and_a_look_for_faces_gives_way(
    scene: bpy.types.Scene, worker: Callable[[str], None]
) -> None:
    worker("time.sleep(60)")
    heard: list[str] = []
    look = session.start("faces", {}, lambda event: heard.append(event["event"]))
    job = session.start("reconstruct", {})
    assert session.running() is job and look.final == {"event": "cancelled"} and heard == []
    for kind in ("reconstruct", "faces"):
        with pytest.raises(session.Busy, match="still running"):
            session.start(kind, {})
    assert session.running() is job
    session.stop()
    assert ended(look.process) and ended(job.process)


def test_loading_a_file_ends_the_job(scene: bpy.types.Scene, worker: Callable[[str], None]) -> None:
    worker("time.sleep(60)")
    heard: list[str] = []
    job = session.start("reconstruct", {}, lambda event: heard.append(event["event"]))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert session.running() is None and ended(job.process)
    session.pump()
    assert heard == []


def test_disabling_the_extension_ends_the_job(scene: bpy.types.Scene, worker: Callable[[str], None]) -> None:
    worker("time.sleep(60)")
    job = session.start("reconstruct", {})
    blender_addon.unregister()
    try:
        assert session.running() is None and ended(job.process)
    finally:
        blender_addon.register()


def test_progress_moves_inside_of_stages_and_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock of our own: 2 s to start, then stages of 2 s, as even as the bar, then one that takes 8 s."""
    now = 100.0
    monkeypatch.setattr(session, "time", SimpleNamespace(monotonic=lambda: now))
    job = session.Job("reconstruct", None, None)
    seen = []
    for second in range(14):
        if second >= 2 and second % 2 == 0 and second <= 6:
            done = (second - 2) / 6
            event = {"event": "progress", "stage": "head", "fraction": done, "until": done + 2 / 6, "seconds": 0}
            job.take(event)
        for _ in range(10):
            seen.append(job.fraction)
            now += 0.1
    assert seen == sorted(seen) and seen[0] == 0.0
    assert max(b - a for a, b in itertools.pairwise(seen)) < 0.08  # no leaps, though a stage is a quarter
    assert len(set(seen[40:80])) > 30  # it moves inside of stages
    assert seen[-1] == pytest.approx(session.START_SHARE + session.WORKER_SHARE)  # and waits at the end of the last


# -------------------------------------------------------------------------------- the button, without a window


class Button(job_operator.JobOperator):
    """The mix-in as Blender would hold it; what Blender gives an operator is stood in for."""

    def __init__(self, bundle: Path) -> None:
        self.reports: list[str] = []
        self.bundle = bundle

    def request(self, context: Any) -> dict[str, str]:
        return {"bundle": str(self.bundle)}

    @staticmethod
    def prepare(event: dict[str, Any]) -> Any:
        return prepare(Path(event["bundle"]))

    def finish(self, context: Any, event: dict[str, Any]) -> str:
        add_head(bpy.context, event["prepared"], Path("photo.png"))
        return "Done"

    def report(self, kind: set[str], sentence: str) -> None:
        self.reports.append(f"{next(iter(kind))}: {sentence}")


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A context with a window that has no handlers of its own; ``mode`` can be changed."""
    app = SimpleNamespace(background=False, is_job_running=lambda kind: False)
    monkeypatch.setattr(job_operator, "bpy", SimpleNamespace(app=app))
    manager = SimpleNamespace(
        event_timer_add=lambda seconds, window: "timer", event_timer_remove=lambda timer: None,
        modal_handler_add=lambda operator: None,
    )  # fmt: skip
    return SimpleNamespace(window=object(), window_manager=manager, mode="OBJECT")


def drive(button: Button, context: Any, kind: str = "TIMER", seconds: float = 15.0) -> set[str]:
    """Send events until the operator ends."""
    end = time.monotonic() + seconds
    while (result := button.modal(context, SimpleNamespace(type=kind, value="PRESS"))) == {"PASS_THROUGH"}:
        assert time.monotonic() < end, "the operator does not end"
        time.sleep(0.02)
    return result


def test_the_button(scene: bpy.types.Scene, worker: Callable[[str], None], window: Any, bundle: Path) -> None:
    worker("say(event='result', bundle=request['bundle'])")
    button = Button(bundle)
    assert button.invoke(window, None) == {"RUNNING_MODAL"}
    assert button.modal(window, SimpleNamespace(type="MOUSEMOVE", value="NOTHING")) == {"PASS_THROUGH"}
    assert drive(button, window) == {"FINISHED"}
    assert len(list(heads_of(scene))) == 1 and button.reports == ["INFO: Done"]
    assert session.running() is None and button._timer is None


def test_the_button_waits_for_object_mode(
    scene: bpy.types.Scene, worker: Callable[[str], None], window: Any, bundle: Path
) -> None:
    worker("say(event='result', bundle=request['bundle'])")
    button = Button(bundle)
    button.invoke(window, None)
    window.mode = "SCULPT"
    for _ in range(100):
        button.modal(window, SimpleNamespace(type="TIMER", value="NOTHING"))
        time.sleep(0.02)
    assert session.running().stage == "Ready; waiting for Object Mode" and not list(heads_of(scene))
    window.mode = "OBJECT"
    assert drive(button, window) == {"FINISHED"}
    assert len(list(heads_of(scene))) == 1


@pytest.mark.parametrize("moment", ["running", "ready"])
@pytest.mark.parametrize("way", ["escape", "operator"])
def test_cancel(
    scene: bpy.types.Scene, worker: Callable[[str], None], window: Any, bundle: Path, moment: str, way: str
) -> None:
    worker("time.sleep(60)" if moment == "running" else "say(event='result', bundle=request['bundle'])")
    before = contents()
    button = Button(bundle)
    button.invoke(window, None)
    job = session.running()
    window.mode = "SCULPT"
    for _ in range(500):
        button.modal(window, SimpleNamespace(type="TIMER", value="NOTHING"))
        if moment == "running" or job.final is not None:
            break
        time.sleep(0.02)
    if way == "operator":
        assert bpy.ops.facewright.cancel() == {"FINISHED"}
    assert drive(button, window, "ESC" if way == "escape" else "TIMER") == {"CANCELLED"}
    assert button.reports == ["INFO: Cancelled; the scene is as it was."]
    assert contents() == before and session.running() is None and ended(job.process)


def test_the_window_of_the_button_is_closed(
    scene: bpy.types.Scene, worker: Callable[[str], None], window: Any, bundle: Path
) -> None:
    worker("time.sleep(60)")
    button = Button(bundle)
    button.invoke(window, None)
    job = session.running()
    button.cancel(window)
    assert session.running() is None and ended(job.process)


def test_a_fault_while_the_scene_is_built_frees_the_job(
    scene: bpy.types.Scene, worker: Callable[[str], None], window: Any, bundle: Path
) -> None:
    class Faulty(Button):
        def finish(self, context: Any, event: dict[str, Any]) -> str:
            raise ZeroDivisionError

    worker("say(event='result', bundle=request['bundle'])")
    button = Faulty(bundle)
    button.invoke(window, None)
    with pytest.raises(ZeroDivisionError):
        drive(button, window)
    assert session.running() is None and button._timer is None


def test_no_object_mode_no_script(scene: bpy.types.Scene, worker: Callable[[str], None]) -> None:
    worker("say(event='result', bundle='x')")
    cube = bpy.data.objects.new("Cube", bpy.data.meshes.new("Cube"))
    scene.collection.objects.link(cube)
    bpy.context.view_layer.objects.active = cube
    bpy.ops.object.mode_set(mode="EDIT")
    with pytest.raises(RuntimeError, match="Object Mode"):
        bpy.ops.facewright.reconstruct()
    bpy.ops.object.mode_set(mode="OBJECT")
    assert session.running() is None


def test_a_missing_package_is_one_sentence(scene: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    there = SimpleNamespace(origin="/packages/name/__init__.py")
    monkeypatch.setattr(session, "find_spec", lambda name: None if name == "onnxruntime" else there)
    with pytest.raises(RuntimeError, match=r"package onnxruntime.*install the extension again"):
        bpy.ops.facewright.reconstruct()
    assert session.running() is None


def test_tooltips() -> None:
    assert "REGISTER" not in FACEWRIGHT_OT_reconstruct.bl_options  # "Repeat Last" would block for seconds
    assert issubclass(session.Busy, FaceError)
