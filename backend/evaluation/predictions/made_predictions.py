"""Predictions that a run makes itself from the data set's photographs: our own fit and the baselines."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from ...config import assets_dir
from ...errors import FaceError
from ...face_model.base import FaceModel
from ...head.output_folder import unwritable
from ..case import Case, Prediction
from ..fingerprint import code_fingerprint, file_fingerprint, fingerprint
from .eos_fit import eos_fit, require_eos
from .files import write_prediction, write_whole
from .mediapipe_mesh import network_points
from .photo_fits import SeenPhoto, face_tools, mean_face, mean_identity, our_fit, see_photo

RECONSTRUCTION = "reconstruction"
MEAN = "mean"
BASELINES: Mapping[str, str] = {
    MEAN: "the face model's mean face, posed by the landmarks",
    "mean-expression": "the mean face with the photograph's fitted expression",
    "eos": "eos-py's fit of 68 landmarks, with this face model",
    "mediapipe": "the landmark network's own 468 points as a mesh",
}
_MAKERS: Mapping[str, Callable[[SeenPhoto, FaceModel], Prediction]] = {
    RECONSTRUCTION: our_fit,
    MEAN: mean_face,
    "mean-expression": mean_identity,
    "eos": eos_fit,
    "mediapipe": network_points,
}


class PhotoWork(NamedTuple):
    """What a worker is told: make predictions for one case.

    folders : (name, what of RECONSTRUCTION and BASELINES, folder to write into)
    known_focal : see ``photo_fits.see_photo``
    model : a face model's file, or None for the built-in
    """

    case: Case
    folders: tuple[tuple[str, str, Path], ...]
    known_focal: bool
    model: Path | None


def require_baselines(kinds: tuple[str, ...]) -> None:
    """Raise MissingDependency where a package that a baseline needs is not installed."""
    if "eos" in kinds:
        require_eos()


def make_predictions(work: PhotoWork) -> tuple[tuple[str, str], ...]:
    """Write what is not there yet; (name, reason) of those that could not be made.

    Each <id>.made in the folders says what a prediction was made from, or why there is none; what was made from the
    same photograph, model, settings and program is kept. Raises OutputUnwritable.
    """
    try:
        key = _key(work)
    except FaceError as error:
        return tuple((name, str(error)) for name, _, _ in work.folders)
    found = {name: _read_note(folder, work.case.id, key) for name, _, folder in work.folders}
    missing = [entry for entry in work.folders if found[entry[0]] is None]
    if missing:
        found |= _make(work, missing, key)
    return tuple((name, reason) for name, reason in found.items() if reason)


def _make(work: PhotoWork, missing: list[tuple[str, str, Path]], key: str) -> dict[str, str]:
    """name -> "" or why it could not be made; the photograph is looked at once for all."""
    tools = face_tools(work.model)
    reasons: dict[str, str] = {}
    seen: SeenPhoto | FaceError
    try:
        seen = see_photo(work.case, tools, work.known_focal)
    except FaceError as error:
        seen = error
    for name, kind, folder in missing:
        try:
            if isinstance(seen, FaceError):
                raise seen
            prediction = _MAKERS[kind](seen, tools.model)
            reasons[name] = ""
        except FaceError as error:
            reasons[name] = str(error)
        try:
            if not reasons[name]:
                write_prediction(folder, work.case.id, prediction)
            _write_note(folder, work.case.id, key, reasons[name])
        except OSError as error:
            raise unwritable(folder, error) from error
    return reasons


def _key(work: PhotoWork) -> str:
    """What the predictions of one case are made from. Raises FaceError where the photograph cannot be read."""
    image, model = work.case.image, work.model
    try:
        files = [None if path is None else file_fingerprint(path) for path in (image, model)]
    except OSError as error:
        raise FaceError(f"{image if model is None else model} cannot be read: {error.strerror}.") from error
    camera = work.case.camera if work.known_focal else None
    return fingerprint(files, camera, _assets_fingerprint(), code_fingerprint(__file__))


@cache
def _assets_fingerprint() -> str:
    """Of everything that our training has made: face model, errors of the landmark network."""
    files = sorted(assets_dir().glob("*.npz"))
    return fingerprint([[path.name, file_fingerprint(path)] for path in files])


def _note_file(folder: Path, case_id: str) -> Path:
    return folder / f"{case_id}.made"


def _read_note(folder: Path, case_id: str, key: str) -> str | None:
    """Why there is no prediction, "" where there is one, None where it is still to be made."""
    try:
        entry = json.loads(_note_file(folder, case_id).read_text("utf-8"))
        return str(entry["reason"]) if entry["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        # Not made yet, or damaged by whatever ended an earlier run.
        return None


def _write_note(folder: Path, case_id: str, key: str, reason: str) -> None:
    write_whole(_note_file(folder, case_id), json.dumps({"key": key, "reason": reason}).encode())
