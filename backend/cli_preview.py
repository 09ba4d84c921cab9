"""``facewright preview``: pictures of head bundles, to be looked at."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .cli_reconstruct import positive_int
from .cli_terminal import Terminal

EXAMPLES = """\
examples:
  facewright preview --expressions head -o sheet.png
  facewright preview --expressions anna ben carla -o people.jpg --textured --columns 10 --width 320

The sheet shows ten key expressions of every head, each without detail above and with detail below, in light that
grazes the face. On stdout one JSON line: {"sheet": FILE, "width": ..., "height": ...}.
"""


def add_preview(verbs: Any) -> None:
    """Add the verb to argparse's subparsers."""
    verb = verbs.add_parser(
        "preview",
        help="a contact sheet of a head's expressions",
        description="Draw key expressions of head bundles without and with their dynamic detail.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument(
        "--expressions",
        type=Path,
        nargs="+",
        required=True,
        metavar="DIR",
        help="head bundles, one below the other",
    )
    verb.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help="the picture to write: .png, .jpg or .webp"
    )
    verb.add_argument("--textured", action="store_true", help="with the skin's texture instead of clay")
    verb.add_argument(
        "--columns", type=positive_int, default=5, metavar="N", help="expressions side by side (default: 5)"
    )
    verb.add_argument(
        "--width", type=positive_int, default=420, metavar="PX", help="of one expression, pixels (default: 420)"
    )
    verb.add_argument("--overwrite", action="store_true", help="replace FILE if it exists")
    verb.set_defaults(run=run)


def run(options: argparse.Namespace, terminal: Terminal) -> None:
    """Draw the sheet and print the JSON line. Raises FaceError."""
    from .head.bundle_sheet import write_bundle_sheet
    from .head.expression_sheet import PictureSettings, SheetSettings

    # Three to four, as faces are.
    picture = PictureSettings(size=(options.width, options.width * 4 // 3))
    width, height = write_bundle_sheet(
        options.expressions,
        options.output,
        options.textured,
        options.overwrite,
        terminal.progress,
        SheetSettings(picture, options.columns),
    )
    terminal.result({"sheet": str(options.output), "width": width, "height": height})
