"""Time and memory of ``facewright evaluate``: 400 pairs of heads by FaceScape's protocol.

    python benchmarks/evaluate.py                     100 images, four programs' heads each, on two cores
    python benchmarks/evaluate.py --cases 400 --jobs 4
    python benchmarks/evaluate.py --keep DIR          keep data, predictions and report
    python benchmarks/evaluate.py --json FILE         the numbers, too

Heads are sampled from the face model, always the same ones, and stand before perspective cameras in the poses of
FS-Wild, 0 to 90 degrees aside. A "program" gives another person's head in nearly the same pose, at another depth.
Writing them is not measured; reading them, scoring and the report are. First one process scores some pairs with
nothing else, to say what a pair costs. The bars: 6 minutes on two cores, 1 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

# As the command line does, before numpy is imported: see ``facewright.__main__``.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import trimesh
from facewright.evaluation.datasets.plain import open_plain
from facewright.evaluation.metrics.facescape import facescape_scores
from facewright.evaluation.predictions.placing import placed
from facewright.evaluation.predictions.read import read_prediction
from facewright.face_model.base import FaceModel
from facewright.face_model.load import load_face_model
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Array = NDArray[np.float64]
PROGRAMS = {"near": 0.3, "middling": 0.6, "far": 0.9, "stranger": 1.3}  # how far its heads are from the true one
IMAGE_SIZE = 256
FOCALS_PX = (1200.0, 600.0, 300.0)  # FaceScape Sec. 6.2
YAWS = ((0, 5), (5, 30), (30, 60), (60, 90))  # FaceScape Sec. 6.1, degrees
BAR_SECONDS = 360.0
BAR_MB = 1000.0
SAMPLE_SECONDS = 0.1


class Pose(NamedTuple):
    """X_camera = rotation @ X_head + translation, mm; the camera's focal length in pixels."""

    rotation: Array
    translation: Array
    focal_px: float


def random_head(model: FaceModel, rng: np.random.Generator) -> Array:
    """(V, 3) a person with an expression, mm, model space."""
    identity = rng.normal(size=model.identity_dims)
    weights = np.clip(rng.normal(0.0, 0.3, len(model.blendshape_names)), 0.0, 1.0)
    result: Array = model.neutral(identity) + np.tensordot(weights, model.blendshapes(identity), 1)
    return result


def random_pose(case: int, rng: np.random.Generator) -> Pose:
    """Before the camera so that the head fills about two thirds of the picture."""
    yaw = rng.uniform(*YAWS[case % len(YAWS)]) * rng.choice([-1.0, 1.0])
    rotation = Rotation.from_euler("yxz", [yaw, rng.normal(0, 8), rng.normal(0, 5)], degrees=True).as_matrix()
    focal = FOCALS_PX[case % len(FOCALS_PX)]
    distance = focal / IMAGE_SIZE * 320.0
    return Pose(rotation, np.array([rng.normal(0, 8), rng.normal(0, 8), -distance]), focal)


def write_case(data: Path, predictions: Path, model: FaceModel, case: int) -> None:
    """The truth of one image and every program's head for it."""
    rng = np.random.default_rng(case)
    skin = model.topology.triangles("skin")[0]
    used, triangles = np.unique(skin, return_inverse=True)
    triangles = triangles.reshape(-1, 3).astype(np.int32)
    truth, other, pose = random_head(model, rng)[used], random_head(model, rng)[used], random_pose(case, rng)
    name = f"{case:03d}"
    place = data / name
    place.mkdir(parents=True)
    posed = truth @ pose.rotation.T + pose.translation
    np.savez(place / "gt.npz", vertices=posed.astype(np.float32), faces=triangles)
    centre = IMAGE_SIZE / 2
    camera = {
        "K": [[pose.focal_px, 0, centre], [0, pose.focal_px, centre], [0, 0, 1]],
        "width": IMAGE_SIZE,
        "height": IMAGE_SIZE,
        "R": pose.rotation.tolist(),
        "head_center": posed.mean(0).tolist(),
    }
    (place / "camera.json").write_text(json.dumps(camera))
    for program, share in PROGRAMS.items():
        turn = Rotation.from_rotvec(rng.normal(0.0, 0.02, 3)).as_matrix()
        guess = (truth + share * (other - truth)) @ (pose.rotation @ turn).T + pose.translation
        guess *= rng.uniform(0.9, 1.1)  # another depth, the same picture
        folder = predictions / program
        folder.mkdir(parents=True, exist_ok=True)
        trimesh.Trimesh(guess, triangles, process=False).export(folder / f"{name}.ply")


def pair_costs(data: Path, predictions: Path, count: int) -> dict[str, float]:
    """CPU seconds of reading and of scoring one pair, means over ``count`` pairs in this process."""
    reading, scoring = [], []
    for case in open_plain(data).cases[:count]:
        assert case.camera is not None
        began = time.process_time()
        truth = case.truth()
        assert truth.head_centre is not None and truth.head_rotation is not None
        surface = placed(read_prediction(predictions / "middling", case, None), case.camera)
        read = time.process_time()
        facescape_scores(truth.surface, surface, case.camera, truth.head_centre, truth.head_rotation)
        reading.append(read - began)
        scoring.append(time.process_time() - read)
    return {"read one pair, CPU s": float(np.mean(reading)), "score one pair, CPU s": float(np.mean(scoring))}


def run_evaluate(data: Path, predictions: Path, report: Path, jobs: int) -> dict[str, float]:
    """Run the verb as a user does; wall and CPU seconds, and the most memory that its processes held together."""
    command = [sys.executable, "-m", "facewright", "evaluate", "--data", str(data), "--report", str(report)]
    command += ["--jobs", str(jobs), "--protocols", "facescape"]
    for program in PROGRAMS:
        command += ["--pred", f"{program}={predictions / program}"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    memory = PeakMemory(running.pid)
    code = running.wait()
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if code:
        sys.exit(f"{' '.join(command)} ended with exit code {code}.")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall s": wall, "CPU s": cpu, "peak memory MB": memory.peak_mb()}


class PeakMemory(threading.Thread):
    """Watches a process and its children: memory shared between them is counted once. Linux only."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._peak_kb = 0
        self.start()

    def run(self) -> None:
        """Look until the process is gone."""
        while Path(f"/proc/{self._pid}").exists():
            total = sum(_proportional_kb(pid) for pid in _family(self._pid))
            if not total:
                return
            self._peak_kb = max(self._peak_kb, total)
            time.sleep(SAMPLE_SECONDS)

    def peak_mb(self) -> float:
        """The largest sum seen, NaN where the system does not tell."""
        self.join()
        return self._peak_kb / 1000.0 if self._peak_kb else float("nan")


def _family(pid: int) -> list[int]:
    """A process and all that it started, directly or not."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:  # it ended meanwhile
        return []
    return [pid, *(member for child in children for member in _family(child))]


def _proportional_kb(pid: int) -> int:
    """Memory of a process, pages shared with n others counted as 1 / n; 0 where it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def check_report(report: Path, pairs: int) -> int:
    """Exit unless every pair was scored."""
    written: dict[str, Any] = json.loads((report / "report.json").read_text())
    scored = sum("cd" in scores for names in written["per_image"].values() for scores in names.values())
    if scored != pairs:
        sys.exit(f"Only {scored} of {pairs} pairs were scored: {written['failures'][:3]}")
    return scored


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=100, help="images; pairs are four times as many (default 100)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--keep", type=Path, help="a new folder for everything that is written")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        data, predictions = folder / "data", folder / "predictions"
        model = load_face_model(None)
        for case in range(options.cases):
            write_case(data, predictions, model, case)
        del model
        pairs = options.cases * len(PROGRAMS)
        rows = pair_costs(data, predictions, min(10, options.cases))
        rows |= run_evaluate(data, predictions, folder / "report", options.jobs)
        check_report(folder / "report", pairs)
    rows["CPU s per pair, all in all"] = rows["CPU s"] / pairs
    for name, value in rows.items():
        print(f"{name:28} {value:9.2f}")
    share = pairs / 400.0
    print(f"{pairs} pairs on {options.jobs} cores; bars: {BAR_SECONDS * share:.0f} s, {BAR_MB:.0f} MB")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
