"""The one export that runs in this Blender, and what came of the last one. Plain data, no object of Blender."""

from __future__ import annotations

import atexit

import bpy

from ..backend_door import FaceError
from .task import Report, Task

_task: Task | None = None
_last: Report | None = None


class ExportRuns(FaceError):
    """An export is running already."""


def current() -> Task | None:
    """The running export."""
    return _task


def last() -> Report | None:
    """What came of the last export since the file was opened."""
    return _last


def refuse_second() -> None:
    """Raise ExportRuns where one is running."""
    if _task is not None:
        raise ExportRuns("An export is running; wait for it or cancel it.")


def begin(task: Task) -> None:
    """Make ``task`` the running export."""
    global _task, _last
    _task, _last = task, None


def look() -> Report | None:
    """Look after the running export; its report once it has ended, None before that or where none runs."""
    global _task, _last
    if _task is None or not _task.poll():
        return None
    _task, _last = None, _task.report
    return _last


def finish() -> Report:
    """Block until the running export has ended."""
    if _task is None:
        raise ExportRuns("No export is running.")
    _task.wait()
    report = look()
    assert report is not None  # it has ended
    return report


def cancel() -> None:
    """Stop the running export, if there is one; ``look`` reports it."""
    if _task is not None:
        _task.cancel()


@bpy.app.handlers.persistent
def _forget(*_: object) -> None:
    """Another file is opened: its panel has nothing to do with what was exported from this one."""
    global _task, _last
    cancel()
    _task, _last = None, None


def register() -> None:
    """Stop exports when a file is opened and when Blender ends."""
    bpy.app.handlers.load_pre.append(_forget)
    atexit.register(cancel)


def unregister() -> None:
    """Stop what still runs."""
    _forget()
    bpy.app.handlers.load_pre.remove(_forget)
    atexit.unregister(cancel)
