"""One image: its truth is read once, and every prediction is measured against it. Runs in worker processes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ..errors import FaceError
from .case import Case
from .fingerprint import code_fingerprint, fingerprint
from .pair import PairSettings, evaluate_pair
from .pair_store import PairStore, StoredPair
from .predictions.plausible import refuse_implausible
from .predictions.read import image_size_of, read_prediction
from .report.contents import TRUTH, Failure


class CaseWork(NamedTuple):
    """What a worker is told.

    case : Case
    folders : (name, folder of its predictions), in the report's order
    known : (name, reason) of names that are known to have nothing for this image
    settings : PairSettings
    pairs : folder of the pair store
    """

    case: Case
    folders: tuple[tuple[str, Path], ...]
    known: tuple[tuple[str, str], ...]
    settings: PairSettings
    pairs: Path


class CaseScores(NamedTuple):
    """Scores by name, and failures; ``reused``: how many pairs an earlier run had measured."""

    scores: dict[str, dict[str, float]]
    failures: tuple[Failure, ...]
    reused: int


def score_case(work: CaseWork) -> CaseScores:
    """Measure all predictions for one image; finished pairs are kept in the store. Raises OutputUnwritable."""
    case = work.case
    try:
        truth = case.truth()
    except FaceError as error:
        return CaseScores({}, (Failure(case.id, TRUTH, str(error)),), 0)
    store, known = PairStore(work.pairs), dict(work.known)
    scores: dict[str, dict[str, float]] = {}
    failures: list[Failure] = []
    reused = 0
    common = fingerprint(case.camera, case.neutral_truth, truth, work.settings, code_fingerprint(__file__))
    for name, folder in work.folders:
        if name in known:
            failures.append(Failure(case.id, name, known[name]))
            continue
        try:
            prediction = read_prediction(folder, case, image_size_of(case))
            key = fingerprint(common, prediction)
            pair = store.read(name, case.id, key)
            if pair is None:
                refuse_implausible(prediction, case, truth)
                result = evaluate_pair(case, truth, prediction, work.settings)
                store.write(name, case.id, key, result)
                pair = StoredPair(result.scores, result.left_out)
            else:
                reused += 1
        except FaceError as error:
            failures.append(Failure(case.id, name, str(error)))
            continue
        failures += [Failure(case.id, name, reason) for reason in dict.fromkeys(pair.left_out.values())]
        if pair.scores:
            scores[name] = pair.scores
    return CaseScores(scores, tuple(failures), reused)
