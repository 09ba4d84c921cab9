"""For the tests of exports: run the worker in this process, which is faster than to start another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import bpy
from readback import animate

from blender_addon.exporting import snapshot as snapshots
from blender_addon.exporting import worker
from blender_addon.exporting.gather import gather, write_library
from blender_addon.exporting.presets import PRESETS
from blender_addon.exporting.sample import Range
from blender_addon.exporting.snapshot import Snapshot
from blender_addon.scene.build import HeadObjects


def animated_snapshot(built: HeadObjects) -> Snapshot:
    """The small head with two shapes and the jaw keyed over frames 1 to 11."""
    animate(built)
    return gather(built.head, bpy.context.scene, Range.SCENE)


def export(folder: Path, preset: str, built: HeadObjects, snapshot: Snapshot) -> dict[str, Any]:
    """Write ``folder/out/Anna.*`` and check it; the worker's last event about it. The open file is lost."""
    (folder / "out").mkdir(exist_ok=True)
    path = folder / "out" / f"Anna{PRESETS[preset].suffix}"
    snapshots.save(snapshot, folder / "head.npz")
    write_library(built.head, folder / "library.blend")
    head = {
        "name": snapshot.name, "path": str(path), "snapshot": str(folder / "head.npz"),
        "library": str(folder / "library.blend"), "armature": built.armature.data.name,
    }  # fmt: skip
    (folder / "job.json").write_text(json.dumps({"preset": preset, "heads": [head]}), encoding="utf-8")
    code = worker.main(folder / "job.json")
    events = [json.loads(line) for line in (folder / "events").read_text("utf-8").splitlines()]
    assert code == (0 if events[-1]["event"] == "done" else 1)
    return events[-2] if code == 0 else events[-1]
