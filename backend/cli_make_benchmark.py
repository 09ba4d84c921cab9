"""``facewright make-benchmark``: rendered people with their true geometry, to measure the fit with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .cli_reconstruct import non_negative_int, positive_int
from .cli_terminal import Terminal
from .errors import FaceError

EXAMPLES = """\
examples:
  facewright make-benchmark -o bench
  facewright make-benchmark -o bench --views portrait --heads 4
  facewright make-benchmark -o bench --detail --heads 5
  facewright make-benchmark -o bench --meshes scans
The first makes 20 heads in 11 views at 3 focal lengths, 660 pictures; the second, a quick one, four portraits of
each of four heads; the third has wrinkles and pores as geometry; the last renders your own detailed heads:
a mesh "anna.obj" or "anna.ply" (millimetres, x to the left of the person, y up, z out of the face) comes with
"anna.json": {"landmarks": {"right_eye_outer": [x, y, z], "right_eye_inner": ..., "left_eye_inner": ...,
"left_eye_outer": ..., "nose_bottom": ..., "mouth_right": ..., "mouth_left": ...}}; where it has UVs, "anna.png" or
"anna.jpg" is its texture.
Run again with the same options, it goes on where it was stopped.

On stdout one JSON line: {"output": DIR, "cases": N, "rendered": N, "seconds_per_case": ..., "note": ...};
seconds_per_case is null where nothing was missing.
"""


def benchmark_size(text: str) -> int:
    """Pixels a side from 64 to 2048, as ``plan.SIZES`` has it, for argparse."""
    value = int(text)
    if not 64 <= value <= 2048:
        raise argparse.ArgumentTypeError(f"{text} is not between 64 and 2048")
    return value


def add_make_benchmark(verbs: Any) -> None:
    """Add ``make-benchmark`` to argparse's subparsers. Defaults are BenchmarkSettings'."""
    verb = verbs.add_parser(
        "make-benchmark",
        help="render heads with their true geometry, for 'evaluate'",
        description="Render heads of a face model, or your own meshes, in many poses, lights and skins, and write "
        "their true geometry beside the pictures (needs Blender's module bpy). Heads of a face model flatter every "
        "method that uses this model: compare versions of a method with them, not methods. FaceScape, Sec. 6.2.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = verb.add_mutually_exclusive_group()
    source.add_argument("--model", type=Path, metavar="FILE", help="face model (default: the built-in one)")
    source.add_argument("--meshes", type=Path, metavar="DIR", help="render these meshes instead; see below")
    verb.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="the folder to make, or to complete"
    )
    verb.add_argument(
        "--heads", type=positive_int, default=20, metavar="N", help="how many people (default: 20; of meshes, all)"
    )
    verb.add_argument(
        "--views",
        choices=("fslab", "portrait"),
        default="fslab",
        help="fslab: 11 views, 3 focal lengths of each head; portrait: as people take photographs (default: fslab)",
    )
    verb.add_argument(
        "--portraits",
        type=positive_int,
        default=4,
        metavar="N",
        help="pictures of each head with --views portrait (default: 4)",
    )
    verb.add_argument(
        "--size", type=benchmark_size, default=256, metavar="PX", help="of the square pictures (default: 256)"
    )
    verb.add_argument(
        "--samples", type=positive_int, default=16, metavar="N", help="of Cycles per pixel (default: 16)"
    )
    verb.add_argument("--detail", action="store_true", help="wrinkles and pores as geometry (built-in model only)")
    verb.add_argument(
        "--seed", type=non_negative_int, default=0, metavar="N", help="of everything random (default: 0)"
    )
    verb.add_argument("--threads", type=non_negative_int, default=0, metavar="N", help="of Cycles (default: all)")
    verb.set_defaults(run=run_make_benchmark)


def run_make_benchmark(options: argparse.Namespace, terminal: Terminal) -> None:
    """Make the benchmark and print what was made as JSON. Raises FaceError."""
    from .evaluation.benchmark.heads import ModelHeads
    from .evaluation.benchmark.make import make_benchmark
    from .evaluation.benchmark.meshes import MeshHeads
    from .evaluation.benchmark.plan import BenchmarkSettings
    from .evaluation.surface import require_packages
    from .face_model.load import load_face_model
    from .head.blender_export import require_blender

    if options.meshes is not None and options.detail:
        raise FaceError("--detail is for heads of the built-in face model; meshes bring their own.")
    settings = BenchmarkSettings(
        options.heads, options.size, options.seed, options.views, options.portraits, options.samples, options.detail
    )
    require_packages()
    require_blender()
    terminal.progress("opening", 0.0)
    cast = MeshHeads(options.meshes) if options.meshes else ModelHeads(load_face_model(options.model), settings)
    made = make_benchmark(options.output, cast, settings, options.threads, terminal.progress)
    terminal.result({"output": str(options.output), **made, "note": cast.note})
