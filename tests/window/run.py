"""Run Facewright in a real Blender window and look at it.

    python tests/window/run.py                     # the walk through the whole panel; screenshots in dist/window/
    python tests/window/run.py --script FILE.py    # instead: run a file in the windowed Blender, to its end

The first run makes a Debian system with Blender 4.3 in ``.cache/window/`` (needs root, debootstrap, 2 GB); later
ones use it again, as ``--chroot`` uses one from elsewhere, and ``--suite sid`` makes one with Blender 5.2. The
extension is built as a zip, installed without a network into a user folder of its own, and clicked through by mouse
and keyboard. Debian's Blender 4.3 has Python 3.13, so it gets the zip for that Python with its lowest Blender
version lowered.

A script that is run this way finds the demo photo's path in ``FACEWRIGHT_PHOTO`` and a folder to write to in
``FACEWRIGHT_OUT``; it ends by quitting Blender. What it prints is shown, what it writes is kept.
"""

from __future__ import annotations

import argparse
import re
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import debian
import walkthrough
from desktop import Blender, BlenderGone, Desktop

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "window"
OUT = ROOT / "dist" / "window"
PICTURE_EVERY_S = 5.0


def build_zip() -> Path:
    """The extension for Debian's Blender, built now."""
    output = CACHE / "zip"
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, str(ROOT / "build_addon.py"), "--platform", "linux-x64", "--python", "3.13"]
    subprocess.run([*command, "--blender-min", "4.2.0", "--output", str(output)], check=True)
    (built,) = output.glob("*.zip")
    return built


def without_wheels(zip_file: Path) -> Path:
    """The same extension for a Python that the wheels are not for, where the system has the packages itself."""
    target = CACHE / "zip" / f"{zip_file.stem}-without-wheels.zip"
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(zip_file) as source, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as made:
        for name in source.namelist():
            content = source.read(name)
            if name.endswith(".whl"):
                continue
            if name.endswith("blender_manifest.toml"):
                content = re.sub(rb"(?ms)^wheels = \[.*?^\]\n", b"", content)
            made.writestr(name, content)
    return target


def demo_photo() -> Path:
    """The photo that every benchmark uses, fetched once."""
    photo = CACHE / "astronaut.png"
    subprocess.run([sys.executable, str(ROOT / "benchmarks" / "demo_photo.py"), str(photo)], check=True)
    return photo


def run_script(root: Path, zip_file: Path, script: Path, photo: Path, out: Path, timeout_s: float) -> int:
    """Run a Python file in the windowed Blender until it quits, with pictures on the way.

    Returns Blender's exit code. Raises BlenderGone when it has not quit after ``timeout_s``.
    """
    out.mkdir(parents=True, exist_ok=True)
    log = out / "blender.log"
    log.unlink(missing_ok=True)
    with Desktop(root) as desktop:
        blender = Blender(desktop, log)
        blender.install(zip_file)
        kept = desktop.folder / "out"
        kept.mkdir()
        shutil.copy(photo, desktop.folder)
        blender.environment["FACEWRIGHT_PHOTO"] = desktop.inner(desktop.folder / photo.name)
        blender.environment["FACEWRIGHT_OUT"] = desktop.inner(kept)
        blender.start([script])
        end, pictures, due = time.monotonic() + timeout_s, 0, 0.0
        while blender.running():
            if time.monotonic() > end:
                tail = blender.output()[-3000:]
                raise BlenderGone(f"{script.name} has not ended after {timeout_s:.0f} s:\n{tail}")
            if time.monotonic() > due:
                (out / f"{script.stem}-{pictures:02}.png").write_bytes(desktop.picture())
                pictures, due = pictures + 1, time.monotonic() + PICTURE_EVERY_S
            time.sleep(0.2)
        shutil.copytree(kept, out, dirs_exist_ok=True)
        print(blender.output())
        return blender.exit_code()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", choices=debian.SUITES, default=debian.SUITES[0], help="Debian's name")
    parser.add_argument("--chroot", type=Path, help="a Debian system of that suite with Blender in it")
    parser.add_argument("--zip", type=Path, help="a built extension (default: build it now)")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for screenshots and Blender's log")
    parser.add_argument("--show", type=Path, help="folder for the documentation's screenshots, if all goes well")
    parser.add_argument("--script", type=Path, help="run this file in the windowed Blender instead of the walk")
    parts = [part.__name__ for part in walkthrough.PARTS]
    parser.add_argument("--only", nargs="+", default=[], choices=parts, help="these parts of the walk")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for --script")
    options = parser.parse_args()
    # So that "kill" and a closed terminal end what was started, like Ctrl-C does.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    try:
        root = (options.chroot or CACHE / options.suite).resolve()
        print(debian.prepare(root, options.suite))
        zip_file, photo = options.zip or build_zip(), demo_photo()
        if options.suite == "sid":
            zip_file = without_wheels(zip_file)
        if options.script:
            return run_script(root, zip_file, options.script, photo, options.out, options.timeout)
        return walkthrough.walk(root, zip_file, photo, options.out, options.only, options.show)
    except (debian.MachineUnsuitable, BlenderGone) as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
