"""A whole set of pseudo pairs: photos in, a data set in the plain layout out; goes on where it was stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import BundleInvalid, DataSetInvalid, FaceError, NoFaceFound, OutputUnwritable, TopologyMismatch
from ...face_model.base import FaceModel
from ...face_model.load import load_face_model
from ...head.output_folder import unwritable, whole_folder
from ...head.record import settings_entry, versions
from ...photo.landmark_sets import OUTER_CANTHI
from ...photo.landmarks import LandmarkDetector
from ..datasets.files import read_json
from ..surface import require_packages
from .drawn_skin import SkinDrawer
from .files import write_json, write_pair
from .lit_head import LitHead, lit_head
from .pair import PairSettings, PseudoPair, make_pair
from .skin import RelativeSkin, photographed_skin
from .source import PhotoHead, photo_head
from .warp import LINES

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]

RECORD = "benchmark.json"
OWN, DRAWN = "own", "drawn"
SKINS = {OWN: "the photo's own, its light divided out", DRAWN: "made from nothing"}
NOTE = (
    "Photographs whose faces were replaced by renders of Facewright's own fitted and changed heads: geometry is "
    "exact, but the heads are of the same family as Facewright's face model, which flatters it."
)
REPEATABLE = "The same photos and settings give the same bytes with these versions; with others they may differ."


class PairsMade(NamedTuple):
    """``pairs``: ids of what is in the folder now; ``kept``: how many of them were there before; ``failures``:
    {"photo", "reason"} of each photo that gave none or not all."""

    pairs: tuple[str, ...]
    kept: int
    failures: tuple[dict[str, str], ...]


def make_pairs(
    photos: Sequence[Path],
    output: Path,
    skins: Sequence[str],
    settings: PairSettings,
    resume: bool = False,
    progress: Progress | None = None,
) -> PairsMade:
    """Make ``settings.per_photo`` pairs of every photo.

    Parameters
    ----------
    photos : image files, or head bundles whose photo and fit are taken as they are
    output : the folder to make
    skins : of SKINS, or folders of head bundles; the n-th pair of a photo takes the n-th, from the start again
    settings : PairSettings
    resume : go on with ``output`` where an earlier run left off; more pairs or photos are added, all else must be
        the same
    progress : told which photo is worked on, and the share that is done

    Raises
    ------
    OutputUnwritable : the folder exists, or holds pairs of other settings or versions
    BundleInvalid, FaceError : a skin cannot be read
    DataSetInvalid : not one pair could be made
    """
    require_packages()
    names = _names(photos)
    about = _about(skins, settings)
    _check(output, about, resume)
    workshop = _Workshop(skins, settings)
    made: list[str] = []
    failures: list[dict[str, str]] = []
    kept = 0
    for number, (photo, name) in enumerate(zip(photos, names, strict=True)):
        if progress:
            progress(f"photo {name}", number / len(photos))
        wanted = {index: f"{name}_{index}" for index in range(settings.per_photo)}
        missing = {index: pair for index, pair in wanted.items() if not (output / pair).is_dir()}
        kept += len(wanted) - len(missing)
        failed = _make_missing(workshop, photo, name, missing, output, about)
        failures += [{"photo": str(photo), "reason": reason} for reason in failed]
        made += [pair for pair in wanted.values() if (output / pair).is_dir()]
    if not made:
        reason = failures[0]["reason"] if failures else "there are no photos"
        raise DataSetInvalid(f"Not one pair could be made; of the first photo: {reason}")
    return PairsMade(tuple(made), kept, tuple(failures))


def _make_missing(
    workshop: _Workshop, photo: Path, name: str, missing: dict[int, str], output: Path, about: dict[str, Any]
) -> list[str]:
    """Make pairs (number -> id) of a photo; why some could not be made."""
    if not missing:
        return []
    try:
        head = replace(photo_head(photo, workshop.detector), name=name)
        lit = lit_head(head, workshop.settings.lighting)
    except FaceError as error:
        return [str(error)]
    failed = []
    for index, pair_id in missing.items():
        try:
            skin = workshop.skin(index, head, lit)
            pair = make_pair(head, lit, skin, workshop.model, index, workshop.settings)
            checks = landmark_check(pair, workshop.detector)
        except FaceError as error:
            failed.append(f"Pair {index}: {error}")
            continue
        _begin(output, about)
        with whole_folder(output / pair_id, _refuse) as folder:
            write_pair(folder, pair, checks)
    return failed


def landmark_check(pair: PseudoPair, detector: LandmarkDetector) -> dict[str, Any]:
    """How far the landmark network's lines lie from the mesh's, before and after, in shares of the distance of the
    eyes' outer corners. It is as if another program were asked whether the picture shows the mesh.

    Raises NoFaceFound where the picture shows no face any more.
    """
    lines = np.unique(LINES)
    lines = lines[pair.known[lines]]
    scale = float(np.linalg.norm(pair.wanted[OUTER_CANTHI[0]] - pair.wanted[OUTER_CANTHI[1]]))

    def error(pixels: NDArray[np.uint8]) -> float:
        found = np.asarray(detector.faces(pixels)[0].landmarks, np.float64)[lines, :2]
        return float(np.linalg.norm(found - pair.wanted[lines], axis=1).mean()) / scale

    try:
        return {
            "landmark_error": round(error(pair.blend.image), 5),
            "landmark_error_of_source": round(error(pair.source), 5),
        }
    except NoFaceFound as nothing:
        raise NoFaceFound("The landmark network sees no face in the finished picture.") from nothing


class _Workshop:
    """What all photos share: networks, face model, and the skins that were asked for."""

    def __init__(self, skins: Sequence[str], settings: PairSettings) -> None:
        """Raises FaceError where a skin cannot be read."""
        self.settings = settings
        self.detector = LandmarkDetector()
        self.model: FaceModel = load_face_model(None)
        self._drawer = SkinDrawer(self.model)
        self._skins = [skin if skin in SKINS else self._skin_of(Path(skin)) for skin in skins]
        self._own: tuple[str, RelativeSkin] | None = None

    def _skin_of(self, bundle: Path) -> RelativeSkin:
        if not bundle.is_dir():
            raise BundleInvalid(f"There is no skin {bundle}: choose {OWN}, {DRAWN} or the folders of head bundles.")
        head = photo_head(bundle, self.detector)
        if not np.array_equal(head.bundle.topology.quads, self.model.topology.quads):
            raise TopologyMismatch(f"The skin of {bundle} belongs to another face model than the built-in one.")
        return photographed_skin(head, lit_head(head, self.settings.lighting))

    def skin(self, index: int, head: PhotoHead, lit: LitHead) -> RelativeSkin:
        """For the index-th pair of a photo."""
        chosen = self._skins[index % len(self._skins)]
        if isinstance(chosen, RelativeSkin):
            return chosen
        if chosen == OWN:
            if self._own is None or self._own[0] != head.name:
                self._own = head.name, photographed_skin(head, lit)
            return self._own[1]
        # A stream of its own: the pair's other chance does not depend on which skin it wears.
        return self._drawer.draw(np.random.default_rng((self.settings.seed, int(head.sha256[:8], 16), index, 1)))


def _names(photos: Sequence[Path]) -> list[str]:
    """Unique names of the photos, of their files' names; a second one gets a number."""
    names: list[str] = []
    for photo in photos:
        stem = (photo.name if photo.is_dir() else photo.stem) or "photo"
        name, count = stem, 1
        while name in names:
            count += 1
            name = f"{stem}-{count}"
        names.append(name)
    return names


def _about(skins: Sequence[str], settings: PairSettings) -> dict[str, Any]:
    """benchmark.json: what every pair was made with. How many there are is no part of it, so that more can come."""
    made_with = {**settings_entry(settings), "skins": [Path(skin).name for skin in skins]}
    del made_with["per_photo"]
    return {"note": NOTE, "settings": made_with, "versions": versions(), "repeatable": REPEATABLE}


def _check(output: Path, about: dict[str, Any], resume: bool) -> None:
    """Raise OutputUnwritable where the folder holds anything but pairs of these settings to go on with."""
    if not output.exists() or (output.is_dir() and not any(output.iterdir())):
        return
    if not output.is_dir():
        raise OutputUnwritable(f"{output} is a file and no folder of pseudo pairs.")
    if not resume:
        raise OutputUnwritable(f"{output} already exists; --resume goes on with it.")
    found = read_json(output / RECORD) if (output / RECORD).is_file() else None
    if not isinstance(found, dict) or found.get("settings") != about["settings"]:
        raise OutputUnwritable(f"{output} does not hold pairs of these settings, so it is left alone.")
    if found != about:
        raise OutputUnwritable(f"{output} holds pairs made with other versions, so it is left alone.")


def _begin(output: Path, about: dict[str, Any]) -> None:
    """Make the folder and its benchmark.json before the first pair comes. Raises OutputUnwritable."""
    if (output / RECORD).is_file():
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
        write_json(output / RECORD, about)
    except OSError as error:
        raise unwritable(output, error) from error


def _refuse(folder: Path) -> None:
    """Two runs into one folder at once."""
    raise OutputUnwritable(f"{folder} has appeared meanwhile, so it is left alone.")
