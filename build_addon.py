"""Build the Blender extension: one zip for each platform and Python, to be dropped into a Blender window.

    python build_addon.py [--platform linux-x64 ...] [--python 3.11 ...] [--output dist]

Needs the package index once (wheels are kept in ``.cache/``), and Facewright installed with its extras ``blender``
and ``dev``. The wheels are pinned by hash in ``extension_wheels/``; the same sources give the same bytes.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib.resources import files
from pathlib import Path

from facewright.photo.model_files import PACKAGE, WHEEL_SHA256, WHEEL_TAGS, fetch_models

ROOT = Path(__file__).resolve().parent
PLATFORMS = {  # by Blender's names: the wheels' tags that run there
    "linux-x64": [f"manylinux_2_{glibc}_x86_64" for glibc in (28, 27, 17)],
    "windows-x64": ["win_amd64"],
    "macos-arm64": [f"macosx_{version}_0_arm64" for version in (11, 12, 13)],
}
PYTHONS = {"3.11": ("4.2.0", "5.1.0"), "3.13": ("5.1.0", None)}  # Blender from (inclusive) and up to (exclusive)
# What no artist's Blender needs: training, evaluation, and the command line.
LEFT_OUT = shutil.ignore_patterns("__pycache__", "training", "evaluation", "cli_*.py", "__main__.py")


def fetch_wheels(name: str, requirements: str, tags: list[str]) -> list[Path]:
    """Wheels of the pinned requirements, from the cache or the package index; pip checks the hashes."""
    folder = ROOT / ".cache" / "extension_wheels" / name
    fetched = folder / "requirements.txt"  # takes this name when all is there
    if not fetched.is_file() or fetched.read_text(encoding="utf-8") != requirements:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "wanted.txt").write_text(requirements, encoding="utf-8")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        pip += ["--only-binary=:all:", "--require-hashes", "--dest", folder, "-r", folder / "wanted.txt", *tags]
        subprocess.run(pip, check=True)
        (folder / "wanted.txt").rename(fetched)
    return sorted(folder.glob("*.whl"))


def stage(folder: Path, wheels: list[Path], platform: str, blender: tuple[str, str | None]) -> None:
    """Lay out the extension as Blender will unpack it."""
    shutil.copytree(ROOT / "blender_addon", folder, ignore=LEFT_OUT)
    shutil.copytree(ROOT / "backend", folder / "backend", ignore=LEFT_OUT)
    assets = shutil.copytree(ROOT / "assets", folder / "backend" / "assets", ignore=LEFT_OUT)
    shutil.copy(ROOT / "LICENSE", folder)
    (mediapipe,) = fetch_wheels("networks", f"{PACKAGE} --hash=sha256:{WHEEL_SHA256}\n", list(WHEEL_TAGS))
    fetch_models(to=assets / "models", source=mediapipe)
    with zipfile.ZipFile(mediapipe) as archive:
        (licence,) = (name for name in archive.namelist() if name.endswith(".dist-info/LICENSE"))
        (assets / "licenses" / "MediaPipe-LICENSE.txt").write_bytes(archive.read(licence))
    (folder / "wheels").mkdir()
    names = [Path(shutil.copy(wheel, folder / "wheels")).name for wheel in wheels]
    lines = [f'platforms = ["{platform}"]', "wheels = [", *(f'  "./wheels/{name}",' for name in names), "]"]
    lines += [f'blender_version_{end} = "{version}"' for end, version in zip(("min", "max"), blender) if version]
    manifest = (ROOT / "blender_addon" / "blender_manifest.toml").read_text(encoding="utf-8")
    before, after = manifest.split(f'blender_version_min = "{PYTHONS["3.11"][0]}"')
    (folder / "blender_manifest.toml").write_bytes((before + "\n".join(lines) + after).encode())


def build(platform: str, python: str, output: Path, blender_min: str | None = None) -> Path:
    """Build and validate the zip for one platform and Python with Blender's own tool. Returns its path."""
    (tool,) = Path(str(files("bpy"))).glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    tags = [word for tag in PLATFORMS[platform] for word in ("--platform", tag)]
    requirements = (ROOT / "extension_wheels" / f"python{python}.txt").read_text(encoding="utf-8")
    wheels = fetch_wheels(f"{platform}-{python}", requirements, [*tags, "--python-version", python])
    output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        staged = Path(scratch) / "facewright"
        stage(staged, wheels, platform, (blender_min or PYTHONS[python][0], PYTHONS[python][1]))
        subprocess.run([sys.executable, tool, "build", "--source-dir", staged, "--output-dir", scratch], check=True)
        (built,) = Path(scratch).glob("*.zip")
        target = output / f"{built.stem}-{platform.replace('-', '_')}-python{python}.zip"
        with zipfile.ZipFile(built) as source, zipfile.ZipFile(target, "w") as archive:
            for name in sorted(source.namelist()):  # the same order, dates and permissions wherever it is built
                member = zipfile.ZipInfo(name)
                member.create_system, member.external_attr = 3, 0o644 << 16
                member.compress_type = zipfile.ZIP_STORED if name.endswith(".whl") else zipfile.ZIP_DEFLATED
                archive.writestr(member, source.read(name), compresslevel=9)
    subprocess.run([sys.executable, tool, "validate", target], check=True)
    return target


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--platform", nargs="+", choices=PLATFORMS, default=list(PLATFORMS))
    parser.add_argument("--python", nargs="+", choices=PYTHONS, default=list(PYTHONS))
    parser.add_argument("--blender-min", metavar="VERSION", help="oldest Blender, where one has an unusual Python")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder for the zips")
    options = parser.parse_args()
    for python, platform in [(python, platform) for python in options.python for platform in options.platform]:
        made = build(platform, python, options.output, options.blender_min)
        print(f"{made}: {made.stat().st_size / 1e6:.1f} MB", flush=True)
