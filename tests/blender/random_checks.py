"""What must hold after every step of a random sequence, whatever a person did."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import bpy

from blender_addon.backend_door import ARKIT_NAMES
from blender_addon.heads import heads_in_file, is_head, parts_of, shape_keys
from blender_addon.job import session
from blender_addon.scene.detail_change import lacks_detail

WORKER_SCRIPTS = ("blender_addon/job/launch.py", "blender_addon/exporting/launch.py")
WORKER_END_S = 20.0  # polite, then by force
TROUBLE = ("Traceback (most recent call last)", "Fatal Python error", "StructRNA", "Segmentation fault")


class Broken(AssertionError):
    """Something that must never be."""


def check_output(text: str) -> None:
    """Nothing that handlers, drawing or modal operators printed is an exception."""
    for word in TROUBLE:
        if word in text:
            raise Broken(f"an exception was printed:\n{text[-3000:]}")


def check_workers() -> None:
    """Without a running job no worker process of ours is left."""
    if session.running() is not None:
        raise Broken(f"the job {session.running().kind} is still running")
    end = time.monotonic() + WORKER_END_S
    while left := list(workers()):
        if time.monotonic() > end:
            raise Broken(f"workers are left behind: {left}")
        time.sleep(0.05)


def workers() -> Iterator[tuple[int, str]]:
    """Process ids and command lines of our own worker processes that have not ended. Linux."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has just ended
        state, parent = stat.rpartition(")")[2].split()[:2]
        if int(parent) == os.getpid() and state != "Z" and any(script in command for script in WORKER_SCRIPTS):
            yield int(folder.name), command


def check_drivers() -> None:
    """Every driver works, and a head's shape keys are driven by no other head's."""
    bpy.context.view_layer.update()
    keys_of = {head.data.shape_keys: head for head in heads_in_file() if head.data.shape_keys is not None}
    for owner in owners():
        for curve in owner.animation_data.drivers:
            where = f"{owner.name}: {curve.data_path}"
            try:
                owner.path_resolve(curve.data_path)
            except ValueError:
                continue  # its property was deleted; Blender keeps and ignores such drivers
            gone = False
            for variable in curve.driver.variables:
                for target in variable.targets:
                    is_object = isinstance(owner, bpy.types.Object)
                    if target.id is None and is_object and is_head(owner) and owner.data.shape_keys is None:
                        gone = True  # all shape keys were deleted, and the detail's drivers with them
                        continue
                    if target.id is None:
                        raise Broken(f"the driver of {where} has lost its target")
                    if owner in keys_of and target.id in keys_of and target.id != owner:
                        raise Broken(f"the driver of {where} reads another head's key {target.id.name}")
                    try:
                        target.id.path_resolve(target.data_path)
                    except ValueError:
                        gone = True
            # The person deleted what it reads; Rebuild, at the end of the sequence, must put that right.
            if not gone and not curve.driver.is_valid:
                raise Broken(f"the driver of {where} is invalid")


def owners() -> Iterator[bpy.types.ID]:
    """Every datablock of this file that has drivers."""
    collections = (bpy.data.shape_keys, bpy.data.objects, bpy.data.meshes, bpy.data.materials, bpy.data.armatures)
    for collection in collections:
        for block in collection:
            if block.library is None and block.animation_data is not None and len(block.animation_data.drivers):
                yield block


def check_complete(head: bpy.types.Object) -> None:
    """After Rebuild a head has all its parts, and its sliders move it."""
    parts, keys = parts_of(head), shape_keys(head)
    missing = [name for name in ARKIT_NAMES if name.lower() not in {key.lower() for key in keys}]
    problems = [
        "no armature" if parts.armature is None else "",
        "no camera" if parts.camera is None else "",
        f"no blendshape {', '.join(missing)}" if missing else "",
        "" if len(head.data.materials) else "no materials",
        "detail that is not whole" if lacks_detail(head) else "",
    ]
    if any(problems):
        raise Broken(f"{head.name} after Rebuild: {'; '.join(filter(None, problems))}")
    broken = [
        curve.data_path
        for block in (head.data.shape_keys, head.data, head) if block.animation_data is not None
        for curve in block.animation_data.drivers if not resolves(curve)
    ]  # fmt: skip
    if broken:
        raise Broken(f"{head.name} after Rebuild: drivers that read nothing: {broken}")


def resolves(curve: bpy.types.FCurve) -> bool:
    """Whether everything that a driver reads is there."""
    for variable in curve.driver.variables:
        for target in variable.targets:
            try:
                target.id.path_resolve(target.data_path)
            except (AttributeError, ValueError):
                return False
    return True


def scene_state() -> tuple[object, ...]:
    """What a cancelled or failed job must leave as it was."""
    data = bpy.data
    return tuple(
        tuple(sorted(block.name_full for block in collection))
        for collection in (data.objects, data.meshes, data.shape_keys, data.armatures, data.cameras, data.materials,
                           data.images, data.actions, data.collections)
    )  # fmt: skip
