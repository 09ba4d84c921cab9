"""A folder that appears whole or not at all.

Everything is written into a hidden sibling of the folder asked for, on the same file system, and takes its name in
one rename when the work is done. Whatever happens before, the sibling is removed and nothing else was touched.
"""

from __future__ import annotations

import errno
import glob
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import OutputUnwritable


def unwritable(target: Path, error: OSError) -> OutputUnwritable:
    """What went wrong when writing to ``target``, as one sentence."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return OutputUnwritable(f"There is not enough room on the disk to write {target}.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputUnwritable(f"{target} cannot be written: its folder is read-only.")
    reason = (error.strerror or str(error)).lower()
    return OutputUnwritable(f"{target} cannot be written: {reason}.")


def _make_parents(folder: Path) -> list[Path]:
    """Create ``folder`` and its missing parents; the folders that were made, outermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    missing.reverse()
    made: list[Path] = []
    try:
        for one in missing:
            one.mkdir()
            made.append(one)
    except OSError:
        _remove_empty(made)
        raise
    return made


def _remove_empty(folders: list[Path]) -> None:
    """Remove the folders that we made and that nobody has put anything into since."""
    for folder in reversed(folders):
        try:
            folder.rmdir()
        except OSError:
            return


def _swap_in(partial: Path, target: Path) -> None:
    """Give ``partial`` the name ``target``; what stood there goes only when the new folder is in its place."""
    if not target.exists():
        partial.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old-", dir=target.parent))
    try:
        target.rename(old / target.name)
        try:
            partial.rename(target)
        except BaseException:
            (old / target.name).rename(target)
            raise
    finally:
        # The old folder is deleted only if the new one stands in its place.
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)


@contextmanager
def whole_folder(target: Path, may_replace: Callable[[Path], None]) -> Iterator[Path]:
    """Context that yields an empty hidden folder and renames it to ``target`` when the block ends well.

    Parameters
    ----------
    target : the folder to make; missing parents are made too (and removed again when the block fails)
    may_replace : called with ``target`` if it exists and is not an empty folder, before the block and again before
        the rename; raises OutputUnwritable where it must not be replaced

    Raises
    ------
    OutputUnwritable : the folder exists, the disk is full, or the place cannot be written; also for every OSError
        of the block that comes from writing inside the hidden folder
    """
    target = Path(os.path.abspath(target))  # noqa: PTH100 - a symlink's own name must stay
    if target.is_symlink():
        target = target.resolve()

    def check() -> None:
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            may_replace(target)

    try:
        check()
        made = _make_parents(target.parent)
        try:
            partial = Path(tempfile.mkdtemp(prefix=_partial_prefix(target, os.getpid()), dir=target.parent))
        except BaseException:
            _remove_empty(made)
            raise
    except OSError as error:
        raise unwritable(target, error) from error
    try:
        yield partial
        check()
        partial.chmod(0o777 & ~_umask())  # mkdtemp makes 0700
        _swap_in(partial, target)
    except OSError as error:
        _discard(partial, made)
        inside = error.filename is None or str(error.filename).startswith(str(partial))
        if inside or str(error.filename).startswith(str(target)):
            raise unwritable(target, error) from error
        raise
    except BaseException:
        _discard(partial, made)
        raise


def remove_partial(target: Path, pid: int) -> None:
    """Remove what a process that ended by force has left of its work on ``target``. Never raises."""
    for left in target.parent.glob(f"{glob.escape(_partial_prefix(target, pid))}*"):
        shutil.rmtree(left, ignore_errors=True)


def _partial_prefix(target: Path, pid: int) -> str:
    return f".{target.name}.partial-{pid}-"


def _discard(partial: Path, made: list[Path]) -> None:
    shutil.rmtree(partial, ignore_errors=True)
    _remove_empty(made)


def _umask() -> int:
    """The process's umask. Reading it means setting it; nothing else of ours runs at that moment."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
