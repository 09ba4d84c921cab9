"""The export's process: for each head, build it in an empty file, write it, read it back, compare.

Reports by lines of JSON in the job's ``events`` file, because Blender and its exporters chat on stdout:
    {"event": "stage", "name": "write" | "maps" | "check", "head": name}
    {"event": "written", "head", "path", "line", "problems", "files", "notes", ... (see ``compare.Check``)}
    {"event": "error", "message"}
    {"event": "done"}
"""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..backend_door import FaceError, write_engine_detail
from . import snapshot as snapshots
from .compare import compare
from .presets import PRESETS, Preset
from .read_back import posed_points, probe_frames, read_back
from .stage import stage
from .write import folder_beside, write_file


def main(job_file: Path) -> int:
    """Run a job; 0 where all was written, also where the check found something wrong."""
    job = json.loads(job_file.read_text(encoding="utf-8"))
    events = job_file.parent / "events"

    def tell(event: str, **entries: Any) -> None:
        with events.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": event, **entries}) + "\n")

    preset = PRESETS[job["preset"]]
    try:
        for head in job["heads"]:
            tell("stage", name="write", head=head["name"])
            snapshot, textures, posed, notes = _write(preset, head, tell)
            tell("stage", name="check", head=head["name"])
            check = compare(snapshot, posed, read_back(preset, Path(head["path"]), snapshot), len(textures))
            tell(
                "written", head=head["name"], path=head["path"], line=check.line(), files=textures,
                vertices=len(snapshot.basis), faces=len(snapshot.face_sizes), notes=notes, **asdict(check),
            )  # fmt: skip
    except FaceError as error:
        tell("error", message=str(error))
        return 1
    except Exception as error:
        # The last line of defence of a process of its own: the log tells all, the person gets one sentence.
        traceback.print_exc()
        tell("error", message=f"The export failed unexpectedly ({type(error).__name__}: {error}).")
        return 1
    tell("done")
    return 0


def _write(
    preset: Preset, head: dict[str, Any], tell: Callable[..., None]
) -> tuple[snapshots.Snapshot, list[str], NDArray[np.float32], list[str]]:
    """Write one head; its snapshot, names of its texture files, places on the probe frames, sentences about it."""
    path = Path(head["path"])
    snapshot = snapshots.load(Path(head["snapshot"]))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    notes = []
    with folder_beside(path) as folder:
        textures = folder / preset.textures.format(path.stem)
        staged = stage(snapshot, Path(head["library"]), head["armature"], textures, preset.armature)
        posed = posed_points(staged.head, probe_frames(snapshot))
        write_file(preset, folder / path.name, snapshot.animated)
        if head.get("detail"):
            tell("stage", name="maps", head=head["name"])
            maps = folder / f"{path.stem}_detail"
            maps.mkdir()
            error = write_engine_detail(Path(head["detail"]), maps, path.stem, preset.green_down)
            notes.append(f"{maps.name}: wrinkle maps, within {100.0 * error:.0f} % of the head's own")
    return snapshot, [file.name for file in staged.textures], posed, notes
