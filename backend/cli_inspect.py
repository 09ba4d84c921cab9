"""``facewright inspect`` and ``inspect-model``: a bundle or a face model in plain text."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .cli_reconstruct import positive_int
from .cli_terminal import Terminal


def add_inspect(verbs: Any) -> None:
    """Add ``inspect`` to argparse's subparsers."""
    verb = verbs.add_parser(
        "inspect",
        help="explain a head bundle or a face model",
        description="Check a head bundle or a face model file and explain it in plain text.",
        epilog="examples:\n  facewright inspect head\n  facewright inspect facescape_bilinear_v1.6.npz\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("path", type=Path, metavar="DIR|MODEL", help="a head bundle's folder, or a model's .npz")
    verb.set_defaults(run=run_inspect)


def add_inspect_model(verbs: Any) -> None:
    """Add ``inspect-model`` to argparse's subparsers."""
    verb = verbs.add_parser(
        "inspect-model",
        help="explain a face model and measure it",
        description="Explain a face model in plain text, with the numbers that were measured when it was built.",
        epilog="examples:\n  facewright inspect-model\n  facewright inspect-model my_face_model.npz --heads 50\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("path", type=Path, nargs="?", metavar="FILE", help="a model's .npz (default: the built-in)")
    verb.add_argument(
        "--heads", type=positive_int, default=2, metavar="N", help="heads measured for penetration (default: 2)"
    )
    verb.set_defaults(run=run_inspect_model)


def run_inspect(options: argparse.Namespace, terminal: Terminal) -> None:
    """Print the explanation of a bundle or a model. Raises FaceError."""
    if options.path.is_dir() or not options.path.exists():
        from .head.describe import describe_bundle

        print(describe_bundle(options.path))
    else:
        run_inspect_model(options, terminal)


def run_inspect_model(options: argparse.Namespace, terminal: Terminal) -> None:
    """Print the explanation of a model. Raises FaceError."""
    from .face_model.inspect import describe_model
    from .face_model.load import load_face_model

    print(describe_model(load_face_model(options.path), getattr(options, "heads", 2)))
