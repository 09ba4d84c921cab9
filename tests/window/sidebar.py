"""The sidebar of the 3D view as a person uses it: open a tab, scroll to a word, click it, drag a slider."""

from __future__ import annotations

import time

from desktop import Blender, Desktop
from reading import Box, Reader, WordsMissing

PAGE_NOTCHES = 8
TABS_ONLY = 60  # pixels: from 5.0 on, a hidden sidebar still shows its tabs


class Sidebar:
    """One tab of the sidebar."""

    def __init__(self, desktop: Desktop, blender: Blender, reader: Reader) -> None:
        self._desktop, self._blender, self._reader = desktop, blender, reader

    def open(self, tab: str) -> None:
        """Show the sidebar and click a tab. Raises WordsMissing, TimeoutError."""
        shown = f"(region() or [0, 0, 0])[2] > {TABS_ONLY}"
        if not self._blender.ask(shown):
            self._desktop.move(*self.view.centre)
            self._desktop.key("n")
            self._blender.wait(shown, 10)
        if self._blender.ask("tabs()") != tab:
            self._desktop.click(*self._reader.one(tab, self.box, turned=True).centre)
        self._blender.wait(f"tabs() == {tab!r}", 10)

    @property
    def box(self) -> Box:
        """Where the sidebar is now."""
        return Box(*self._blender.ask("region()"))

    @property
    def view(self) -> Box:
        """The 3D view without the sidebar."""
        whole, panel = Box(*self._blender.ask("region('WINDOW')")), self._blender.ask("region()")
        return whole if panel is None else Box(whole.left, panel[1], panel[0] - whole.left, panel[3])

    def find(self, text: str, patience_s: float = 4) -> Box:
        """The topmost place of a text, scrolled to if need be. Raises WordsMissing."""
        try:
            return self._reader.one(text, self.box, patience_s=min(patience_s, 1.5))
        except WordsMissing:
            pass
        end = time.monotonic() + patience_s
        while True:
            self._scroll_to_end(-30)
            while True:
                found = self._reader.find(text, self.box)
                if found:
                    return found[0]
                if not self._scroll(PAGE_NOTCHES):
                    break
            if time.monotonic() > end:
                raise WordsMissing(f'"{text}" is not in the sidebar')

    def click(self, text: str, patience_s: float = 4) -> Box:
        """Click a text once it stands still; return where it was. Raises WordsMissing."""
        box, before = self.find(text, patience_s), None
        while box != before:  # panels glide to their places
            time.sleep(0.3)
            box, before = self.find(text, patience_s), box
        self._desktop.click(*box.centre)
        return box

    def find_slider(self, label: str, across: float = 0.5) -> tuple[float, float]:
        """A point on the sliders of shape keys in the row with this label, ``across`` of the way from the first
        one's left end to the last one's right end. Raises WordsMissing.
        """
        return self.find_field(label, "value", "shape_keys", across)

    def find_field(self, label: str, name: str, owner: str, across: float = 0.5) -> tuple[float, float]:
        """A point on a property's field in the row with this label: where Blender says that the pointer is on it.

        ``owner`` is a part of the datablock's name, as Python writes it. Raises WordsMissing.
        """
        self.find(label)
        for row in self._reader.find(label, self.box):
            y = row.centre[1]
            over = []
            for x in range(self.box.left + 20, self.box.left + self.box.width - 30, 10):
                self._desktop.move(x, y)
                under = self._blender.ask("hovered()")
                if under and under[1].rpartition(".")[2] == name and owner in under[0]:
                    over.append(x)
            if over:
                return over[0] + (over[-1] - over[0]) * across, y
        raise WordsMissing(f'no field {name} in a row that reads "{label}"')

    def shows(self, text: str) -> bool:
        """Whether a text can be read without scrolling."""
        return bool(self._reader.find(text, self.box))

    def to_top(self) -> None:
        """Scroll to the first panel."""
        self._scroll_to_end(-30)

    def _scroll_to_end(self, steps: int) -> None:
        while self._scroll(steps):
            pass

    def _scroll(self, steps: int) -> bool:
        """Turn the wheel; False when nothing moved."""
        before = self._blender.ask("scroll()")
        box = self.box
        # Over the strip between buttons and tabs, where the wheel changes no field.
        self._desktop.scroll(box.left + 4, box.top + box.height / 2, steps)
        return self._blender.ask("scroll()") != before
