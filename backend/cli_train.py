"""What is made or fetched once: ``build-face-model``, ``build-detector-error``, ``train-displacement``, ..."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .cli_terminal import Terminal
from .config import assets_dir
from .errors import FaceError, MissingDependency
from .training.displacement_settings import add_flags as add_training_flags
from .training.displacement_settings import from_options as training_settings


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


def add_train_displacement(verbs: Any) -> None:
    """Add ``train-displacement`` to argparse's subparsers."""
    verb = verbs.add_parser(
        "train-displacement",
        help="train the network that predicts displacement maps",
        description="Train the displacement network of FaceScape Sec. 4.2 on synthetic heads, which are made first "
        "where they are missing (needs the 'train' extra). A training that was stopped goes on where it was.",
        epilog="examples:\n  facewright train-displacement --out training\n"
        "  facewright train-displacement --out small --train-heads 4 --steps 200 --onnx small.onnx\n"
        "  facewright train-displacement --out fig10 --without deforming --onnx without_deforming.onnx\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("--out", type=Path, required=True, metavar="DIR", help="for the log and checkpoints")
    verb.add_argument("--data", type=Path, metavar="DIR", help="synthetic heads (default: heads/ in --out)")
    verb.add_argument("--onnx", type=Path, metavar="FILE", help="the network (default: the installed asset)")
    add_training_flags(verb)
    verb.set_defaults(run=run_train_displacement)


def run_train_displacement(options: argparse.Namespace, terminal: Terminal) -> None:
    """Train and print the network's card as JSON. Raises FaceError."""
    try:
        settings = training_settings(options)
    except ValueError as error:
        raise FaceError(f"These flags do not go together: {error}.") from error
    try:
        from .training.train_displacement import train
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingDependency("Training needs PyTorch: install facewright with its 'train' extra.") from error

    data = options.data or options.out / "heads"
    terminal.result(train(settings, data, options.out, options.onnx, terminal.progress))
