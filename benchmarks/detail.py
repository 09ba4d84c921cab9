"""Time, memory and size of dynamic detail, from the photo to all 20 maps and masks on disk.

    python benchmarks/detail.py PHOTO [--sizes 1024 2048] [--runs 3] [--source S] [--stages] [--json OUT]

Every run is a process of its own: it finds the face, fits the head and looks at its skin, as a reconstruction does;
then the clock starts, and detail is made and written. Peak memory is of the whole process. ``--stages`` adds the
processor seconds of every stage by itself, one after the other, on one thread (in a run they overlap).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# As the command line does, before numpy is imported: see ``facewright.__main__``.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

BARS = {1024: {"seconds": 5.0, "peak memory MB": 1500.0, "bundle MB": 40.0}}
BARS[2048] = {"bundle MB": 40.0}
THREADS = 2


def prepared(photo_path: Path) -> Any:
    """What detail begins with: ``DetailInputs`` of the largest face."""
    from facewright import api
    from facewright.displacement.make_detail import DetailInputs
    from facewright.face_model.load import load_face_model
    from facewright.head.scale import estimate_scale
    from facewright.photo.landmarks import LandmarkDetector
    from facewright.photo.load import load_photo
    from facewright.texture.textures import TextureSettings, make_textures

    model, photo = load_face_model(None), load_photo(photo_path)
    face = LandmarkDetector().faces(photo.pixels)[0]
    height, width = photo.pixels.shape[:2]
    fit = api.fit_landmarks(model, face.landmarks, face.iris, (width, height), photo.focal_px)
    scale = estimate_scale(model, fit, face.iris)
    fit, head = api._scaled(fit, model.head(fit.identity), scale.factor)
    skin = api._skin_in_photo(photo, fit, model, head, face, TextureSettings())
    texture = make_textures(photo.pixels, fit, model.topology, head, face.landmarks, prepared=skin).albedo
    return DetailInputs(skin, head, model.blendshape_names, fit.expression, texture, 1)


def measure(photo: Path, size: int, source: str, stages: bool) -> dict[str, float]:
    """One run in this process."""
    from facewright.displacement.make_detail import DetailSettings, make_detail
    from facewright.head.detail_files import write_detail
    from facewright.head.memory import peak_memory_mb

    inputs = prepared(photo)
    settings = DetailSettings(size, source)
    with tempfile.TemporaryDirectory() as folder:
        started, cpu = time.perf_counter(), time.process_time()
        detail = make_detail(inputs, settings, THREADS)
        made = time.perf_counter()
        write_detail(Path(folder), detail, THREADS)
        done = time.perf_counter()
        numbers = {
            "making s": made - started,
            "writing s": done - made,
            "seconds": done - started,
            "processor s": time.process_time() - cpu,
            "peak memory MB": peak_memory_mb() or float("nan"),
            "bundle MB": sum(path.stat().st_size for path in Path(folder).rglob("*.*")) / 1e6,
        }
    del detail
    return numbers | (by_stage(inputs, settings) if stages else {})


def by_stage(inputs: Any, settings: Any) -> dict[str, float]:
    """Processor seconds of every stage of the mechanics, in order, on this thread."""
    import cv2
    from facewright.displacement import make_detail as parts

    cv2.setNumThreads(1)
    seconds: dict[str, float] = {}

    def timed(name: str, call: Callable[[], Any]) -> Any:
        started = time.process_time()
        result = call()
        seconds[f"  {name} s"] = time.process_time() - started
        return result

    topology, head, size = inputs.photo.surface.topology, inputs.head, settings.size
    evidence = timed("photo evidence", lambda: parts.photo_evidence(inputs.photo, size, settings.shading))
    ground = timed("ground", lambda: parts.SkinGround.of(
        topology, head.neutral, head.blendshapes, inputs.names, size, parts.SkinSettings(seed=inputs.seed)
    ))  # fmt: skip
    sets = timed("crease sets", lambda: parts.lay_out_creases(ground))
    evidence = timed("age", lambda: parts._aged(evidence, ground, sets, inputs, settings))
    sampler = parts.uv_sampler(topology, "skin", size)
    masks = timed("masks, tension", lambda: parts._masks(topology, head, ground, sampler))
    timed("all maps", lambda: parts._relief(ground, sets, evidence, masks, inputs, settings))
    timed("pores", lambda: parts.pores(topology, head.neutral, size, evidence=evidence))
    return seconds


def run_once(photo: Path, size: int, source: str, stages: bool) -> dict[str, float]:
    """``measure`` in a fresh process."""
    command = [sys.executable, __file__, str(photo), "--measure", str(size), "--source", source]
    command += ["--stages"] if stages else []
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr.strip().splitlines()[-1])
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Run the benchmark; exit code 1 where a bar is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1024, 2048])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--source", default="mechanics", help="who makes the maps: mechanics, network or bases")
    parser.add_argument("--stages", action="store_true", help="also the stages one by one")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.photo, options.measure, options.source, options.stages)))
        return
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{options.photo.name}, median of {options.runs} runs (memory: the largest); {machine}")
    report: dict[str, Any] = {"machine": machine}
    failed = False
    for size in options.sizes:
        runs = [run_once(options.photo, size, options.source, options.stages) for _ in range(max(options.runs, 1))]
        numbers = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        numbers["peak memory MB"] = max(run["peak memory MB"] for run in runs)
        report[str(size)] = numbers
        print(f"\n{size} x {size}")
        for name, value in numbers.items():
            bar = BARS.get(size, {}).get(name)
            failed |= bar is not None and value > bar
            limit = "" if bar is None else f"   at most {bar:g}" + ("" if value <= bar else ": NOT MET")
            print(f"{name:22}{value:10.2f}{limit}")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
