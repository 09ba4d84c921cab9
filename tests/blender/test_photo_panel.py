"""The photo: choosing it, what is found in it, and the pictures that the panel shows."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import bpy
import numpy as np
import pytest
from bpy.utils import previews
from PIL import Image

import blender_addon
from blender_addon import photo_files, photo_look, photo_previews, preferences
from blender_addon.job import session
from blender_addon.operators.photo import FACEWRIGHT_MT_open_images
from blender_addon.photo_previews import part_to_show

PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "data" / "photos"
needs_worker = pytest.mark.skipif(
    any(find_spec(package) is None for package in session.NEEDED_PACKAGES), reason="needs the backend's packages"
)
real_photos = pytest.mark.skipif(not PHOTOS.is_dir(), reason="needs the photos in ../shared/data/photos")


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    blender_addon.register()
    yield
    blender_addon.unregister()


@pytest.fixture(autouse=True)
def user_folder(empty: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user folder of its own, an empty file, and nothing remembered from the test before."""
    folder = tmp_path / "user folder"
    folder.mkdir()
    monkeypatch.setattr(preferences, "user_folder", lambda: folder)
    photo_look._looks.clear()
    yield folder
    session.stop()
    photo_look._wanted = photo_look._running = None


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people beside each other, 1280 x 640: the smallest face on the left, the largest in the middle."""
    people = [Image.open(PHOTOS / "president_46.jpg"), Image.open(PHOTOS / "president_44.jpg"),
              Image.open(PHOTOS / "astronaut.png")]  # fmt: skip
    picture = Image.new("RGB", (1280, 640))
    for image, left, width in zip(people, (0, 240, 760), (240, 520, 520), strict=True):
        whole = image.convert("RGB")
        picture.paste(whole.crop((0, 0, whole.width, whole.width * 640 // width)).resize((width, 640)), (left, 0))
    path = tmp_path_factory.mktemp("photos") / "three people.jpg"
    picture.save(path, quality=95)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A photo of nobody."""
    path = tmp_path / "sky.png"
    Image.new("RGB", (200, 120), (90, 120, 160)).save(path)
    return path


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The photos for which a worker was started."""
    seen: list[str] = []
    start = session.start

    def counted(kind: str, request: dict[str, str], *arguments: object, **options: object) -> session.Job:
        seen.append(Path(request["photo"]).name)
        return start(kind, request, *arguments, **options)

    monkeypatch.setattr(session, "start", counted)
    return seen


def photo() -> bpy.types.PropertyGroup:
    return bpy.context.scene.facewright_photo


def found() -> bpy.types.PropertyGroup:
    return bpy.context.window_manager.facewright_found


def pump_until(state: str, seconds: float = 30.0) -> None:
    """What Blender's timers do while a window is open."""
    end = time.monotonic() + seconds
    while found().state != state:
        assert time.monotonic() < end, f"still {found().state}"
        photo_look._watch()
        session.pump()
        time.sleep(0.01)


# --------------------------------------------------------------------------------------------- choosing a photo


def test_a_photo_is_chosen_by_script(plain: Path) -> None:
    assert bpy.ops.facewright.choose_photo(filepath=str(plain)) == {"FINISHED"}
    assert photo_files.photo_path(bpy.context.scene) == plain
    assert bpy.ops.facewright.clear_photo() == {"FINISHED"}
    assert photo_files.photo_path(bpy.context.scene) is None
    assert not bpy.ops.facewright.clear_photo.poll()


def test_what_is_no_photo_is_refused_and_the_old_one_stays(plain: Path, tmp_path: Path) -> None:
    bpy.ops.facewright.choose_photo(filepath=str(plain))
    heic = tmp_path / "IMG_0001.HEIC"
    heic.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    for path, sentence in (
        (heic, "save it as JPEG first"),
        (tmp_path, "is a folder"),
        (tmp_path / "x.png", "no photo"),
    ):
        with pytest.raises(RuntimeError, match=sentence):
            bpy.ops.facewright.choose_photo(filepath=str(path))
        assert photo().filepath == str(plain)


def test_another_photo_forgets_the_chosen_face(plain: Path, group: Path) -> None:
    bpy.ops.facewright.choose_photo(filepath=str(plain))
    bpy.ops.facewright.choose_face(index=3)
    assert photo().face == 3
    bpy.ops.facewright.choose_photo(filepath=str(group))
    assert photo().face == 0


def test_choosing_can_be_undone(plain: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (80, 80)).save(other)
    bpy.ops.ed.undo_push(message="start")
    photo().filepath = str(plain)
    bpy.ops.ed.undo_push(message="one")
    photo().filepath = str(other)
    bpy.ops.ed.undo_push(message="two")
    bpy.ops.ed.undo()
    assert photo().filepath == str(plain)
    assert found().filepath == str(plain), "what is shown follows"
    bpy.ops.ed.redo()
    assert photo().filepath == found().filepath == str(other)


def test_the_texture_size_is_the_preferred_one_until_somebody_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    assert photo().texture_size == preferences.DEFAULT_TEXTURE_SIZE
    monkeypatch.setattr(preferences, "settings", lambda: preferences.DefaultSettings(texture_size="512"))
    assert photo().texture_size == "512"
    photo().texture_size = "4096"
    assert photo().texture_size == "4096"


# --------------------------------------------------------------------------------------------- looking for faces


@real_photos
@needs_worker
def test_a_script_waits_for_the_faces(group: Path, user_folder: Path) -> None:
    bpy.ops.facewright.choose_photo(filepath=str(group))
    assert found().state == "NONE", "nothing runs by itself without a window"
    assert bpy.ops.facewright.look_for_faces() == {"FINISHED"}
    assert (found().state, found().width, found().height) == ("DONE", 1280, 640)
    centres = [face.x + face.width / 2 for face in found().faces]
    assert len(centres) == 3
    assert 240 < centres[0] < 760, "the largest face is the one in the middle"
    sizes = [face.width * face.height for face in found().faces]
    assert sizes == sorted(sizes, reverse=True)
    assert all(face.confidence > 0.8 for face in found().faces)
    assert not list((user_folder / "pictures").iterdir()), "pictures are kept in memory only"


@real_photos
@needs_worker
def test_a_face_is_chosen_among_those_that_are_there(group: Path) -> None:
    bpy.ops.facewright.choose_photo(filepath=str(group))
    bpy.ops.facewright.look_for_faces()
    first = painted("photo")
    bpy.ops.facewright.choose_face(index=2)
    assert photo().face == 2
    assert not np.array_equal(painted("photo"), first), "another face is marked"
    with pytest.raises(RuntimeError, match="the photo holds 3 faces"):
        bpy.ops.facewright.choose_face(index=4)
    assert photo().face == 2


@real_photos
@needs_worker
def test_a_small_face_is_warned_of_at_once() -> None:
    bpy.ops.facewright.choose_photo(filepath=str(PHOTOS / "astronaut.png"))
    bpy.ops.facewright.look_for_faces()
    assert "blurred" in found().faces[0].warning


@needs_worker
def test_a_photo_without_a_face_says_so(plain: Path) -> None:
    bpy.ops.facewright.choose_photo(filepath=str(plain))
    assert bpy.ops.facewright.look_for_faces() == {"FINISHED"}
    assert found().state == "DONE" and not found().faces
    assert "no face" in found().message
    assert not bpy.ops.facewright.reconstruct.poll()


@needs_worker
def test_a_damaged_photo_says_so(tmp_path: Path) -> None:
    content = io.BytesIO()
    Image.effect_noise((300, 300), 80).save(content, "PNG")
    path = tmp_path / "cut short.png"
    path.write_bytes(content.getvalue()[:5000])
    bpy.ops.facewright.choose_photo(filepath=str(path))
    with pytest.raises(RuntimeError, match="damaged or cut short"):
        bpy.ops.facewright.look_for_faces()
    assert found().state == "FAILED"
    assert "damaged or cut short" in found().message


@needs_worker
def test_a_photo_is_looked_at_once(plain: Path, tmp_path: Path, starts: list[str]) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (80, 80)).save(other)
    for path in (plain, other, plain, other):
        bpy.ops.facewright.choose_photo(filepath=str(path))
        bpy.ops.facewright.look_for_faces()
        assert found().width == (200 if path == plain else 80)
    assert starts == ["sky.png", "other.png"]
    Image.new("RGB", (90, 90)).save(other)
    bpy.ops.facewright.look_for_faces()
    assert starts[2:] == ["other.png"], "a file that was changed is another photo"
    assert found().width == 90


@needs_worker
def test_in_a_window_choosing_starts_the_look_and_does_not_wait(
    plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_look, "_has_window", lambda: True)
    began = time.perf_counter()
    bpy.ops.facewright.choose_photo(filepath=str(plain))
    assert time.perf_counter() - began < 0.25  # 5 ms on an idle machine
    assert found().state == "LOOKING"
    pump_until("DONE")
    assert found().width == 200
    assert session.running() is None


@needs_worker
def test_the_photo_chosen_last_is_the_one_shown(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, starts: list[str]
) -> None:
    other = tmp_path / "other.png"
    Image.new("RGB", (80, 80)).save(other)
    monkeypatch.setattr(photo_look, "_has_window", lambda: True)
    for path in (plain, other, plain, other):
        photo().filepath = str(path)
    pump_until("DONE")
    assert found().width == 80
    assert starts[-1] == "other.png"


@needs_worker
def test_a_look_waits_for_another_job_and_comes_back_when_one_stopped_it(
    plain: Path, monkeypatch: pytest.MonkeyPatch, starts: list[str]
) -> None:
    monkeypatch.setattr(photo_look, "_has_window", lambda: True)
    photo().filepath = str(plain)
    session.stop()  # as Reconstruct does
    with monkeypatch.context() as busy:
        busy.setattr(session, "running", object)
        photo_look._watch()
        assert (found().state, starts) == ("LOOKING", ["sky.png"])
    pump_until("DONE")
    assert starts == ["sky.png", "sky.png"]


@needs_worker
def test_somebody_cancels_the_look(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photo_look, "_has_window", lambda: True)
    photo().filepath = str(plain)
    session.cancel()
    pump_until("NONE")
    assert session.running() is None


@needs_worker
def test_the_photo_of_a_loaded_file_is_looked_at(
    plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo().filepath = str(plain)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    assert (found().state, found().filepath) == ("NONE", "")
    monkeypatch.setattr(photo_look, "_has_window", lambda: True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    assert (found().state, found().filepath) == ("LOOKING", str(plain))


@needs_worker
def test_each_scene_has_a_photo_of_its_own(plain: Path) -> None:
    photo().filepath = str(plain)
    bpy.ops.facewright.look_for_faces()
    other = bpy.data.scenes.new("Other")
    photo_look.follow(other)
    assert (found().state, found().filepath) == ("NONE", "")
    photo_look.follow(bpy.context.scene)
    assert (found().state, found().width) == ("DONE", 200)


# ------------------------------------------------------------------------------------- images that Blender holds


def test_an_image_with_a_file_is_that_file(plain: Path) -> None:
    image = bpy.data.images.load(str(plain))
    assert bpy.ops.facewright.use_image(image=image.name) == {"FINISHED"}
    assert photo().filepath == str(plain)


def test_a_packed_photo_keeps_what_the_camera_noted(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (80, 64), (10, 20, 30)).save(path, exif=exif)
    image = bpy.data.images.load(str(path))
    image.pack()
    content = path.read_bytes()
    path.unlink()
    bpy.ops.facewright.use_image(image=image.name)
    kept = Path(photo().filepath)
    assert kept.read_bytes() == content
    assert kept.suffix == ".jpg"


@pytest.mark.parametrize("dirty", [False, True], ids=["pasted and packed", "painted"])
def test_pixels_of_an_image_without_a_file_are_written_exactly(dirty: bool, user_folder: Path) -> None:
    values = np.random.default_rng(1).integers(0, 256, (48, 64, 4)).astype(np.uint8)
    image = bpy.data.images.new("Clipboard / 1", 64, 48, alpha=True)
    image.pixels.foreach_set((values[::-1] / np.float32(255)).astype(np.float32).ravel())
    if not dirty:
        image.pack()
    before = len(bpy.data.images)
    for _ in range(2):
        bpy.ops.facewright.use_image(image=image.name)
    written = Path(photo().filepath)
    assert written.parent == user_folder / "photos"
    assert np.array_equal(np.asarray(Image.open(written).convert("RGB")), values[..., :3])
    assert [path.name for path in written.parent.iterdir()] == [written.name], "the same picture is written once"
    assert len(bpy.data.images) == before


def test_a_float_image_is_written_as_it_looks() -> None:
    image = bpy.data.images.new("render", 4, 4, float_buffer=True)
    image.pixels.foreach_set(np.tile(np.array([0.2158605, 1.7, 0.0, 1.0], np.float32), 16))
    bpy.ops.facewright.use_image(image="render")
    assert Image.open(photo().filepath).convert("RGB").getpixel((1, 1)) == (128, 255, 0)


def test_what_is_no_picture_is_refused() -> None:
    missing = bpy.data.images.new("m", 4, 4)
    missing.source = "FILE"
    missing.filepath = "//gone.png"
    missing.reload()
    with pytest.raises(RuntimeError, match="has no pixels"):
        bpy.ops.facewright.use_image(image="m")
    with pytest.raises(RuntimeError, match="There is no image nothing"):
        bpy.ops.facewright.use_image(image="nothing")
    film = bpy.data.images.new("film", 4, 4)
    film.source = "MOVIE"
    with pytest.raises(RuntimeError, match="no still picture"):
        bpy.ops.facewright.use_image(image="film")
    assert photo().filepath == ""


# ---------------------------------------------------------------------------------------------------- the pictures


def painted(name: str) -> np.ndarray:
    """(H, W, 4) of a preview, top row first."""
    preview = photo_previews._collection[name]
    width, height = preview.image_size
    pixels = np.empty(width * height * 4, np.float32)
    preview.image_pixels_float.foreach_get(pixels)
    return np.round(pixels.reshape(height, width, 4)[::-1] * 255).astype(np.uint8)


@needs_worker
def test_the_picture_is_upright(tmp_path: Path) -> None:
    path = tmp_path / "turned.jpg"
    pixels = np.zeros((90, 120, 3), np.uint8)
    pixels[:, :60] = (250, 0, 0)  # red on the left of the file is on top of the photo
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(pixels).save(path, quality=95, exif=exif)
    bpy.ops.facewright.choose_photo(filepath=str(path))
    bpy.ops.facewright.look_for_faces()
    assert (found().width, found().height) == (90, 120)
    picture = painted("photo")
    assert picture.shape == (120, 90, 4)
    assert picture[5, 45, 0] > 200 and picture[115, 45, 0] < 50


def test_a_hundred_photos_take_the_room_of_one() -> None:
    rng = np.random.default_rng(0)
    for number in range(100):
        pixels = rng.integers(0, 256, (64 + number, 96, 4)).astype(np.uint8)
        photo_previews.show_photo(pixels, [(0.1, 0.1, 0.2, 0.2), (0.9, 0.9, 0.4, 0.4)], number % 2)
        photo_previews.show_faces([pixels[:64, :64]] * (number % 30))
    assert np.array_equal(painted("photo")[30, 50], pixels[30, 50])
    assert len(photo_previews._collection) <= 1 + photo_previews.MAX_FACES
    photo_previews.show_photo(None)
    assert photo_previews.photo_icon() == 0


def test_no_more_than_some_photos_are_remembered() -> None:
    for number in range(3 * photo_look.REMEMBERED):
        photo_look._finished((f"photo {number}", 1, 1), photo_look.Look(False, ""))
    assert len(photo_look._looks) == photo_look.REMEMBERED


def test_disabling_frees_the_pictures_and_stops_listening() -> None:
    handlers = bpy.app.handlers
    lists = (handlers.load_post, handlers.undo_post, handlers.redo_post)
    with_us = [len(listed) for listed in lists], len(previews._uuid_open)
    blender_addon.unregister()
    try:
        assert all(len(listed) < many for listed, many in zip(lists, with_us[0], strict=True))
        assert len(previews._uuid_open) < with_us[1]
        assert photo_previews.photo_icon() == 0
        assert not hasattr(bpy.types.Scene, "facewright_photo")
    finally:
        blender_addon.register()
    assert ([len(listed) for listed in lists], len(previews._uuid_open)) == with_us


@pytest.mark.parametrize(
    ("size", "boxes", "part"),
    [
        ((400, 300), [], (0, 0, 400, 300)),
        ((900, 300), [], (0, 0, 900, 300)),
        ((900, 300), [(500, 50, 100, 100)], (350, 0, 400, 300)),
        ((900, 300), [(850, 50, 100, 100)], (500, 0, 400, 300)),
        ((900, 300), [(0, 50, 100, 100), (700, 50, 100, 100)], (0, 0, 800, 300)),
        ((300, 900), [(50, -20, 100, 100)], (0, 0, 300, 400)),
    ],
)
def test_the_part_that_is_shown_holds_all_faces(
    size: tuple[int, int], boxes: list[tuple[float, ...]], part: tuple[float, ...]
) -> None:
    assert part_to_show(size, boxes) == pytest.approx(part)


# -------------------------------------------------------------------------------------------- dropping, menus


def test_photos_can_be_dropped_onto_the_3d_view(plain: Path) -> None:
    handler = bpy.types.FACEWRIGHT_FH_photo
    accepted = handler.bl_file_extensions.split(";")
    assert set(accepted) == {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp"}
    assert handler.bl_import_operator == "facewright.drop_photo"
    operator = bpy.ops.facewright.drop_photo.get_rna_type()
    assert operator.properties["filepath"].is_skip_save, "else Blender does not hand the file over"
    assert "Facewright" in operator.name, "Blender's menu for dropped files shows nothing else"
    bpy.ops.facewright.drop_photo(filepath=str(plain))
    assert photo().filepath == str(plain)


def test_tooltips_are_sentences() -> None:
    for name in ("choose_photo", "use_image", "clear_photo", "look_for_faces", "choose_face"):
        description = getattr(bpy.ops.facewright, name).get_rna_type().description
        assert len(description) > 30 and not description.endswith("."), name
    assert FACEWRIGHT_MT_open_images.bl_description
    for group in (photo(), found()):
        for item in group.bl_rna.properties:
            if item.identifier not in ("rna_type", "name") and not item.is_hidden and group == photo():
                assert item.description, item.identifier
