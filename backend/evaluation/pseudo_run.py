"""A whole set of pseudo pairs: photos in, a data set in the plain layout out; goes on where it was stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import DataSetInvalid, FaceError, NoFaceFound, OutputUnwritable, TopologyMismatch
from ..face_model.base import FaceModel
from ..face_model.load import load_face_model
from ..head.output_folder import unwritable, whole_folder
from ..head.record import versions
from ..photo.landmark_sets import OUTER_CANTHI
from ..photo.landmarks import LandmarkDetector
from .datasets.files import read_json
from .pseudo_drawn_skin import SkinDrawer
from .pseudo_files import write_json, write_pair
from .pseudo_lit_head import LitHead, lit_head
from .pseudo_pairs import PairSettings, PseudoPair, make_pair
from .pseudo_skin import RelativeSkin, photographed_skin
from .pseudo_source import PhotoHead, photo_head
from .pseudo_warp import LINES
from .surface import require_packages

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]

OWN, DRAWN = "own", "drawn"
SKINS = {OWN: "the photo's own, its light divided out", DRAWN: "made from nothing"}
NOTE = (
    "Photographs whose faces were replaced by renders of Facewright's own fitted and changed heads: geometry is "
    "exact, but the heads are of the same family as Facewright's face model, which flatters it."
)


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
    resume : go on with ``output`` where an earlier run with the same settings left off
    progress : told which photo is worked on, and the share that is done

    Raises
    ------
    OutputUnwritable : the folder exists, or holds pairs of other settings
    BundleInvalid, FaceError : a skin cannot be read
    DataSetInvalid : not one pair could be made
    """
    require_packages()
    names = _names(photos)
    about = {"note": NOTE, "settings": {**asdict(settings), "skins": [Path(s).name for s in skins]},
             "versions": versions()}  # fmt: skip
    _open(output, about, resume)
    detector, model = LandmarkDetector(), load_face_model(None)
    wardrobe = _Wardrobe(skins, model, detector, settings)
    made: list[str] = []
    failures: list[dict[str, str]] = []
    kept = 0
    for number, (photo, name) in enumerate(zip(photos, names, strict=True)):
        if progress:
            progress(f"photo {name}", number / len(photos))
        wanted = [f"{name}_{pair}" for pair in range(settings.per_photo)]
        there = [pair for pair in wanted if (output / pair / "meta.json").is_file()]
        made += there
        kept += len(there)
        if len(there) == len(wanted):
            continue
        try:
            head = replace(photo_head(photo, detector), name=name)
            lit = lit_head(head, settings.lighting)
        except FaceError as error:
            failures.append({"photo": str(photo), "reason": str(error)})
            continue
        for index, pair_id in enumerate(wanted):
            if pair_id in there:
                continue
            try:
                pair = make_pair(head, lit, wardrobe.skin(index, head, lit), model, index, settings)
                checks = landmark_check(pair, detector)
            except FaceError as error:
                failures.append({"photo": str(photo), "reason": f"Pair {index}: {error}"})
                continue
            with whole_folder(output / pair_id, _refuse) as folder:
                write_pair(folder, pair, checks)
            made.append(pair_id)
    if not made:
        reason = failures[0]["reason"] if failures else "there are no photos"
        raise DataSetInvalid(f"Not one pair could be made; of the first photo: {reason}")
    return PairsMade(tuple(made), kept, tuple(failures))


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
        return {"landmark_error": round(error(pair.blend.image), 5), "landmark_error_of_source":
                round(error(pair.source), 5)}  # fmt: skip
    except NoFaceFound as nothing:
        raise NoFaceFound("The landmark network sees no face in the finished picture.") from nothing


class _Wardrobe:
    """The skins that were asked for, each made when it is first needed."""

    def __init__(
        self, skins: Sequence[str], model: FaceModel, detector: LandmarkDetector, settings: PairSettings
    ) -> None:
        self._settings = settings
        self._drawer = SkinDrawer(model) if DRAWN in skins else None
        self._skins: list[str | RelativeSkin] = []
        for skin in skins:
            if skin in SKINS:
                self._skins.append(skin)
                continue
            head = photo_head(Path(skin), detector)
            if not np.array_equal(head.bundle.topology.quads, model.topology.quads):
                raise TopologyMismatch(f"The skin of {skin} belongs to another face model than the built-in one.")
            lit = lit_head(head, settings.lighting)
            self._skins.append(photographed_skin(head, lit, settings.lighting))

    def skin(self, index: int, head: PhotoHead, lit: LitHead) -> RelativeSkin:
        """For the index-th pair of a photo."""
        chosen = self._skins[index % len(self._skins)]
        if isinstance(chosen, RelativeSkin):
            return chosen
        if chosen == OWN or self._drawer is None:
            return photographed_skin(head, lit, self._settings.lighting)
        # A stream of its own: the pair's other chance does not depend on which skin it wears.
        return self._drawer.draw(np.random.default_rng((self._settings.seed, int(head.sha256[:8], 16), index, 1)))


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


def _open(output: Path, about: dict[str, Any], resume: bool) -> None:
    """Make the folder and its benchmark.json, or check that it holds pairs of these settings."""
    record = output / "benchmark.json"
    try:
        if output.exists() and not (output.is_dir() and not any(output.iterdir())):
            if not resume:
                raise OutputUnwritable(f"{output} already exists; --resume goes on with it.")
            if not record.is_file() or read_json(record) != about:
                raise OutputUnwritable(f"{output} does not hold pairs of these settings, so it is left alone.")
            return
        output.mkdir(parents=True, exist_ok=True)
        write_json(record, about)
    except OSError as error:
        raise unwritable(output, error) from error


def _refuse(folder: Path) -> None:
    """Two runs into one folder at once."""
    raise OutputUnwritable(f"{folder} has appeared meanwhile, so it is left alone.")
