"""``facewright build-face-model``, ``build-detector-error`` and ``fetch-models``: what is made or fetched once."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .cli_terminal import Terminal
from .config import assets_dir


def add_build_face_model(verbs: Any) -> None:
    """Add ``build-face-model`` to argparse's subparsers."""
    verb = verbs.add_parser(
        "build-face-model",
        help="learn the built-in face model from ICT-FaceKit",
        description="Learn the built-in face model from ICT-FaceKit Light (needs the 'train' extra).",
        epilog="examples:\n  facewright build-face-model --source ict_facekit_light.npz\n"
        "  facewright build-face-model --source ict_facekit_light.npz -o /tmp/face_model.npz\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("--source", type=Path, required=True, metavar="FILE", help="ict_facekit_light.npz")
    verb.add_argument("-o", "--output", type=Path, metavar="FILE", help="(default: the installed asset)")
    verb.set_defaults(run=run_build_face_model)


def run_build_face_model(options: argparse.Namespace, terminal: Terminal) -> None:
    """Build the model and print its report as JSON. Raises FaceError."""
    from .training.build_face_model import build

    out = options.output or assets_dir() / "face_model.npz"
    report = build(options.source, out, terminal.progress)
    terminal.result({"model": str(out), "report": report})


def add_build_detector_error(verbs: Any) -> None:
    """Add ``build-detector-error`` to argparse's subparsers."""
    verb = verbs.add_parser(
        "build-detector-error",
        help="learn the landmark network's error on renders of a face model",
        description="Render heads of a face model, find their landmarks, and learn how the network errs.",
        epilog="examples:\n  facewright build-detector-error\n"
        "  facewright build-detector-error --model my_face_model.npz -o /tmp/detector_error.npz\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("--model", type=Path, metavar="FILE", help="a face model (default: the built-in)")
    verb.add_argument("-o", "--output", type=Path, metavar="FILE", help="(default: the installed asset)")
    verb.set_defaults(run=run_build_detector_error)


def run_build_detector_error(options: argparse.Namespace, terminal: Terminal) -> None:
    """Learn the error and print where it lies. Raises FaceError."""
    from .face_model.load import load_face_model
    from .training.detector_error import build_detector_error

    out = options.output or assets_dir() / "detector_error.npz"
    model = load_face_model(options.model)
    build_detector_error(model, out, progress=lambda fraction: terminal.progress("renders", fraction))
    terminal.result({"detector_error": str(out), "model": model.name, "model_sha256": model.sha256})


def add_fetch_models(verbs: Any) -> None:
    """Add ``fetch-models`` to argparse's subparsers."""
    verb = verbs.add_parser(
        "fetch-models",
        help="fetch the landmark networks once",
        description="Fetch, check and convert the landmark networks; 'reconstruct' does it by itself when needed.",
        epilog="examples:\n  facewright fetch-models\n  facewright fetch-models --to networks\n"
        "  facewright fetch-models --source mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("--to", type=Path, metavar="DIR", help="where to put them (default: the user's cache)")
    verb.add_argument("--source", type=Path, metavar="PATH", help="mediapipe's wheel, or a folder with it")
    verb.set_defaults(run=run_fetch_models)


def run_fetch_models(options: argparse.Namespace, terminal: Terminal) -> None:
    """Fetch and print where they lie. Raises FaceError."""
    from .photo.model_files import fetch_models

    folder = fetch_models(options.to, options.source, terminal.progress)
    terminal.result({"models": str(folder), "files": sorted(path.name for path in folder.glob("*.onnx"))})
