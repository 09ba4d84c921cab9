"""``facewright reconstruct``: a photo to a head bundle."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .cli_terminal import Terminal
from .displacement.sources import AGES, DEFAULT_SIZE, DEFAULT_SOURCE, SIZES, SOURCES

EXAMPLES = """\
examples:
  facewright reconstruct portrait.jpg -o head
  facewright reconstruct portrait.jpg -o head --blend --fbx --glb --overwrite
  facewright reconstruct group.jpg -o second --face 2
  facewright reconstruct scan.png -o head --focal-length-mm 85 --texture-size 4096
  facewright reconstruct portrait.jpg -o head --detail-size 2048 --age 62
  facewright reconstruct portrait.jpg -o head --model facescape_bilinear_v1.6.npz

On stdout one JSON line: {"bundle": FOLDER, "files": {...}, "seconds": {...}, "peak_memory_mb": ..., "residual":
{...}, "warnings": [...]}. The folder appears whole or not at all.
"""


def positive_int(text: str) -> int:
    """An integer of at least 1, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def non_negative_int(text: str) -> int:
    """An integer of at least 0, for argparse."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not at least 0")
    return value


def positive_float(text: str) -> float:
    """A finite number above 0, for argparse."""
    value = float(text)
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def texture_size(text: str) -> int:
    """A power of two that the texture stages can work with, for argparse."""
    value = int(text)
    if value not in (256, 512, 1024, 2048, 4096):
        raise argparse.ArgumentTypeError(f"{text} is not one of 256, 512, 1024, 2048, 4096")
    return value


def age_years(text: str) -> float:
    """Years of age that a person may have, for argparse."""
    value = float(text)
    if not AGES[0] <= value <= AGES[1]:
        raise argparse.ArgumentTypeError(f"{text} is not an age from {AGES[0]:.0f} to {AGES[1]:.0f} years")
    return value


def add_reconstruct(verbs: Any) -> None:
    """Add the verb to argparse's subparsers."""
    verb = verbs.add_parser(
        "reconstruct",
        help="a photo to a head bundle",
        description="Make a head bundle (geometry, 52 blendshapes, textures, preview) from one photo.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verb.add_argument("photo", type=Path, metavar="PHOTO", help="JPEG, PNG, WebP, TIFF or HEIC")
    verb.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="the folder to make")
    verb.add_argument(
        "--face", type=positive_int, metavar="N", help="which face, counted from the largest (default: 1)"
    )
    verb.add_argument(
        "--focal-length-mm",
        type=positive_float,
        metavar="MM",
        help="focal length of the photo in 35 mm equivalent (default: the photo's own note, else estimated)",
    )
    verb.add_argument("--model", type=Path, metavar="FILE", help="a face model's .npz (default: the built-in)")
    verb.add_argument(
        "--texture-size", type=texture_size, default=2048, metavar="N", help="pixels of the skin's texture (2048)"
    )
    detail = verb.add_mutually_exclusive_group()
    detail.add_argument(
        "--detail",
        choices=SOURCES,
        metavar="SOURCE",
        help="how wrinkles are made: "
        + "; ".join(f"{name}, {how}" for name, how in SOURCES.items())
        + f" (default: {DEFAULT_SOURCE})",
    )
    detail.add_argument("--no-detail", action="store_true", help="a head without dynamic detail")
    verb.add_argument(
        "--detail-size",
        type=int,
        choices=SIZES,
        default=DEFAULT_SIZE,
        metavar="N",
        help=f"pixels of the displacement maps: {', '.join(map(str, SIZES))} (default: {DEFAULT_SIZE})",
    )
    verb.add_argument(
        "--age",
        type=age_years,
        metavar="YEARS",
        help="the person's age, which decides how deep wrinkles come (default: as the skin in the photo looks)",
    )
    verb.add_argument("--blend", action="store_true", help="also head.blend (needs bpy)")
    verb.add_argument("--fbx", action="store_true", help="also head.fbx (needs bpy)")
    verb.add_argument("--glb", action="store_true", help="also head.glb, glTF (needs bpy)")
    verb.add_argument("--overwrite", action="store_true", help="replace DIR if it is an unchanged head bundle")
    verb.set_defaults(run=run)


def run(options: argparse.Namespace, terminal: Terminal) -> None:
    """Reconstruct and print the JSON line. Raises FaceError."""
    from .api import ReconstructRequest, reconstruct

    request = ReconstructRequest(
        photo=options.photo,
        output=options.output,
        face=options.face,
        focal_length_mm=options.focal_length_mm,
        model=options.model,
        texture_size=options.texture_size,
        detail="none" if options.no_detail else options.detail or DEFAULT_SOURCE,
        detail_size=options.detail_size,
        age_years=options.age,
        exports=tuple(kind for kind in ("blend", "fbx", "glb") if getattr(options, kind)),
        overwrite=options.overwrite,
    )
    result = reconstruct(request, terminal.progress)
    for warning in result.warnings:
        terminal.say(f"warning: {warning}")
    terminal.result(
        {
            "bundle": str(result.bundle),
            "files": {name: str(result.bundle / name) for name in result.record["files"]},
            "seconds": result.seconds,
            "peak_memory_mb": result.peak_memory_mb,
            "residual": result.record["residual"],
            "warnings": list(result.warnings),
        }
    )
