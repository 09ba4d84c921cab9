"""Which data set a folder holds, and its reader."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ...errors import DataSetInvalid
from ..case import DataSet
from . import facescape_lab, facescape_wild, florence, now, plain, realy, stirling


class Reader(NamedTuple):
    """How one kind of data set is recognised (bool, never raises) and opened (raises DataSetInvalid)."""

    recognises: Callable[[Path], bool]
    open: Callable[[Path], DataSet]


# In the order in which they are tried: the most particular folder names first, the plain layout last.
READERS = {
    facescape_wild.KIND: Reader(facescape_wild.recognises, facescape_wild.open_facescape_wild),
    facescape_lab.KIND: Reader(facescape_lab.recognises, facescape_lab.open_facescape_lab),
    now.KIND: Reader(now.recognises, now.open_now),
    stirling.KIND: Reader(stirling.recognises, stirling.open_stirling),
    florence.KIND: Reader(florence.recognises, florence.open_florence),
    realy.KIND: Reader(realy.recognises, realy.open_realy),
    plain.KIND: Reader(plain.recognises, plain.open_plain),
}
KINDS = tuple(READERS)


def open_data_set(folder: Path, kind: str | None = None) -> DataSet:
    """The data set in a folder.

    Parameters
    ----------
    folder : as published, or the plain layout
    kind : one of KINDS; None recognises it by the names of files and folders

    Raises
    ------
    DataSetInvalid : no such folder or kind, none or several kinds recognised, or files are missing or damaged
    """
    if not folder.is_dir():
        raise DataSetInvalid(f"There is no folder {folder}.")
    if kind is None:
        kind = _kind_of(folder)
    if kind not in READERS:
        raise DataSetInvalid(f"{kind!r} is not a kind of data set: choose one of {', '.join(KINDS)}.")
    data = READERS[kind].open(folder)
    seen: set[str] = set()
    for case in data.cases:
        if case.id in seen:
            raise DataSetInvalid(f"{folder} holds {case.id} twice.")
        seen.add(case.id)
    return data


def _kind_of(folder: Path) -> str:
    kinds = [name for name, reader in READERS.items() if reader.recognises(folder)]
    if len(kinds) > 1 and plain.KIND in kinds:
        kinds.remove(plain.KIND)
    if not kinds:
        raise DataSetInvalid(
            f"{folder} is not laid out as any data set that Facewright knows ({', '.join(KINDS)}); "
            "docs/evaluation_data.md shows the layouts."
        )
    if len(kinds) > 1:
        raise DataSetInvalid(f"{folder} holds several data sets: say --data-kind {' or '.join(kinds)}.")
    return kinds[0]
