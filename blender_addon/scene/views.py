"""3D views that are borrowed for a while and given back exactly as they were.

What a view was like before is kept with its screen, which Blender saves with the file: a view that was borrowed
when the file was saved can still be given back after loading it. Undo leaves screens alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import bpy

_BORROWED = "facewright_views"


class View(NamedTuple):
    """A 3D view: its screen, its area's number there, its area, its space."""

    screen: bpy.types.Screen
    number: int
    area: bpy.types.Area
    space: bpy.types.SpaceView3D

    @property
    def width(self) -> int:
        """Of the part that shows the scene, pixels."""
        return self._region().width

    @property
    def height(self) -> int:
        """Of the part that shows the scene, pixels."""
        return self._region().height

    def _region(self) -> bpy.types.Region:
        return next(region for region in self.area.regions if region.type == "WINDOW")


def view_of(context: bpy.types.Context) -> View | None:
    """The 3D view in which the person works; for scripts the largest of the screen; None where there is none."""
    screen = context.screen or (context.window.screen if context.window is not None else None)
    if screen is None:
        return None
    views = [
        View(screen, number, area, area.spaces.active)
        for number, area in enumerate(screen.areas)
        if area.type == "VIEW_3D"
    ]
    here = next((view for view in views if view.area == context.area), None)
    return here or max(views, key=lambda view: view.area.width * view.area.height, default=None)


def borrow(view: View, purpose: str, before: dict[str, Any]) -> None:
    """Note what a view was like before it is changed for a purpose; plain data."""
    notes = _notes(view.screen)
    notes[f"{purpose} {view.number}"] = before
    view.screen[_BORROWED] = notes


def borrowed(view: View, purpose: str) -> dict[str, Any] | None:
    """What the view was like before it was borrowed for a purpose; None where it is not borrowed for it."""
    return _notes(view.screen).get(f"{purpose} {view.number}")


def give_back(view: View, purpose: str) -> dict[str, Any] | None:
    """Like ``borrowed``, and the note is torn up."""
    notes = _notes(view.screen)
    before = notes.pop(f"{purpose} {view.number}", None)
    if notes:
        view.screen[_BORROWED] = notes
    elif _BORROWED in view.screen:
        del view.screen[_BORROWED]
    return before


def hide_overlays(view: View, names: Iterable[str]) -> dict[str, bool]:
    """Switch overlays of a view off by the names of their settings; what they were before."""
    overlay = view.space.overlay
    before = {name: getattr(overlay, name) for name in names}
    for name in before:
        setattr(overlay, name, False)
    return before


def show_overlays(view: View, before: Mapping[str, bool]) -> None:
    """Undo ``hide_overlays``; what somebody switched on again meanwhile stays on."""
    for name, shown in before.items():
        if shown:
            setattr(view.space.overlay, name, True)


def _notes(screen: bpy.types.Screen) -> dict[str, dict[str, Any]]:
    notes = screen.get(_BORROWED)
    return {} if notes is None else notes.to_dict()
