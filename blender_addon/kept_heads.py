"""The bundles of reconstructed heads on disk: how much room they take, and deleting those that nobody needs."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Set
from pathlib import Path
from typing import NamedTuple

from .backend_door import BundleInvalid, OutputUnwritable, refuse_unless_untouched

_MEASURED_FOR_S = 30.0  # how long a measured size is shown before it is measured again
_measured: dict[Path, tuple[float, int]] = {}  # folder -> (when, bytes); plain numbers, no Blender data


class Cleared(NamedTuple):
    """What ``clear`` did: bundles deleted, their bytes, bundles kept because they are in use, and because somebody
    changed them or put files of their own into them."""

    deleted: int
    freed_bytes: int
    used: int
    changed: int


def folder_bytes(folder: Path) -> int:
    """Size of everything below a folder, 0 where there is none; measured at most every half minute.

    A panel may call this whenever it is drawn.
    """
    now = time.monotonic()
    when, size = _measured.get(folder, (-_MEASURED_FOR_S, 0))
    if now - when >= _MEASURED_FOR_S:
        size = _bytes_below(folder)
        _measured[folder] = now, size
    return size


def forget_size() -> None:
    """Let the next ``folder_bytes`` measure anew: something was written or deleted."""
    _measured.clear()


def clear(folder: Path, in_use: Set[Path]) -> Cleared:
    """Delete the head bundles that lie directly in ``folder``.

    Left alone are bundles of ``in_use``, bundles with a file that Facewright did not write or that was changed
    since, and everything that is not a bundle. Links are not followed.

    Raises
    ------
    OutputUnwritable : a bundle could not be deleted
    """
    used_places = {place.resolve() for place in in_use}
    deleted = freed = used = changed = 0
    for bundle in sorted(folder.iterdir()) if folder.is_dir() else ():
        if bundle.is_symlink() or not (bundle / "head.json").is_file():
            continue
        if bundle.resolve() in used_places:
            used += 1
            continue
        try:
            refuse_unless_untouched(bundle)
        except (OutputUnwritable, BundleInvalid):
            changed += 1
            continue
        size = _bytes_below(bundle)
        try:
            shutil.rmtree(bundle)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise OutputUnwritable(f"{bundle} could not be deleted: {reason}.") from error
        finally:
            forget_size()
        deleted, freed = deleted + 1, freed + size
    return Cleared(deleted, freed, used, changed)


def _bytes_below(folder: Path) -> int:
    total = 0
    for directory, _, files in os.walk(folder):
        for file in files:
            try:
                total += (Path(directory) / file).lstat().st_size
            except FileNotFoundError:  # a job that runs right now has renamed it
                continue
    return total
