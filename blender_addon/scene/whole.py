"""What is added to the file is added as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy

KINDS = ("collections", "objects", "meshes", "armatures", "cameras", "materials", "images", "actions",
         "node_groups")  # fmt: skip


@contextmanager
def all_or_nothing() -> Iterator[None]:
    """Where the block fails, every datablock that it made is removed again."""
    before = {kind: _addresses(kind) for kind in KINDS}
    try:
        yield
    except BaseException:
        made = [block for kind in KINDS for block in getattr(bpy.data, kind) if _address(block) not in before[kind]]
        bpy.data.batch_remove(made)
        raise


def _addresses(kind: str) -> set[int]:
    return {_address(block) for block in getattr(bpy.data, kind)}


def _address(block: bpy.types.ID) -> int:
    """Where the datablock lies in memory: unlike a name it says which one it is, as long as no file is loaded."""
    return block.as_pointer()
