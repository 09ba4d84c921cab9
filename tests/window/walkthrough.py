"""The walk of an artist through the whole panel, by mouse and keyboard; the scene is looked at after each step."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from desktop import Blender, BlenderGone, Desktop
from PIL import Image
from tour import PREFERENCES, Walk

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # live_link_takes, which the other tests use, too

from live_link_takes import speech, take_lines, write_take

TAB = "Facewright"
JAW_CURVE = 'key_blocks["jawOpen"].value'
CROSS_FROM_RIGHT = 48  # pixels
RECONSTRUCT_S = 180  # a loaded machine that draws by software


def make_photos(folder: Path, portrait: Path) -> None:
    """What the walk chooses: the portrait, a group photo (the portrait and a smaller one, mirrored), a picture
    without a face, and a take in Live Link Face's layout.
    """
    folder.mkdir()
    shutil.copy(portrait, folder / "astronaut.png")
    image = cv2.imread(str(portrait))
    height, width = image.shape[:2]
    small = cv2.resize(image, (width * 3 // 4, height * 3 // 4), interpolation=cv2.INTER_AREA)
    group = np.full((height, width + small.shape[1], 3), 160, np.uint8)
    group[:, :width] = image
    group[height - small.shape[0] :, width:] = small[:, ::-1]
    cv2.imwrite(str(folder / "group.jpg"), group, [cv2.IMWRITE_JPEG_QUALITY, 92])
    cv2.imwrite(str(folder / "empty.png"), np.full((600, 800, 3), (120, 150, 170), np.uint8))
    write_take(folder / "take.csv", take_lines(*speech()))


def open_panel(tour: Walk) -> None:
    """The tab, before anything was chosen."""
    with tour.step("panel"):
        tour.sidebar.open(TAB)
        tour.sidebar.find("Reconstruct Head")
    with tour.step("default cube deleted"):
        tour.over_view()
        tour.desktop.key("Delete")
        tour.blender.wait("'Cube' not in bpy.data.objects or not bpy.context.scene.objects.get('Cube')", 5)


def choose_photo(tour: Walk) -> None:
    """A photo without a face, a group photo, one face of it, then a portrait; undo and redo of the choice."""
    blender, sidebar = tour.blender, tour.sidebar
    found = "bpy.context.window_manager.facewright_found"
    with tour.step("file selector"):
        sidebar.click("Choose Photo...")
        blender.wait("areas('FILE_BROWSER')", 15)
        tour.in_folder()
    with tour.step("photo without a face"):
        tour.pick_file("empty.png")
        blender.wait(f"{found}.state == 'DONE'", 30)
        assert blender.ask(f"[len({found}.faces), bool({found}.message)]") == [0, True]
    with tour.step("several faces"):
        sidebar.click("empty.png")
        tour.in_folder()
        tour.pick_file("group.jpg")
        blender.wait(f"{found}.state == 'DONE' and len({found}.faces) == 2", 30)
    with tour.step("second face chosen"):
        box = sidebar.find("1")
        tour.desktop.click(*sidebar.find("2").centre)
        blender.wait("bpy.context.scene.facewright_photo.face == 2", 5)
        assert box
    with tour.step("portrait"):
        sidebar.click("group.jpg")
        tour.in_folder()
        tour.pick_file("astronaut.png")
        blender.wait(f"{found}.state == 'DONE' and len({found}.faces) == 1", 30)
        blender.wait("not workers()", 10)
        path = blender.ask("bpy.context.scene.facewright_photo.filepath")
        assert path.endswith("/astronaut.png"), path
        assert blender.ask("bpy.context.scene.facewright_photo.face") in (0, 1)
    with tour.step("choice undone and redone"):
        tour.undo()
        blender.wait("bpy.context.scene.facewright_photo.filepath.endswith('/group.jpg')", 5)
        tour.redo()
        blender.wait("bpy.context.scene.facewright_photo.filepath.endswith('/astronaut.png')", 5)
        blender.wait(f"{found}.state == 'DONE' and len({found}.faces) == 1", 30)
    with tour.step("settings"):
        sidebar.click("Settings")
        sidebar.find("Texture")
    sidebar.click("Settings")


def reconstruct(tour: Walk) -> None:
    """Cancel by the button, cancel by Esc, and a run to the end, with undo and redo."""
    blender, sidebar = tour.blender, tour.sidebar
    before, heads = blender.ask("contents()"), []
    with tour.step("progress"):
        button = sidebar.click("Reconstruct Head")
        blender.wait("bpy.context.window_manager.facewright.is_running", 10)
        blender.wait("len(workers()) == 1", 20)
        seen = watch(tour, until=0.35)
        assert seen == sorted(seen), f"the progress bar went back: {seen}"
        assert len(set(seen)) >= 5, f"the progress bar hardly moved: {seen}"
    with tour.step("cancelled by button"):
        # The bar stands where the button stood, its cross at the right end, left of the tabs.
        tour.desktop.click(sidebar.box.left + sidebar.box.width - CROSS_FROM_RIGHT, button.centre[1])
        gone(tour, before)
    with tour.step("cancelled by Esc"):
        sidebar.click("Reconstruct Head")
        watch(tour, until=0.2)
        tour.over_view()
        tour.desktop.key("Escape")
        gone(tour, before)
    with tour.step("reconstructed"):
        sidebar.click("Reconstruct Head")
        blender.wait("bpy.context.window_manager.facewright.is_running", 10)
        watch(tour, until=0.9)
        blender.wait("not bpy.context.window_manager.facewright.is_running", 60)
        blender.wait("not workers()", 10)
        time.sleep(2)  # shaders compile
        heads = blender.ask("heads()")
        assert len(heads) == 1, heads
        head = heads[0]
        assert head["keys"] == 52 and head["armature"] and head["images"] >= 4, head
        assert 0.2 < head["height_m"] < 0.5, head
    after = blender.ask("contents()")
    with tour.step("undone"):
        assert heads, "there is nothing to undo"
        tour.undo()
        left = blender.ask("contents()")
        assert left["objects"] == before["objects"], f"undo left {left['objects']}"
    with tour.step("redone"):
        assert heads, "there is nothing to redo"
        tour.redo()
        assert blender.ask("contents()") == after
        assert blender.ask("heads()") == heads


def watch(tour: Walk, until: float) -> list[float]:
    """The progress bar's values until it passes ``until`` or the job ends."""
    seen: list[float] = []
    end = time.monotonic() + RECONSTRUCT_S
    while time.monotonic() < end:
        running, fraction = tour.blender.ask(
            "[bpy.context.window_manager.facewright.is_running, bpy.context.window_manager.facewright.fraction]"
        )
        if not running or fraction > until:
            return seen
        seen.append(round(fraction, 3))
        time.sleep(0.1)
    raise TimeoutError(f"the progress bar stands at {seen[-1:]} after {RECONSTRUCT_S} s")


def gone(tour: Walk, before: dict[str, list[str]]) -> None:
    """After a cancel: no job, no worker, nothing in the file that was not there before."""
    tour.blender.wait("not bpy.context.window_manager.facewright.is_running", 10)
    tour.blender.wait("not workers()", 10)
    assert tour.blender.ask("contents()") == before, "a cancelled reconstruction changed the file"


def result(tour: Walk) -> None:
    """Compare with the photo, look at what was seen, type a pupil distance; each is taken back exactly."""
    blender, sidebar = tour.blender, tour.sidebar
    view, weights = blender.ask("view()"), blender.ask("weights()")
    with tour.step("compared with photo"):
        sidebar.click("Compare with Photo")
        blender.wait("view()['perspective'] == 'CAMERA'", 10)
        assert len(blender.ask("weights()")) > 3, "the photo's expression is not shown"
    with tour.step("no longer compared"):
        sidebar.click("Compare with Photo")
        blender.wait("view()['perspective'] != 'CAMERA'", 10)
        assert blender.ask("view()") == view, f"{blender.ask('view()')} was {view}"
        assert blender.ask("weights()") == weights
    with tour.step("seen and completed"):
        sidebar.click("Seen and Completed")
        blender.wait("view()['shading'][1] == 'VERTEX'", 10)
    with tour.step("seen no longer shown"):
        sidebar.click("Seen and Completed")
        blender.wait("view()['shading'][1] != 'VERTEX'", 10)
        assert blender.ask("view()") == view, f"{blender.ask('view()')} was {view}"
    height = blender.ask("heads()[0]['height_m']")
    with tour.step("pupil distance typed"):
        box = sidebar.find("Pupil Distance")
        field = (box.left + box.width + 60, box.centre[1])
        tour.desktop.click(*field)
        tour.desktop.click(*field)
        tour.desktop.key("ctrl+a")
        tour.desktop.type("66")
        tour.desktop.key("Return")
        blender.wait(f"abs(heads()[0]['height_m'] / {height} - 1) > 0.02", 10)
        measured = blender.ask("bpy.context.object.facewright_head.pupil_distance_mm")
        assert abs(measured - 66) < 0.05, measured
    with tour.step("size undone"):
        tour.undo()
        assert blender.ask("heads()[0]['height_m']") == height


def expressions(tour: Walk) -> None:
    """Drag sliders, key them under the pointer, play, apply a key expression, undo."""
    blender, sidebar, desktop = tour.blender, tour.sidebar, tour.desktop
    slider = (0.0, 0.0)
    with tour.step("slider dragged"):
        slider = sidebar.find_slider("Open")
        desktop.drag(slider, (50, 0))
        value = blender.ask("value('jawOpen')")
        assert list(blender.ask("weights()")) == ["jawOpen"] and 0.2 < value <= 1, blender.ask("weights()")
    with tour.step("keyed by I over the slider"):
        desktop.move(*slider)
        desktop.key("i")
        keyed = blender.wait("curves()", 10)
        assert keyed == {JAW_CURVE: [[1.0, round(value, 3)]]}, keyed
    with tour.step("another frame keyed"):
        tour.over_view()
        desktop.key(*["Right"] * 12)
        blender.wait("bpy.context.scene.frame_current == 13", 10)
        desktop.drag(slider, (-60, 0))
        blender.wait(f"value('jawOpen') < {value} - 0.005", 10)
        desktop.move(*slider)
        desktop.key("i")
        blender.wait(f"len(curves()[{JAW_CURVE!r}]) == 2", 10)
    with tour.step("smile"):
        sidebar.click("Key Expressions")
        sidebar.click("Smile")
        blender.wait("value('mouthSmileLeft') > 0.4 and value('mouthSmileRight') > 0.4", 10)
    with tour.step("pictures of key expressions"):
        desktop.click(*sidebar.find_field("Key Expressions", "pictures", ""))
        blender.wait("bpy.context.window_manager.facewright_expressions.pictures", 10)
        blender.wait("pictured()", 120)
    with tour.step("smile undone and redone"):
        tour.undo()
        blender.wait("value('mouthSmileLeft') == 0", 10)
        tour.redo()
        blender.wait("value('mouthSmileLeft') > 0.4", 10)
    with tour.step("everything keyed"):
        sidebar.click("Key All")
        blender.wait("len(curves()) == 52", 10)
    with tour.step("played"):
        tour.over_view()
        desktop.key("space")
        blender.wait("bpy.context.screen.is_animation_playing", 10)
        start = blender.ask("bpy.context.scene.frame_current")
        blender.wait(f"bpy.context.scene.frame_current not in ({start}, 13)", 60)
        desktop.key("space")
        blender.wait("not bpy.context.screen.is_animation_playing", 10)


def detail(tour: Walk) -> None:
    """Choose where wrinkles come from, change a control and key it, regions, the surface, and back to defaults."""
    blender, sidebar, desktop = tour.blender, tour.sidebar, tour.desktop
    with tour.step("dynamic detail"):
        assert blender.ask("detail()"), "the head has no dynamic detail"
        sidebar.find("Dynamic Detail")
        sidebar.find("Blood Flow")
    with tour.step("wrinkles by tension"):
        sidebar.click("HiFace")
        blender.wait("detail()['mode'] == 1", 10)
        sidebar.click("FaceScape")
        blender.wait("detail()['mode'] == 0", 10)
    with tour.step("strength typed and keyed"):
        box = sidebar.find("Strength")
        field = (box.left + box.width + 60, box.centre[1])
        desktop.click(*field)
        desktop.click(*field)
        desktop.key("ctrl+a")
        desktop.type("1.5")
        desktop.key("Return")
        blender.wait("detail()['strength'] == 1.5", 10)
        desktop.move(*field)
        desktop.key("i")
        blender.wait("detail_keys() == 1", 10)
    with tour.step("regions"):
        sidebar.click("Regions")
        sidebar.find("Glabella")
        sidebar.click("Regions")
    with tour.step("surface moved"):
        sidebar.click("Surface")
        sidebar.click("Displacement")
        blender.wait("detail_as() == 'DISPLACEMENT'", 20)
        sidebar.click("Bump")
        blender.wait("detail_as() == 'BUMP'", 20)
        sidebar.click("Surface")
    with tour.step("detail reset"):
        sidebar.click("Reset to Defaults")
        blender.wait("detail()['strength'] == 1", 10)


def save_and_reload(tour: Walk) -> None:
    """Save the file by Blender's own keys, change something, open it again."""
    blender, desktop = tour.blender, tour.desktop
    folder = desktop.inner(desktop.folder / "home")
    heads, curves = blender.ask("heads()"), blender.ask("curves()")
    with tour.step("saved"):
        tour.over_view()
        desktop.key("ctrl+s")
        tour.in_folder(folder)
        desktop.key("Return")
        blender.wait("bpy.data.filepath and not bpy.data.is_dirty", 30)
    with tour.step("reloaded"):
        blender.wait("not areas('FILE_BROWSER')", 10)
        name = blender.ask("bpy.data.filepath").rpartition("/")[2]
        tour.over_view()
        desktop.key("ctrl+o")
        tour.in_folder(folder)
        tour.pick_file(name)
        blender.wait("heads()", 60)
        assert blender.ask("heads()") == heads
        assert blender.ask("curves()") == curves
        tour.sidebar.open(TAB)
        tour.sidebar.find("Result")


def take(tour: Walk) -> None:
    """Import a take of Live Link Face, and take it back."""
    blender, sidebar = tour.blender, tour.sidebar
    before = blender.ask("curves()")
    with tour.step("take imported"):
        sidebar.click("Live Link Face")
        sidebar.click("Import Take...")
        tour.in_folder()
        tour.pick_file("take.csv")
        blender.wait(f"len(curves()[{JAW_CURVE!r}]) > 10", 20)
        after = blender.ask("curves()")
        assert len(after) == 52 and max(value for _, value in after[JAW_CURVE]) > 0.3, after[JAW_CURVE]
    with tour.step("take undone"):
        tour.undo()
        assert blender.ask("curves()") == before


def export(tour: Walk) -> None:
    """Write an FBX file through the file selector, and read what its check says."""
    blender, sidebar, desktop = tour.blender, tour.sidebar, tour.desktop
    folder = desktop.folder / "home"
    heads, view = blender.ask("heads()"), blender.ask("view()")
    with tour.step("export panel"):
        sidebar.click("Export")
        sidebar.find("Export...")
        sidebar.find("Format")
    with tour.step("exporting"):
        sidebar.click("Export...")
        tour.in_folder(desktop.inner(folder))
        desktop.key("Return")
        blender.wait("export_task() is not None", 20)
        blender.wait("(export_task() or 1) > 0.3", 60)
    with tour.step("exported"):
        blender.wait("export_task() is None", RECONSTRUCT_S)
        lines = blender.ask("export_report()")
        (written,) = folder.glob("*.fbx")
        assert written.stat().st_size > 1e6
        assert lines and "52 channels" in lines[0], lines
        print(f"     {lines[0]}")
        sidebar.find("Open Folder")
        assert blender.ask("heads()") == heads and blender.ask("view()") == view


PARTS: tuple[Callable[[Walk], None], ...] = (
    open_panel, choose_photo, reconstruct, result, expressions, detail, take, export, save_and_reload,
)  # fmt: skip
NEED_A_HEAD = (result, expressions, detail, take, export, save_and_reload)
# What the README and the documentation show: step -> file.
SHOWN = {
    "several faces": "faces.png",
    "progress": "progress.png",
    "reconstructed": "reconstructed.png",
    "compared with photo": "compared.png",
    "pictures of key expressions": "expressions.png",
    "dynamic detail": "detail.png",
    "exported": "exported.png",
}
SHOWN_BYTES = 300_000


def walk(
    root: Path, zip_file: Path, photo: Path, out: Path, only: Sequence[str] = (), show: Path | None = None
) -> int:
    """Walk through the panel, or some parts of it. Returns 0 when every step went well, else 1.

    ``show``: a folder for the pictures that the documentation shows; it is changed only when all went well.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with Desktop(root) as desktop:
        photos = desktop.folder / "photos"
        make_photos(photos, photo)
        blender = Blender(desktop, out / "blender.log")
        blender.install(zip_file)
        blender.start()
        blender.set_stage(PREFERENCES)
        tour = Walk(desktop, blender, out, photos)
        try:
            for part in PARTS:
                if part in NEED_A_HEAD and not blender.ask("heads()"):
                    tour.failures.append(f"{part.__name__} was not walked: there is no head")
                elif not only or part.__name__ in only:
                    part(tour)
        except BlenderGone as error:
            tour.failures.append(str(error))
            print(error)
    print(f"{len(tour.failures)} of {len(tour.pictures)} steps failed; screenshots in {out}")
    if show is not None and not tour.failures:
        show.mkdir(parents=True, exist_ok=True)
        for step, name in SHOWN.items():
            if step in tour.pictures:
                shrink(tour.pictures[step], show / name)
    return 1 if tour.failures else 0


def shrink(source: Path, target: Path) -> None:
    """A smaller PNG of a screenshot: all its colours, or as many as bring it below SHOWN_BYTES."""
    with Image.open(source) as opened:
        picture = opened.convert("RGB")
    picture.save(target, optimize=True)
    for colours in (256, 128, 64):
        if target.stat().st_size <= SHOWN_BYTES:
            return
        picture.quantize(colours, dither=Image.Dither.NONE).save(target, optimize=True)
