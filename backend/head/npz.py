"""Archives of arrays: the same arrays give the same bytes, and what is read is looked at before it is unpacked."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DAMAGED_NPZ, BundleInvalid, reason_of

_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip knows: the same bytes whenever it is written


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The content of an .npz file with these arrays, deflated, without pickles."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy", _DATE)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.create_system = 3  # the same on every operating system
            member.external_attr = 0o644 << 16
            content = io.BytesIO()
            np.save(content, np.asarray(array, order="C"), allow_pickle=False)
            archive.writestr(member, content.getbuffer(), compresslevel=1)
    return out.getvalue()


def read_npz(path: Path, most_bytes: int) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz file by name.

    Raises BundleInvalid where it is missing or damaged, holds pickles, or claims to unpack to more than
    ``most_bytes``.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > most_bytes:
            raise BundleInvalid(f"{path} claims to hold {unpacked / 2**30:.1f} GB, more than any head does.")
        with np.load(path, allow_pickle=False) as data:
            return {name: data[name] for name in data.files}
    except DAMAGED_NPZ as error:
        raise BundleInvalid(f"{path} is corrupt: {reason_of(error)}.") from error
