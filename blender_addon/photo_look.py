"""Looking for faces in the scene's photo in the background, and what is remembered of it.

What was seen is kept as plain data by the file's place, time and size, so that undoing the choice of a photo, or
choosing it again, needs no second look. ``Scene.facewright_photo`` says what to look at, ``follow`` brings
``WindowManager.facewright_found`` and the pictures up to date with it.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import OrderedDict
from functools import partial
from itertools import count
from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np
from bpy.app.handlers import persistent
from numpy.typing import NDArray

from . import photo_previews, preferences
from .backend_door import FaceError, OutputUnwritable
from .job import session
from .job.process import Event
from .photo_files import check_photo, photo_path
from .photo_previews import Box

REMEMBERED = 8
"""Photos whose faces are kept in memory, about half a megabyte each."""
RETRY_S = 0.5
_LEFT_BEHIND_S = 24 * 3600.0  # the age from which a folder of pictures belongs to a Blender that crashed

FileKey = tuple[str, int, int]


class SeenFace(NamedTuple):
    """``box`` x, y, width, height px of the upright photo, origin top left; ``picture`` (n, n, 4) uint8."""

    box: Box
    confidence: float
    warning: str
    picture: NDArray[np.uint8]


class Look(NamedTuple):
    """What was seen in a photo; ``failed``: nothing, ``message`` says why.

    size: width, height px of the upright photo as boxes count it; original_size: of the file, upright;
    focal_length_mm: 35 mm equivalent from EXIF, or None; faces: largest first;
    picture: (H, W, 4) uint8 of the part ``shown`` (x, y, width, height px) of the upright photo.
    """

    failed: bool
    message: str
    size: tuple[int, int] = (0, 0)
    original_size: tuple[int, int] = (0, 0)
    focal_length_mm: float | None = None
    faces: tuple[SeenFace, ...] = ()
    picture: NDArray[np.uint8] | None = None
    shown: Box = (0.0, 0.0, 0.0, 0.0)
    notes: tuple[str, ...] = ()


_looks: OrderedDict[FileKey, Look] = OrderedDict()
_wanted: FileKey | None = None  # what is being looked at, or will be as soon as no other job runs
_running: tuple[session.Job, FileKey] | None = None
_numbers = count(1)
_subscription = object()


def follow(scene: bpy.types.Scene) -> None:
    """Show what is known about the scene's photo; where that is nothing, begin to look and return at once.

    In background mode nothing begins by itself: ``look_now`` is for scripts.
    """
    global _wanted
    path = photo_path(scene)
    known = None if path is None else _known(path)
    if path is None or known is not None or not _has_window():
        _wanted = None
        _publish(scene, path, known, "NONE")
        return
    _wanted = _key(path)
    _publish(scene, path, None, "LOOKING")
    _watch()
    if not bpy.app.timers.is_registered(_watch):
        bpy.app.timers.register(_watch, first_interval=RETRY_S, persistent=True)


def _has_window() -> bool:
    """Whether Blender runs timers; scripts without a window wait instead."""
    return not bpy.app.background


def look_now(scene: bpy.types.Scene, again: bool = False) -> Look:
    """Wait until the scene's photo has been looked at; ``again`` forgets what is known of it.

    Raises FaceError: no photo is chosen, it cannot be read, or another job runs.
    """
    path = photo_path(scene)
    if path is None:
        raise FaceError("Choose a photo first.")
    if again:
        forget(path)
    known = _known(path)
    if known is None:
        key = _key(path)
        looking = _running is not None and _running[1] == key and session.running() is _running[0]
        job = _running[0] if looking else _begin(key)
        session.wait(job)
        known = _looks[key]
    _publish(scene, path, known, "NONE")
    if known.failed:
        raise FaceError(known.message)
    return known


def forget(path: Path) -> None:
    """Let the next look at a photo be a fresh one."""
    _looks.pop(_key(path), None)


def mark_face(scene: bpy.types.Scene) -> None:
    """Show which face of the photo is chosen."""
    path = photo_path(scene)
    look = None if path is None else _looks.get(_key(path))
    if look is not None:
        _show_picture(scene, look)


def _key(path: Path) -> FileKey:
    """What tells one state of a file from another; also of a file that is not there."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return str(path), 0, 0
    return str(path), status.st_mtime_ns, status.st_size


def _known(path: Path) -> Look | None:
    """What can be said about a photo without a look."""
    try:
        check_photo(path)
    except FaceError as error:
        return Look(True, str(error))
    return _looks.get(_key(path))


# ------------------------------------------------------------------------------------------------------ the look


def _watch() -> float | None:
    """Blender's timer while a look is wanted: begins it when no other job runs, again where one stopped it."""
    if _wanted is None:
        return None
    job = session.running()
    mine = job is not None and _running is not None and job is _running[0]
    if job is None or (mine and _running[1] != _wanted):
        try:
            _begin(_wanted)
        except FaceError as error:
            _finished(_wanted, Look(True, str(error)), keep=False)
    return RETRY_S


def _begin(key: FileKey) -> session.Job:
    """Start the worker. Raises Busy, MissingDependency, OutputUnwritable."""
    global _wanted, _running
    pictures = preferences.user_folder() / "pictures"
    _sweep(pictures)
    # A folder for each look: the worker of one that was stopped may still write for a moment.
    folder = pictures / f"{os.getpid()}-{next(_numbers)}"
    request = {"photo": key[0], "folder": str(folder)}
    job = session.start("faces", request, partial(_take, key), prepare=partial(_read_pictures, folder))
    _wanted, _running = key, (job, key)
    return job


def _take(key: FileKey, event: Event) -> None:
    """An event of the worker; only the last one counts."""
    if event["event"] == "faces":
        _finished(key, event["prepared"])
    elif event["event"] == "error":
        # A photo stays unreadable; what a crash or a missing file of ours spoilt may work the next time.
        _finished(key, Look(True, event["message"]), keep=event["kind"] == "PhotoUnreadable")
    elif event["event"] == "cancelled":
        _finished(key, None)


def _finished(key: FileKey, look: Look | None, keep: bool = True) -> None:
    """A look has ended; None where somebody cancelled it."""
    global _wanted, _running
    if look is not None and keep:
        _looks[key] = look
        _looks.move_to_end(key)
        while len(_looks) > REMEMBERED:
            _looks.popitem(last=False)
    if key != _wanted:
        return
    _wanted = _running = None
    scene = bpy.context.scene
    path = photo_path(scene)
    if path is not None and _key(path) == key:
        _publish(scene, path, look, "NONE")
    else:  # another photo, or another state of the file, in the meantime
        follow(scene)


def _read_pictures(folder: Path, event: Event) -> Look:
    """The event ``faces`` with its pictures in memory, their folder deleted. Runs in a thread, without bpy."""
    photo = event["photo"]
    size = (photo["width"], photo["height"])
    shown = photo_previews.part_to_show(size, [face["box"] for face in event["faces"]])
    try:
        picture = photo_previews.read_picture(Path(photo["picture"]), photo_previews.PHOTO_PX, size, shown)
        faces = tuple(
            SeenFace(
                tuple(face["box"]), face["confidence"], face["warning"] or "",
                photo_previews.read_picture(Path(face["picture"]), photo_previews.FACE_PX),
            )
            for face in event["faces"]
        )  # fmt: skip
    except OSError as error:
        raise OutputUnwritable(f"{folder} cannot be used: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Look(
        False, event["message"] or "", size, tuple(photo["original_size"]), photo["focal_length_mm"], faces,
        picture, shown, tuple(photo["warnings"]),
    )  # fmt: skip


def _sweep(pictures: Path) -> None:
    """Delete what stopped looks of this Blender have left, and Blenders that crashed."""
    for folder in pictures.glob("*-*"):
        try:
            old = time.time() - folder.stat().st_mtime > _LEFT_BEHIND_S
        except OSError:  # gone already
            continue
        if old or folder.name.startswith(f"{os.getpid()}-"):
            shutil.rmtree(folder, ignore_errors=True)


# ------------------------------------------------------------------------------------------------ what is shown


def _publish(scene: bpy.types.Scene, path: Path | None, look: Look | None, otherwise: str) -> None:
    """Write what is known into the window manager; ``otherwise`` is the state where nothing is."""
    found = bpy.context.window_manager.facewright_found
    found.filepath = "" if path is None else str(path)
    found.state = otherwise if look is None else "FAILED" if look.failed else "DONE"
    look = look or Look(False, "")
    found.message = look.message
    found.notes = "\n".join(look.notes)
    found.width, found.height = look.original_size
    found.focal_length_mm = look.focal_length_mm or 0.0
    found.faces.clear()
    for seen in look.faces:
        face = found.faces.add()
        face.x, face.y, face.width, face.height = seen.box
        face.confidence, face.warning = seen.confidence, seen.warning
    photo_previews.show_faces([face.picture for face in look.faces])
    if found.state == "LOOKING":
        photo_previews.show_nothing_yet()
        session.redraw()
    else:
        _show_picture(scene, look)


def _show_picture(scene: bpy.types.Scene, look: Look) -> None:
    left, top, width, height = look.shown
    boxes = [
        ((x - left) / width, (y - top) / height, w / width, h / height)
        for x, y, w, h in (face.box for face in look.faces)
    ]
    photo_previews.show_photo(look.picture, boxes, max(scene.facewright_photo.face, 1) - 1)
    session.redraw()


# -------------------------------------------------------------------------------------------- Blender's own turns


@persistent
def _scene_changed(*_: object) -> None:
    """Something was undone, or a window shows another scene: the photo may be another one now."""
    scene = bpy.context.scene
    found = bpy.context.window_manager.facewright_found
    path = photo_path(scene)
    if found.filepath != ("" if path is None else str(path)):
        follow(scene)
    else:
        mark_face(scene)


@persistent
def _file_loaded(*_: object) -> None:
    _subscribe()
    follow(bpy.context.scene)


def _subscribe() -> None:
    """Hear when a window shows another scene; Blender forgets who listens whenever it loads a file."""
    bpy.msgbus.clear_by_owner(_subscription)
    bpy.msgbus.subscribe_rna(key=(bpy.types.Window, "scene"), owner=_subscription, args=(), notify=_scene_changed)


def register() -> None:
    """Listen to Blender."""
    photo_previews.register()
    bpy.app.handlers.load_post.append(_file_loaded)
    bpy.app.handlers.undo_post.append(_scene_changed)
    bpy.app.handlers.redo_post.append(_scene_changed)
    _subscribe()


def unregister() -> None:
    """Listen no more, and forget everything."""
    global _wanted, _running
    _wanted = _running = None
    bpy.msgbus.clear_by_owner(_subscription)
    bpy.app.handlers.redo_post.remove(_scene_changed)
    bpy.app.handlers.undo_post.remove(_scene_changed)
    bpy.app.handlers.load_post.remove(_file_loaded)
    if bpy.app.timers.is_registered(_watch):
        bpy.app.timers.unregister(_watch)
    _looks.clear()
    photo_previews.unregister()
