"""``facewright evaluate``: how accurate are these heads, measured by the papers' protocols."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cli_reconstruct import positive_int
from .cli_terminal import Terminal
from .errors import FaceError

if TYPE_CHECKING:
    from .evaluation.report.contents import MetricSummary

EXAMPLES = """\
examples:
  facewright evaluate --data heads --reconstruct ours --baseline mean --report report
  facewright evaluate --data heads --pred ours=bundles --pred other=meshes --baseline mean eos --report report
  facewright evaluate --data heads --pred ours=bundles --report report --resume
  facewright evaluate --data NoW --data-kind now --pred ours=bundles --report report

DATA and PRED are laid out as docs/evaluation_data.md shows; what the numbers mean stands in docs/evaluation.md.
Writes report.json, report.csv, report.md and report.html into the folder; on stdout one JSON line: {"report":
FOLDER, "images": ..., "success_rate": {NAME: ...}, "headline": {NAME: {METRIC: MEAN}}, "failures": N}.
"""
HEADLINE = ("cd", "normal_deg", "cr", "now_median", "metrical_median", "realy")


def add_evaluate(verbs: Any) -> None:
    """Add the verb to argparse's subparsers. Choices are checked when it runs: numpy must not be loaded here."""
    verb = verbs.add_parser(
        "evaluate",
        help="measure heads against ground truth",
        description="Measure predictions against a data set by the protocols of FaceScape, NoW, MICA, REALY and "
        "Beyond 3DMM, side by side (needs the 'evaluate' extra).",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("--data", type=Path, required=True, metavar="DIR", help="the data set")
    verb.add_argument("--report", type=Path, required=True, metavar="OUT", help="the folder to make")
    verb.add_argument("--pred", type=named_folder, action="append", default=[], metavar="NAME=DIR",
                      help="a program's results; may be given several times")
    verb.add_argument("--reconstruct", metavar="NAME",
                      help="also fit the data's photographs now, and call that NAME")
    verb.add_argument("--baseline", nargs="+", default=[], metavar="KIND",
                      help="also measure: mean (the face model's mean face), mean-expression (with the fitted "
                      "expression), eos (eos-py's fit; needs the 'baselines' extra), mediapipe (the landmark "
                      "network's own mesh)")
    verb.add_argument("--known-focal", action="store_true",
                      help="what is made now is told the focal length of the data's camera")
    verb.add_argument("--model", type=Path, metavar="FILE",
                      help="the face model of what is made now (default: the built-in)")
    verb.add_argument("--data-kind", metavar="KIND", help="of data set (default: as its files look)")
    verb.add_argument("--protocols", nargs="+", metavar="P",
                      help="only these of facescape, now, p2s, dense, realy (default: all that the data allow)")
    verb.add_argument("--sampling", choices=("auto", "vertices", "spread"), default="auto",
                      help="where NoW measures on the truth: at its vertices, evenly spread, or the one that suits "
                      "the data (auto)")
    verb.add_argument("--subjects", nargs="+", default=[], metavar="S", help="only these subjects; dev0* works too")
    verb.add_argument("--limit", type=positive_int, metavar="N", help="only the first N images")
    verb.add_argument("--jobs", type=positive_int, metavar="N", help="images at once (default: one per core)")
    existing = verb.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="go on with OUT; what has not changed is kept")
    existing.add_argument("--overwrite", action="store_true", help="replace an evaluation in OUT")
    verb.set_defaults(run=run)  # fmt: skip


def named_folder(text: str) -> tuple[str, Path]:
    """NAME=DIR, for argparse."""
    name, equals, folder = text.partition("=")
    if not (equals and name and folder):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=DIR")
    return name, Path(folder)


def run(options: argparse.Namespace, terminal: Terminal) -> None:
    """Evaluate and print the JSON line. Raises FaceError."""
    from .evaluation.evaluate import EvaluateRequest, evaluate
    from .evaluation.pair import PROTOCOLS
    from .evaluation.predictions.made_predictions import BASELINES

    names = [name for name, _ in options.pred]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise FaceError(f"Two predictions have the same name, {twice[0]}.")
    request = EvaluateRequest(
        data=options.data,
        report=options.report,
        predictions=dict(options.pred),
        data_kind=options.data_kind,
        reconstruct=options.reconstruct,
        baselines=_chosen(options.baseline, tuple(BASELINES), "baseline"),
        known_focal=options.known_focal,
        model=options.model,
        protocols=PROTOCOLS if options.protocols is None else _chosen(options.protocols, PROTOCOLS, "protocol"),
        sampling=options.sampling,
        subjects=tuple(options.subjects),
        limit=options.limit,
        jobs=options.jobs or os.cpu_count() or 1,
        resume=options.resume,
        overwrite=options.overwrite,
    )
    try:
        report = evaluate(request, terminal.progress)
    except KeyboardInterrupt:
        kept = f"what is finished is kept in {options.report}, and --resume goes on."
        raise KeyboardInterrupt(f"Stopped; {kept}" if options.report.is_dir() else "") from None
    terminal.result(
        {
            "report": str(options.report),
            "images": len(report.cases),
            "success_rate": {name: round(report.summary[name].success_rate, 4) for name in report.names},
            "headline": {name: _headline(summary.metrics) for name, summary in report.summary.items()},
            "failures": len(report.failures),
        }
    )


def _headline(metrics: Mapping[str, MetricSummary]) -> dict[str, float]:
    return {metric: round(metrics[metric].mean, 4) for metric in HEADLINE if metric in metrics}


def _chosen(wanted: list[str], known: tuple[str, ...], what: str) -> tuple[str, ...]:
    """Without repetitions, in the order given. Raises FaceError for what is not known."""
    for one in wanted:
        if one not in known:
            raise FaceError(f"There is no {what} {one}: choose from {', '.join(known)}.")
    return tuple(dict.fromkeys(wanted))
