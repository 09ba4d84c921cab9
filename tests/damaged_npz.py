"""Damaged .npz files: what numpy's parser of array headers stumbles over in many ways."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator

HEADERS = (
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (3,",  # tokenize.TokenError: the bracket stays open
    b"{'descr': '<f4',\n  'shape'\n 1}",
    b"  {'descr'",
    b"\x00\xff{",
    b"{'descr': '<f4', 'fortran_order': False, 'shape': ('a',)}",
    b"{'descr': [(1, 2)], 'fortran_order': False, 'shape': ()}",
    b"(" * 3000,
)


def with_damaged_headers(content: bytes) -> Iterator[bytes]:
    """The .npz archive ``content`` with the header of its first array damaged, once in each way."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    first = next(iter(members))
    for header in HEADERS:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in members.items():
                damaged = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
                archive.writestr(name, damaged if name == first else data)
        yield out.getvalue()
