"""``facewright train-bases``: HiFace's SD-DeTail learned from synthetic heads."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .cli_terminal import Terminal
from .config import assets_dir
from .errors import FaceError, MissingDependency

EXAMPLES = """\
examples:
  python -m facewright.training.detail_samples samples --train 300 --held-out 16 --size 512
  facewright train-bases --samples samples --work work -o trained
run again, the last goes on where it was stopped.
"""


def add_train_bases(verbs: Any) -> None:
    """Add ``train-bases`` to argparse's subparsers. Defaults are TrainBasesSettings' (None here: torch may not be
    installed)."""
    verb = verbs.add_parser(
        "train-bases",
        help="learn displacement bases and their networks (SD-DeTail)",
        description="Learn bases of static, compressed and stretched detail, and the two networks that say their "
        "coefficients, from synthetic heads (needs the 'train' extra). HiFace, Sec. 3.3.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("--samples", type=Path, nargs="+", required=True, metavar="DIR",
                      help="folders of synthetic heads; see below")
    verb.add_argument("--work", type=Path, required=True, metavar="DIR",
                      help="checkpoints, log, curves and report; a run that was stopped goes on from there")
    verb.add_argument("-o", "--output", type=Path, metavar="DIR", help="(default: the installed assets)")
    verb.add_argument("--size", type=int, metavar="B", help="texels a side of the bases' maps (default: 256)")
    verb.add_argument("--static-components", type=int, metavar="K", help="of the static basis (default: 80)")
    verb.add_argument("--dynamic-components", type=int, metavar="K",
                      help="of the compressed and of the stretched basis (default: 26, as in the paper)")
    verb.add_argument("--static-steps", type=int, metavar="N", help="of the encoder (default: 2000)")
    verb.add_argument("--dynamic-steps", type=int, metavar="N", help="of the mapper (default: 1200)")
    verb.add_argument("--batch", type=int, metavar="N", help="heads per step of the encoder (default: 4)")
    verb.add_argument("--seed", type=int, metavar="N", help="of everything random (default: 0)")
    verb.add_argument("--threads", type=int, default=2, metavar="N", help="of torch (default: 2)")
    verb.set_defaults(run=run_train_bases)  # fmt: skip


def run_train_bases(options: argparse.Namespace, terminal: Terminal) -> None:
    """Train, export and print the report as JSON. Raises FaceError."""
    try:
        from .training.train_bases import settings_of, train_from_folders, use_threads
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingDependency("Training needs torch: install it with 'pip install torch'.") from error

    for name in ("size", "static_components", "dynamic_components", "batch", "threads"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise FaceError(f"--{name.replace('_', '-')} takes a number from 1, not {value}.")
    use_threads(options.threads)
    out = options.output or assets_dir()
    report = train_from_folders(options.samples, options.work, out, settings_of(options), terminal.progress)
    terminal.result({"output": str(out), "report": report})
