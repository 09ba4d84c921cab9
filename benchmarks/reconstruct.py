"""Time and memory from photo to head bundle, stage by stage, each run in a fresh process.

    python benchmarks/reconstruct.py PHOTO [--runs 3] [--exports] [--json OUT] [--against PREVIOUS.json]

Prints a table (median of the runs) and writes the same numbers as JSON. ``--against`` puts an earlier run's numbers
beside them. Where eos-py is installed, its 68-landmark fit (scaled orthographic camera, alternating linear solves)
runs on the same photo and the same face model, and both landmark errors are shown.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

# As the command line does, before numpy is imported: see ``facewright.__main__``.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

OUTER_CANTHI = (36, 45)  # of iBUG's 68


def run_once(photo: Path, texture_size: int, exports: bool) -> dict[str, Any]:
    """One reconstruction in a fresh process: the JSON line, and wall seconds including start and imports."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "facewright", "reconstruct", str(photo), "-o", str(Path(folder) / "head"),
            "--texture-size", str(texture_size), *(["--blend", "--fbx", "--glb"] if exports else []),
        ]  # fmt: skip
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wall = time.perf_counter() - started
        if done.returncode:
            sys.exit(done.stderr.strip().splitlines()[-1])
        result: dict[str, Any] = json.loads(done.stdout)
        size = sum(path.stat().st_size for path in (Path(folder) / "head").rglob("*") if path.is_file())
    return {**result, "wall_seconds": wall, "bundle_mb": size / 1e6}


def summary(runs: list[dict[str, Any]]) -> dict[str, float]:
    """Median of every number over the runs; peak memory is the largest."""
    rows = {f"{name} s": [run["seconds"][name] for run in runs] for name in runs[0]["seconds"]}
    rows["process s"] = [run["wall_seconds"] for run in runs]
    result = {name: round(statistics.median(values), 3) for name, values in rows.items()}
    if runs[0]["peak_memory_mb"] is not None:
        result["peak memory MB"] = max(run["peak_memory_mb"] for run in runs)
    result["bundle MB"] = round(runs[0]["bundle_mb"], 1)
    result["landmark error %"] = round(100 * runs[0]["residual"]["relative"], 3)
    return result


def compare_with_eos(photo_path: Path) -> dict[str, float]:
    """Time and error of eos's fit and of ours to the same 68 landmarks, with the same shapes.

    eos gets a model of 68 vertices: our identity modes and blendshapes at the landmarks, which loses nothing that a
    landmark fit sees. Errors are mean pixel distances over the distance between the outer eye corners.
    """
    import eos
    from facewright.face_model.load import load_face_model
    from facewright.fitting.camera import Camera
    from facewright.fitting.coarse import fit_landmarks
    from facewright.photo.landmark_sets import ibug68
    from facewright.photo.landmarks import LandmarkDetector
    from facewright.photo.load import load_photo

    photo = load_photo(photo_path)
    height, width = photo.pixels.shape[:2]
    face = LandmarkDetector().faces(photo.pixels)[0]
    model = load_face_model(None)
    seen = ibug68(face.landmarks)[:, :2]
    canthi = float(np.linalg.norm(seen[OUTER_CANTHI[0]] - seen[OUTER_CANTHI[1]]))

    def timed(work: Any, repeats: int = 3) -> tuple[Any, float]:
        best, value = np.inf, None
        for _ in range(repeats):
            started = time.perf_counter()
            value = work()
            best = min(best, time.perf_counter() - started)
        return value, best

    size = (width, height)
    fit, our_seconds = timed(lambda: fit_landmarks(model, face.landmarks, face.iris, size, photo.focal_px))
    head = model.head(fit.identity)
    shape = head.neutral + np.tensordot(fit.expression, head.blendshapes, 1)
    camera: Camera = fit.camera
    ours = camera.project(model.ibug68.points(shape) @ fit.rotation.T + fit.translation_mm)

    zero = np.zeros(model.identity_dims)
    modes = model.ibug68.points(model.identity_basis()).reshape(model.identity_dims, -1)
    basis, spread, _ = np.linalg.svd(modes.T, full_matrices=False)
    blendshapes = model.ibug68.points(model.blendshapes(zero)).reshape(len(model.blendshape_names), -1)
    mean = model.ibug68.points(model.neutral(zero)).reshape(-1)
    eos_model = eos.morphablemodel.MorphableModel(
        eos.morphablemodel.PcaModel(mean, basis, spread**2, [[0, 1, 2]]),
        [eos.morphablemodel.Blendshape(n, d) for n, d in zip(model.blendshape_names, blendshapes, strict=True)],
        eos.morphablemodel.PcaModel(),
        {str(k): k for k in range(68)},
    )
    landmarks = [eos.core.Landmark(str(k), point.astype(np.float32)) for k, point in enumerate(seen)]
    mapper = eos.core.LandmarkMapper()
    (mesh, rendering, *_), eos_seconds = timed(
        lambda: eos.fitting.fit_shape_and_pose(eos_model, landmarks, mapper, width, height)
    )
    theirs = eos_points(mesh, rendering, width, height)

    def error(points: np.ndarray) -> float:
        return float(np.linalg.norm(points - seen, axis=1).mean() / canthi)

    return {
        "ours s": round(our_seconds, 4),
        "eos s": round(eos_seconds, 4),
        "ours 68-landmark error %": round(100 * error(ours), 3),
        "eos 68-landmark error %": round(100 * error(theirs), 3),
    }


def eos_points(mesh: Any, rendering: Any, width: int, height: int) -> np.ndarray:
    """eos's vertices (68, 2) in pixels: its model-view and projection matrices, then its viewport (y down)."""
    vertices = np.array([np.ravel(v)[:3] for v in mesh.vertices], np.float64)
    homogeneous = np.c_[vertices, np.ones(len(vertices))]
    clip = homogeneous @ (np.array(rendering.get_projection()) @ np.array(rendering.get_modelview())).T
    device = clip[:, :2] / clip[:, 3:]
    return np.stack([(device[:, 0] + 1) / 2 * width, (1 - device[:, 1]) / 2 * height], 1)


def table(now: dict[str, float], before: dict[str, float] | None) -> str:
    """Numbers in columns; with ``before`` also the earlier ones and the change."""
    lines = [f"{'':28}{'now':>10}" + (f"{'before':>10}{'change':>10}" if before else "")]
    for name, value in now.items():
        line = f"{name:28}{value:10.3f}"
        if before and name in before:
            line += f"{before[name]:10.3f}{value - before[name]:+10.3f}"
        lines.append(line)
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--texture-size", type=int, default=2048)
    parser.add_argument("--exports", action="store_true", help="also .blend, .fbx and .glb (needs bpy)")
    parser.add_argument("--json", type=Path, help="write the numbers here")
    parser.add_argument("--against", type=Path, help="an earlier --json file")
    options = parser.parse_args()
    before = json.loads(options.against.read_text("utf-8")) if options.against else {}
    runs = [run_once(options.photo, options.texture_size, options.exports) for _ in range(max(options.runs, 1))]
    numbers = summary(runs)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{options.photo.name}, texture {options.texture_size}, median of {len(runs)} runs; {machine}")
    print(table(numbers, before.get("reconstruct")))
    report: dict[str, Any] = {"machine": machine, "reconstruct": numbers, "runs": runs}
    if importlib.util.find_spec("eos") is None:
        print("\neos-py is not installed: its 68-landmark fit is left out (pip install eos-py).")
    else:
        report["landmark fit"] = compare_with_eos(options.photo)
        print("\nlandmark fit")
        print(table(report["landmark fit"], before.get("landmark fit")))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
