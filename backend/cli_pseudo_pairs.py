"""``facewright make-pseudo-pairs``: photos to photos of exactly known geometry."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .cli_reconstruct import non_negative_int, positive_int
from .cli_terminal import Terminal

EXAMPLES = """\
examples:
  facewright make-pseudo-pairs portraits/*.jpg -o pairs
  facewright make-pseudo-pairs anna.jpg ben.jpg -o pairs --per-photo 6 --skins own drawn --seed 7
  facewright make-pseudo-pairs head -o pairs --skins other_head third_head --identity-sd 1
  facewright evaluate --data pairs --pred ours=results --report report

Every photo is fitted; the fitted head, changed a little, is drawn with another skin in the photo's light, and
blended into the photo. DIR/<photo>_<n>/ holds image.png, gt.npz (the mesh in the camera's frame), camera.json,
landmarks.json, meta.json, mask.png, render.png and source.png; "facewright evaluate --data DIR" reads it. The
pictures are as free as the photos that they are made of. With --resume, a larger --per-photo or further photos add
pairs to those that are there; all other options must be the same.

On stdout one JSON line: {"folder": DIR, "pairs": [...], "kept": N, "failures": [{"photo", "reason"}]}.
"""


def picture_size(text: str) -> int:
    """Pixels a side from 128 to 2048, for argparse."""
    value = int(text)
    if not 128 <= value <= 2048:
        raise argparse.ArgumentTypeError(f"{text} is not between 128 and 2048")
    return value


def identity_sd(text: str) -> float:
    """A standard deviation from 0 to 2, for argparse."""
    value = float(text)
    if not 0.0 <= value <= 2.0:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 2")
    return value


def add_make_pseudo_pairs(verbs: Any) -> None:
    """Add the verb to argparse's subparsers."""
    verb = verbs.add_parser(
        "make-pseudo-pairs",
        help="photos to photos with exactly known geometry",
        description="Replace the faces of photos by rendered ones of known geometry (FaceScape Sec. 6.1, RAFaRe).",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("photos", type=Path, nargs="+", metavar="PHOTO", help="photos, or head bundles made of them")
    verb.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the folder to make")
    verb.add_argument(
        "--per-photo", type=positive_int, default=1, metavar="N", help="pairs of every photo (default: 1)"
    )
    verb.add_argument(
        "--skins",
        nargs="+",
        default=["own"],
        metavar="SKIN",
        help="what the faces wear, in turn: own (the photo's, its light divided out), drawn (made from nothing), "
        "or head bundles (default: own)",
    )
    verb.add_argument(
        "--identity-sd",
        type=identity_sd,
        default=0.3,
        metavar="SD",
        help="how much the fitted identity is changed, standard deviations of the face model (default: 0.3)",
    )
    verb.add_argument(
        "--size", type=picture_size, default=512, metavar="PX", help="of the pictures, pixels a side (default: 512)"
    )
    verb.add_argument(
        "--seed", type=non_negative_int, default=0, metavar="N", help="of everything random (default: 0)"
    )
    verb.add_argument("--resume", action="store_true", help="go on with DIR: what is missing is made")
    verb.set_defaults(run=run)


def run(options: argparse.Namespace, terminal: Terminal) -> None:
    """Make the pairs and print the JSON line. Raises FaceError."""
    from .evaluation.pseudo.pair import PairSettings
    from .evaluation.pseudo.run import make_pairs

    settings = PairSettings(
        size=options.size, per_photo=options.per_photo, seed=options.seed, identity_sd=options.identity_sd
    )
    made = make_pairs(options.photos, options.output, options.skins, settings, options.resume, terminal.progress)
    for failure in made.failures:
        terminal.say(f"warning: {failure['photo']}: {failure['reason']}")
    terminal.result(
        {
            "folder": str(options.output),
            "pairs": list(made.pairs),
            "kept": made.kept,
            "failures": list(made.failures),
        }
    )
