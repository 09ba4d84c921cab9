"""The walk of an artist through the whole panel, by mouse and keyboard, with a look at the scene after each step.

Every step leaves a screenshot. A step that fails is reported with its picture, and the walk goes on, so that one
run tells everything. A step also fails when Blender printed an error while it ran.
"""

from __future__ import annotations

import re
import shutil
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from desktop import Blender, BlenderGone, Desktop
from reading import Reader, WordsMissing
from sidebar import Sidebar

TAB = "Facewright"
TROUBLE = re.compile(r"Traceback|^\w*Error\b|Exception|rna_uiItem|unknown property|^Error:|WARN.*bpy", re.MULTILINE)
RECONSTRUCT_S = 180  # a loaded machine that draws by software


class Walk:
    """The desktop, Blender on it, and what has gone wrong so far."""

    def __init__(self, desktop: Desktop, blender: Blender, out: Path, photos: Path) -> None:
        self.desktop, self.blender, self.out = desktop, blender, out
        self.reader = Reader(desktop, blender)
        self.sidebar = Sidebar(desktop, blender, self.reader)
        self.photos = desktop.inner(photos)
        self.failures: list[str] = []
        self._steps = 0

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step: a picture afterwards, failures noted."""
        self._steps += 1
        printed, started = len(self.blender.output()), time.monotonic()
        self.blender.set_stage("pulse.restart()")
        problem = ""
        try:
            yield
        except BlenderGone:
            raise
        except (AssertionError, WordsMissing, TimeoutError, ValueError) as error:
            place = traceback.extract_tb(error.__traceback__)[1]
            problem = f"{error or place.line} ({Path(place.filename).name}:{place.lineno})"
        said = self.blender.output()[printed:]
        if not problem and TROUBLE.search(said):
            problem = "Blender printed:\n" + said[-2000:]
        label = f"{self._steps:02}-{name.lower().replace(' ', '-')}"
        (self.out / f"{label}{'-FAILED' if problem else ''}.png").write_bytes(self.desktop.picture())
        longest = self.blender.ask("pulse.longest")
        print(f"{'FAIL' if problem else 'ok  '} {label}  {time.monotonic() - started:.1f} s, "
              f"longest stall {longest:.2f} s", flush=True)  # fmt: skip
        if problem:
            print(f"     {problem}", flush=True)
            self.failures.append(f"{label}: {problem}")

    def over_view(self) -> None:
        """Bring the pointer over the 3D view, where Blender's usual keys work."""
        self.desktop.move(*self.sidebar.view.centre)

    def undo(self) -> None:
        """Ctrl Z over the view."""
        self.over_view()
        self.desktop.key("ctrl+z")
        time.sleep(0.5)

    def redo(self) -> None:
        """Ctrl Shift Z over the view."""
        self.over_view()
        self.desktop.key("ctrl+shift+z")
        time.sleep(0.5)

    def pick_file(self, name: str, folder: str | None = None) -> None:
        """Choose a file in Blender's file selector: type the folder, click the file, confirm."""
        self.blender.wait("areas('FILE_BROWSER')", 15)
        left, top, width, height = self.blender.ask("region('WINDOW', 'FILE_BROWSER')")
        self.desktop.move(left + width / 2, top + height * 0.8)
        time.sleep(0.5)
        self.desktop.key("ctrl+l", "ctrl+a")
        self.desktop.type((folder or self.photos) + "/")
        self.desktop.key("Return")
        time.sleep(1)
        self.desktop.click(*self.reader.one(name).centre)
        self.desktop.key("Return")
        self.blender.wait("not areas('FILE_BROWSER')", 15)


def make_photos(folder: Path, portrait: Path) -> None:
    """The portrait, and a group photo: the portrait, a smaller one and a third, mirrored, side by side."""
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


def walk(root: Path, zip_file: Path, photo: Path, out: Path) -> int:
    """Walk through the panel. Returns 0 when every step went well, else 1."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with Desktop(root) as desktop:
        photos = desktop.folder / "photos"
        make_photos(photos, photo)
        blender = Blender(desktop, out / "blender.log")
        blender.install(zip_file)
        blender.start()
        # A person's own choice: the file selector in the window itself, so that no window manager is needed.
        blender.set_stage("bpy.context.preferences.view.filebrowser_display_type = 'SCREEN'")
        tour = Walk(desktop, blender, out, photos)
        try:
            for part in PARTS:
                part(tour)
        except BlenderGone as error:
            tour.failures.append(str(error))
            print(error)
    print(f"{len(tour.failures)} of {tour._steps} steps failed; screenshots in {out}")
    return 1 if tour.failures else 0


def open_panel(tour: Walk) -> None:
    with tour.step("panel"):
        tour.sidebar.open(TAB)
        tour.sidebar.find("Photo")


PARTS: tuple[Callable[[Walk], None], ...] = (open_panel,)
