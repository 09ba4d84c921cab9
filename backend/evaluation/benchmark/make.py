"""Writes a development benchmark: rendered people with their true geometry, in the plain layout.

    OUT/benchmark.json    settings, source, the sentence that results on it need, and the ids of all cases
    OUT/<id>/             one picture; see datasets/plain.py
      image.png           the photograph
      mask.png            255 where the head stands
      gt.npz              vertices, faces: the true surface, camera frame, mm; model_vertices where there is a model
      camera.json landmarks.json meta.json

Every case's folder appears whole or not at all, and benchmark.json lies there from the first moment: a run that was
stopped is gone on with by the same command. Plan and truth are the same bytes wherever they are made with the same
settings and the same numpy; pictures are where Blender's version and the processor's kind are the same too.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ...errors import Cancelled, OutputUnwritable
from ...head.npz import npz_bytes
from ...head.output_folder import unwritable, whole_folder
from ..case import NOW_LANDMARKS
from .lights import LIGHTS
from .photograph import head_mask, photograph
from .plan import HEAD_MIDDLE_MM, BenchmarkSettings, Shot, Subject, plan
from .render import EXPOSURE, Renderer, open_renderer, request_of, write_mesh
from .subject import Cast, Person, Posed

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]

FORMAT = "facewright benchmark"
FORMAT_VERSION = 1
CONVENTION = "X_cam = R X_head + t; mm; x right, y up, z towards the camera; u = cx - fx x/z, v = cy + fy y/z"


def make_benchmark(
    output: Path,
    cast: Cast,
    settings: BenchmarkSettings,
    threads: int = 0,
    progress: Progress | None = None,
    cancel: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Render what is missing in ``output``.

    Parameters
    ----------
    output : a new or empty folder, or one of the same benchmark, which is completed
    cast : who is rendered
    threads : of Cycles, 0 for all
    progress : called with a stage and the share of the whole that is done
    cancel : asked before every picture

    Returns
    -------
    "cases" : of the benchmark; "rendered" : by this call; "seconds_per_case" : mean, None where none was rendered

    Raises
    ------
    OutputUnwritable : the folder holds something else, or cannot be written
    MissingDependency : Blender's module is not installed
    Cancelled : ``cancel()`` became true; the cases that are there stay
    FaceError : Blender failed; its own sentence
    """
    subjects = plan(settings, cast.names)
    cases = [shot.id for subject in subjects for shot in subject.shots]
    _begin(output, _record(cast, settings, cases))
    missing = [shot for subject in subjects for shot in subject.shots if not (output / shot.id).is_dir()]
    seconds: list[float] = []
    try:
        for spent in _make_missing(output, cast, settings, _by_subject(subjects, missing), threads, cancel):
            seconds.append(spent)
            if progress is not None:
                progress("rendering", (len(cases) - len(missing) + len(seconds)) / len(cases))
    except OSError as error:
        raise unwritable(output, error) from error
    return {
        "cases": len(cases),
        "rendered": len(missing),
        "seconds_per_case": round(float(np.mean(seconds)), 2) if seconds else None,
    }


def _make_missing(
    output: Path,
    cast: Cast,
    settings: BenchmarkSettings,
    missing: list[tuple[Subject, tuple[Shot, ...]]],
    threads: int,
    cancel: Callable[[], bool],
) -> Iterator[float]:
    """Make the missing cases one by one; the seconds that each took."""
    if not missing:
        return
    with open_renderer(threads) as renderer, tempfile.TemporaryDirectory(prefix="facewright-") as folder:
        scratch = Path(folder)
        for subject, shots in missing:
            person = cast.person(subject, scratch)
            for shot, posed, mesh in _posed(person, shots, scratch):
                if cancel():
                    raise Cancelled(f"Stopped; the same command goes on with what is missing in {output}.")
                started = time.perf_counter()
                _make_case(output, shot, person, posed, mesh, renderer, settings)
                yield time.perf_counter() - started


def _record(cast: Cast, settings: BenchmarkSettings, cases: list[str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "note": cast.note,
        "source": cast.record,
        "settings": asdict(settings),
        "cases": cases,
    }


def _begin(output: Path, record: dict[str, Any]) -> None:
    """Write benchmark.json, or see that it is the same. Raises OutputUnwritable."""
    path = output / "benchmark.json"
    text = _json(record)
    try:
        if path.is_file():
            if path.read_text(encoding="utf-8") != text:
                raise OutputUnwritable(
                    f"{output} holds a benchmark of other settings or another model: choose another folder."
                )
            for left in output.glob(".*.partial-*"):  # by a run that ended by force
                shutil.rmtree(left)
            return
        if output.exists() and (not output.is_dir() or any(output.iterdir())):
            raise OutputUnwritable(f"{output} exists and is not a benchmark: choose another folder.")
        output.mkdir(parents=True, exist_ok=True)
        partial = output / ".benchmark.json.partial"
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise unwritable(output, error) from error
    except UnicodeDecodeError as error:
        raise OutputUnwritable(f"{path} is not a benchmark's: choose another folder.") from error


def _by_subject(subjects: tuple[Subject, ...], missing: list[Shot]) -> list[tuple[Subject, tuple[Shot, ...]]]:
    """Subjects of whom something is missing, and what."""
    wanted = {shot.id for shot in missing}
    kept = [(subject, tuple(s for s in subject.shots if s.id in wanted)) for subject in subjects]
    return [(subject, shots) for subject, shots in kept if shots]


def _posed(person: Person, shots: tuple[Shot, ...], scratch: Path) -> Iterator[tuple[Shot, Posed, Path]]:
    """Every shot with its posed person and the file of its mesh; the same expression is posed once in a row."""
    last: tuple[Posed, Path] | None = None
    for number, shot in enumerate(shots):
        if last is None or shot.expression != shots[number - 1].expression:
            posed = person.pose(shot.expression)
            # A new name each time: Blender keeps the mesh of the name that it had last.
            mesh = scratch / f"{shot.id}.npz"
            write_mesh(mesh, person, posed.shown)
            last = posed, mesh
        yield shot, *last


def _make_case(
    output: Path, shot: Shot, person: Person, posed: Posed, mesh: Path, renderer: Renderer,
    settings: BenchmarkSettings,
) -> None:  # fmt: skip
    light = LIGHTS[shot.light]
    out = mesh.with_suffix(".png")
    rendered = renderer.picture(request_of(shot, person, mesh, light, HEAD_MIDDLE_MM, settings.samples, out))
    noise_seed = int.from_bytes(shot.id.encode(), "little") % 2**32
    picture = photograph(rendered, EXPOSURE, light, noise_seed)

    def refuse(folder: Path) -> None:
        raise OutputUnwritable(f"{folder} appeared while it was being made.")

    with whole_folder(output / shot.id, refuse) as folder:
        for name, pixels in (("image.png", picture[..., ::-1]), ("mask.png", head_mask(rendered))):
            packed = cv2.imencode(".png", np.ascontiguousarray(pixels))[1]
            (folder / name).write_bytes(packed.tobytes())
        write_truth(folder, shot, person, posed)


def write_truth(folder: Path, shot: Shot, person: Person, posed: Posed) -> None:
    """Everything of a case but its pictures. Raises OSError."""
    rotation, translation = shot.rotation, shot.translation_mm

    def seen(points: Array) -> Array:
        moved: Array = points @ rotation.T + translation
        return moved

    arrays: dict[str, NDArray[Any]] = {
        "vertices": seen(posed.truth.vertices).astype("<f4"),
        "faces": posed.truth.triangles.astype("<i4"),
    }
    if posed.model is not None:
        arrays["model_vertices"] = seen(posed.model).astype("<f4")
    (folder / "gt.npz").write_bytes(npz_bytes(arrays))
    camera = shot.camera
    entries: dict[str, dict[str, Any]] = {
        "camera": {
            "K": [[camera.fx, 0.0, camera.cx], [0.0, camera.fy, camera.cy], [0.0, 0.0, 1.0]],
            "width": camera.width,
            "height": camera.height,
            "R": rotation.tolist(),
            "t": translation.tolist(),
            "head_center": seen(posed.middle).tolist(),
            "ipd_mm": round(posed.pupils_mm, 3),
            "convention": CONVENTION,
        },
        "landmarks": {"names": list(NOW_LANDMARKS), "points": np.round(seen(posed.seven), 4).tolist()},
        "meta": {
            "id": shot.id,
            "subject": shot.id.partition("_")[0],
            **{name: round(angle, 3) for name, angle in shot.angles._asdict().items()},
            "f": round(camera.fx * 36.0 / camera.width, 2),
            "focal_px": round(camera.fx, 3),
            "light": shot.light,
            "expression": shot.expression.label,
            **person.tags,
        },
    }
    for name, entry in entries.items():
        (folder / f"{name}.json").write_text(_json(entry), encoding="utf-8")


def _json(entry: dict[str, Any]) -> str:
    return json.dumps(entry, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
