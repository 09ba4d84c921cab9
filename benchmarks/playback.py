"""What dynamic detail costs while an animation plays: milliseconds a frame with and without it.

    python benchmarks/playback.py BUNDLE [--take TAKE.csv] [--frames 100] [--mode facescape|hiface]    # needs bpy

An animated head, all 52 channels of a Live Link Face take, or of random curves where none is given. Every frame is
set once with the detail's modifier and once without it, one right after the other, so that whatever else the
computer does meets both; what counts is the median of the differences.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # blender_addon is not an installed package

from blender_addon.backend_door import read_head  # noqa: E402
from blender_addon.detail_nodes.controls import MODE, detail_modifier, set_control  # noqa: E402
from blender_addon.heads import shape_keys  # noqa: E402
from blender_addon.live_link.apply import apply_take  # noqa: E402
from blender_addon.live_link.performance import TakeSettings  # noqa: E402
from blender_addon.live_link.take import read_take  # noqa: E402
from blender_addon.scene.build import build_head  # noqa: E402
from blender_addon.scene.curves import ensure_fcurve, set_keys  # noqa: E402

BAR_MS = 10.0
KEY_STEP = 5  # frames between the keys of random curves
WARM_UP = 5


def random_curves(head: bpy.types.Object, frames: int) -> None:
    """Keys on every channel: most at rest most of the time, as faces are."""
    random = np.random.default_rng(1)
    places = np.arange(1, frames + KEY_STEP + 1, KEY_STEP)
    for key in shape_keys(head).values():
        values = random.uniform(0.0, 1.0, len(places)) * (random.uniform(size=len(places)) < 0.35)
        set_keys(ensure_fcurve(head.data.shape_keys, key.path_from_id("value")), places, values)


def frame_ms(
    scene: bpy.types.Scene, modifier: bpy.types.Modifier, shown: bool, frame: int
) -> tuple[float, float]:
    """Milliseconds of one frame, by the clock and of all processors; what switching the modifier costs is not
    counted."""
    modifier.show_viewport = shown
    scene.frame_set(frame - 1)
    start, worked = time.perf_counter(), time.process_time()
    scene.frame_set(frame)
    return 1000.0 * (time.perf_counter() - start), 1000.0 * (time.process_time() - worked)


def measure(bundle: Path, take: Path | None, frames: int, mode: str) -> dict[str, Any]:
    """Build the head, animate it, and play."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    head = build_head(read_head(bundle), scene.collection).head
    modifier = detail_modifier(head)
    if modifier is None:
        sys.exit(f"{bundle} has no dynamic detail.")
    set_control(modifier, MODE, mode == "hiface")
    if take is None:
        random_curves(head, frames)
    else:
        apply_take(head, read_take(take), TakeSettings(), scene)
    times: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for frame in range(2, frames + 2):
        order = (True, False) if frame % 2 else (False, True)
        for shown in order:
            times[shown].append(frame_ms(scene, modifier, shown, frame))
    with_it, without = (np.array(times[shown][WARM_UP:]) for shown in (True, False))
    extra, work = (with_it - without).T
    return {
        "blender": bpy.app.version_string,
        "vertices": len(head.data.vertices),
        "mode": mode,
        "frames": len(extra),
        "ms without": round(float(np.median(without[:, 0])), 2),
        "ms with": round(float(np.median(with_it[:, 0])), 2),
        "ms more": round(float(np.median(extra)), 2),
        "ms more, 90 %": round(float(np.percentile(extra, 90)), 2),
        "processor ms more": round(float(np.median(work)), 2),
        "bar ms": BAR_MS,
    }


def main() -> int:
    """0 where the bar is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--take", type=Path)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--mode", choices=("facescape", "hiface"), default="facescape")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = measure(options.bundle, options.take, options.frames, options.mode)
    for name, value in result.items():
        print(f"{name:>16}  {value}")
    if options.json is not None:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return int(result["ms more"] > BAR_MS)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # Blender's module can crash while the interpreter shuts down
