"""A walk through a real Blender window: steps with pictures, and what a person does between them.

Every step leaves a screenshot. A step that fails is reported with its picture, and the walk goes on, so that one
run tells everything. A step also fails when Blender printed an error while it ran.
"""

from __future__ import annotations

import re
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from desktop import Blender, BlenderGone, Desktop
from reading import Box, Reader, WordsMissing
from sidebar import Sidebar

# A person's own choices: the file selector in the window itself, so that no window manager is needed, and no
# warping of the pointer in a drag, which xdotool knows nothing of.
PREFERENCES = """
bpy.context.preferences.view.filebrowser_display_type = "SCREEN"
bpy.context.preferences.inputs.use_mouse_continuous = False
"""
TROUBLE = re.compile(r"Traceback|^\w*Error\b|Exception|rna_uiItem|unknown property|^Error:|WARN.*bpy", re.MULTILINE)
AWAY = (300, 700)  # pixels, over the 3D view: no tooltip covers the panel in the picture
SETTLE_S = 0.8  # panels glide to their places


class Walk:
    """The desktop, Blender on it, and what has gone wrong so far."""

    def __init__(self, desktop: Desktop, blender: Blender, out: Path, photos: Path) -> None:
        self.desktop, self.blender, self.out = desktop, blender, out
        self.reader = Reader(desktop, blender)
        self.sidebar = Sidebar(desktop, blender, self.reader)
        self.photos = desktop.inner(photos)
        self.failures: list[str] = []
        self.pictures: dict[str, Path] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """One step: a picture afterwards, failures noted."""
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
        self.desktop.move(*AWAY)
        time.sleep(SETTLE_S)
        label = f"{len(self.pictures) + 1:02}-{name.lower().replace(' ', '-')}"
        self.pictures[name] = self.out / f"{label}{'-FAILED' if problem else ''}.png"
        self.pictures[name].write_bytes(self.desktop.picture())
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

    def in_folder(self, folder: str = "") -> None:
        """Go to a folder (the photos') in Blender's file selector by typing it."""
        folder = folder or self.photos
        self.blender.wait("areas('FILE_BROWSER')", 15)
        left, top, width, height = self.blender.wait("region('WINDOW', 'FILE_BROWSER')", 15)
        self.desktop.move(left + width / 2, top + height * 0.8)
        time.sleep(0.5)
        self.desktop.key("ctrl+l", "ctrl+a")
        self.desktop.type(folder + "/")
        self.desktop.key("Return")
        time.sleep(0.5)
        # Leaves the text field where Return has only accepted what it completes.
        self.desktop.click(left + width / 2, top + height * 0.8)
        self.blender.wait(f"file_selector()[0].rstrip('/') == {folder!r}", 10)
        time.sleep(1.5)  # thumbnails

    def pick_file(self, name: str) -> None:
        """Click a file in the file selector and confirm."""
        inside = Box(*self.blender.ask("region('WINDOW', 'FILE_BROWSER')"))
        self.desktop.click(*self.reader.one(name, inside).centre)
        self.blender.wait(f"file_selector()[1] == {name!r}", 10)
        self.desktop.key("Return")
        self.blender.wait("not areas('FILE_BROWSER')", 15)
