"""A whole evaluation: a data set, some programs' predictions, one report."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np

from .. import __version__
from ..errors import DataSetInvalid, FaceError, MissingDependency
from .case import Case, DataSet
from .case_scoring import CaseScores, CaseWork, score_case
from .datasets.readers import open_data_set
from .metrics.statistics import CONFIDENCE, RESAMPLES, DistancePool
from .pair import PROTOCOLS, PairSettings
from .pair_store import PairStore
from .parallel import in_processes
from .predictions.made_predictions import MEAN, RECONSTRUCTION, PhotoWork, make_predictions, require_baselines
from .report.contents import TRUTH, Curve, Failure, NameSummary, Pooled, Report
from .report.files import report_files
from .run_folder import RunFolder
from .surface import require_packages
from .tables import YAW_EDGES, YAW_EDGES_FACESCAPE, ScoreTable

Progress = Callable[[str, float], None]
CURVE_END_MM = 7.0
MOST_NAME_BYTES = 255  # of file systems
FITTING_SHARE = 0.4  # of the time where predictions are made too
REPORT_SHARE = 0.05  # of the time: nearly all of it for the pictures
POOLS = {"now": "distance", "metrical": "metrical_distance"}


@dataclass(frozen=True)
class EvaluateRequest:
    """What to measure.

    Attributes
    ----------
    data : folder of a data set
    report : folder to write
    predictions : name -> folder, in the order of the report
    data_kind : of ``datasets.readers.KINDS``, or None: recognised
    reconstruct : name of our own fit, made in this run; None for none
    baselines : of ``made_predictions.BASELINES``, made in this run
    known_focal : what is made in this run is told the focal length of the data's camera
    model : face model's file for it, or None for the built-in
    protocols : of ``pair.PROTOCOLS``; those that the data do not allow are left out
    sampling : see ``pair.PairSettings``
    subjects : patterns of subjects such as "dev0*"; () for all
    limit : the first so many images, or None for all
    jobs : processes
    resume : go on with a folder that an earlier run has left
    overwrite : replace such a folder's results
    """

    data: Path
    report: Path
    predictions: Mapping[str, Path] = field(default_factory=dict)
    data_kind: str | None = None
    reconstruct: str | None = None
    baselines: tuple[str, ...] = ()
    known_focal: bool = False
    model: Path | None = None
    protocols: tuple[str, ...] = PROTOCOLS
    sampling: str = "auto"
    subjects: tuple[str, ...] = ()
    limit: int | None = None
    jobs: int = 1
    resume: bool = False
    overwrite: bool = False


class NothingScored(FaceError):
    """No prediction of any image could be scored; the report says why for each."""


def evaluate(request: EvaluateRequest, progress: Progress = lambda stage, fraction: None) -> Report:
    """Measure, and write report.json, .csv, .md and .html.

    Finished pairs are kept as they come; the report's files appear at the end. What the report holds depends
    neither on ``jobs`` nor on whether a run was stopped and resumed (to the last bit where linear algebra has one
    thread in this process too, as the command line sees to).

    Parameters
    ----------
    progress : called with the stage's name and the fraction (0 to 1) of the whole that is done

    Raises
    ------
    DataSetInvalid : no data set, or nothing of it was chosen
    MissingDependency : a package for evaluation or for a baseline is not installed
    OutputUnwritable : the folder exists and neither resume nor overwrite was asked for, or cannot be written
    NothingScored : after the report was written
    """
    require_packages()
    require_baselines(request.baselines)
    made = _made(request)
    names = (*request.predictions, *made)
    if not names:
        raise FaceError("There is nothing to measure: name predictions, a reconstruction or a baseline.")
    progress("data set", 0.0)
    data = open_data_set(request.data, request.data_kind)
    cases = chosen_cases(data, request.subjects, request.limit)
    for name, folder in request.predictions.items():
        if not folder.is_dir():
            raise DataSetInvalid(f"There is no folder {folder} with the predictions of {name}.")
    settings = PairSettings(_protocols(data, request.protocols), request.sampling)
    run = RunFolder(request.report)
    run.open(request.resume, request.overwrite)
    known = _make(request, made, cases, run, progress)
    found = _score(request, settings, cases, names, known, run, progress)
    measured = 1.0 - REPORT_SHARE
    progress("report", measured)
    report = _report(request, settings, data, cases, names, found, run)
    run.write(
        report_files(report, request.jobs, lambda share: progress("pictures", measured + REPORT_SHARE * share))
    )
    if not report.scores:
        first = report.failures[0].reason if report.failures else ""
        raise NothingScored(f"No prediction could be scored; see {run.folder}. The first reason: {first}")
    return report


def chosen_cases(data: DataSet, subjects: Sequence[str], limit: int | None) -> tuple[Case, ...]:
    """The images asked for. Raises DataSetInvalid where a pattern fits no subject or nothing is left."""
    there = {case.subject for case in data.cases}
    for pattern in subjects:
        if not any(fnmatchcase(subject, pattern) for subject in there):
            some = ", ".join(sorted(there)[:5])
            raise DataSetInvalid(f"{data.folder} has no subject {pattern}; it has {some} and others.")
    cases = tuple(
        case
        for case in data.cases
        if not subjects or any(fnmatchcase(case.subject, pattern) for pattern in subjects)
    )[:limit]
    if not cases:
        raise DataSetInvalid(f"{data.folder} holds no images.")
    return cases


def _made(request: EvaluateRequest) -> dict[str, str]:
    """name -> what, of the predictions that this run makes. Raises FaceError for names that are taken."""
    own = {} if request.reconstruct is None else {request.reconstruct: RECONSTRUCTION}
    made = own | {kind: kind for kind in request.baselines}
    known: dict[str, str] = {}
    for name in (*request.predictions, *own, *request.baselines):
        # Some file systems take "A" and "a" for the same folder.
        other = known.get(name.casefold())
        if other is not None:
            alike = f"the same name, {name}" if other == name else f"names too much alike, {other} and {name}"
            raise FaceError(f"Two predictions have {alike}.")
        known[name.casefold()] = name
        if len(name.encode()) > MOST_NAME_BYTES:
            raise FaceError(f"The name {name[:20]}... of a prediction is too long for the name of a folder.")
        if name in ("", ".", "..", TRUTH) or "\\" in name or name.startswith("."):
            raise FaceError(f"{name!r} cannot be the name of a prediction.")
    return made


def _protocols(data: DataSet, wanted: Sequence[str]) -> tuple[str, ...]:
    """Protocols that were asked for and that the data allow; point to surface goes with NoW's alignment."""
    allowed = {*data.protocols, *(["p2s"] if "now" in data.protocols else [])}
    chosen = tuple(protocol for protocol in wanted if protocol in allowed)
    if not chosen:
        raise DataSetInvalid(
            f"{data.folder} allows {', '.join(sorted(allowed)) or 'no protocol'}, and not {', '.join(wanted)}."
        )
    return chosen


def _make(
    request: EvaluateRequest, made: Mapping[str, str], cases: Sequence[Case], run: RunFolder, progress: Progress
) -> dict[str, dict[str, str]]:
    """Make predictions; id -> name -> why there is none."""
    if not made:
        return {}
    folders = tuple((name, kind, run.predictions(name)) for name, kind in made.items())
    work = [PhotoWork(case, folders, request.known_focal, request.model) for case in cases]
    if not any(case.image for case in cases):
        raise MissingDependency(f"{request.data} has no photographs, so nothing can be made of them.")
    known = {}
    for done, (index, failed) in enumerate(in_processes(make_predictions, work, request.jobs), 1):
        known[cases[index].id] = dict(failed)
        progress("fitting", FITTING_SHARE * done / len(work))
    return known


def _score(
    request: EvaluateRequest,
    settings: PairSettings,
    cases: Sequence[Case],
    names: Sequence[str],
    known: Mapping[str, Mapping[str, str]],
    run: RunFolder,
    progress: Progress,
) -> list[CaseScores]:
    """Scores of every case, in order."""
    folders = tuple((name, request.predictions.get(name, run.predictions(name))) for name in names)
    work = [
        CaseWork(case, folders, tuple(known.get(case.id, {}).items()), settings, run.pairs) for case in cases
    ]
    found: dict[int, CaseScores] = {}
    begin = FITTING_SHARE if known else 0.0
    for index, scores in in_processes(score_case, work, request.jobs):
        found[index] = scores
        progress("measuring", begin + (1.0 - REPORT_SHARE - begin) * len(found) / len(work))
    return [found[index] for index in range(len(cases))]


def _report(
    request: EvaluateRequest,
    settings: PairSettings,
    data: DataSet,
    cases: tuple[Case, ...],
    names: tuple[str, ...],
    found: Sequence[CaseScores],
    run: RunFolder,
) -> Report:
    scores = {case.id: one.scores for case, one in zip(cases, found) if one.scores}
    failures = tuple(failure for one in found for failure in one.failures)
    reference = MEAN if MEAN in names else names[0]
    table = ScoreTable(cases, names, reference, scores)
    edges = YAW_EDGES_FACESCAPE if data.protocols == ("facescape",) else YAW_EDGES
    pools = {kind: _pools(cases, names, scores, run.pairs, array) for kind, array in POOLS.items()}
    return Report(
        data={
            "name": data.name, "folder": str(data.folder), "note": data.note, "images": len(cases),
            "subjects": len({case.subject for case in cases}), "protocols": list(settings.protocols),
        },
        settings=_settings(request, settings, edges),
        names=names,
        reference=reference,
        cases=cases,
        scores=scores,
        summary=_summaries(table, pools, failures),
        tables=table.tables(edges),
        paired=table.all_paired(),
        curves={kind: {name: _curve(pool) for name, pool in of.items()} for kind, of in pools.items() if of},
        failures=failures,
        pairs=run.pairs,
    )  # fmt: skip


def _settings(request: EvaluateRequest, settings: PairSettings, edges: Sequence[float]) -> dict[str, object]:
    """What a run's numbers depend on; neither jobs nor resume."""
    return {
        "version": __version__,
        "predictions": {name: str(folder) for name, folder in request.predictions.items()},
        "reconstruct": request.reconstruct,
        "baselines": list(request.baselines),
        "known_focal": request.known_focal,
        "model": None if request.model is None else str(request.model),
        "protocols": list(settings.protocols),
        "sampling": settings.sampling,
        "spread_points": settings.spread_points,
        "subjects": list(request.subjects),
        "limit": request.limit,
        "yaw_edges_degrees": list(edges),
        "bootstrap_resamples": RESAMPLES,
        "confidence": CONFIDENCE,
        "curve_end_mm": CURVE_END_MM,
    }


def _summaries(
    table: ScoreTable, pools: Mapping[str, Mapping[str, DistancePool]], failures: Sequence[Failure]
) -> dict[str, NameSummary]:
    broken = sum(failure.name == TRUTH for failure in failures)
    summaries = {}
    for name in table.names:
        pooled = {
            kind: Pooled(values.median, values.mean, values.std, values.values)
            for kind, of in pools.items()
            if name in of
            for values in (of[name].pooled(),)
        }
        scored = sum(name in row for row in table.scores.values())
        summaries[name] = NameSummary(len(table.cases) - broken, scored, table.summary(name), pooled)
    return summaries


def _pools(
    cases: Sequence[Case],
    names: Sequence[str],
    scores: Mapping[str, Mapping[str, Mapping[str, float]]],
    pairs: Path,
    array: str,
) -> dict[str, DistancePool]:
    """All distances of every name that has some."""
    store = PairStore(pairs)
    pools = {}
    for name in names:
        pool = DistancePool()
        for case in cases:
            if name not in scores.get(case.id, {}):
                continue
            with np.load(store.arrays_file(name, case.id), allow_pickle=False) as arrays:
                if array in arrays:
                    pool.add(arrays[array])
        if pool.count:
            pools[name] = pool
    return pools


def _curve(pool: DistancePool) -> Curve:
    curve = pool.curve(CURVE_END_MM)
    return Curve(
        tuple(curve.x.tolist()), tuple(curve.y.tolist()), pool.area_under_curve(CURVE_END_MM)
    )  # fmt: skip
