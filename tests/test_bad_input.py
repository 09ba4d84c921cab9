"""Bad input through the real command line: one sentence, exit code 1, nothing left behind, nothing overwritten."""

from __future__ import annotations

import json
import os
import signal
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from facewright.__main__ import main
from facewright.config import assets_dir
from facewright.errors import FitFailed
from facewright.head.bundle import sha256_of
from PIL import Image, ImageDraw
from test_bundle import write_small_bundle

ROOT = Path(__file__).resolve().parent.parent
PHOTOS = ROOT.parent / "shared" / "data" / "photos"
MODEL = assets_dir() / "face_model.npz"

needs_photos = pytest.mark.skipif(not PHOTOS.is_dir(), reason=f"real photos are not at {PHOTOS}")
needs_model = pytest.mark.skipif(not MODEL.is_file(), reason="assets/face_model.npz has not been built")
unix = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits as on Unix")


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder with its hash, folders with an empty one."""
    return {
        path.relative_to(folder).as_posix(): sha256_of(path) if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }


class Refused:
    """Runs ``reconstruct`` in an empty folder and checks what every refusal has in common; keeps the sentence."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self.capsys = capsys

    def __call__(self, photo: Path, *options: str | Path, output: Path | None = None) -> str:
        before = tree(self.home)
        output = output or self.home / "deep" / "head"
        code = main(["reconstruct", str(photo), "-o", str(output), *map(str, options)])
        captured = self.capsys.readouterr()
        assert code == 1, captured.err
        assert captured.out == ""
        assert "Traceback" not in captured.err
        sentence = captured.err.splitlines()[-1]
        assert sentence.startswith("facewright: ")
        assert sentence.rstrip().endswith(".")
        assert sum("facewright: " in line for line in captured.err.splitlines()) == 1
        assert tree(self.home) == before, "something was left behind or changed"
        return sentence


@pytest.fixture
def refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Refused:
    return Refused(tmp_path, capsys)


# ------------------------------------------------------------------------------------------ photos


def _png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def _png(path: Path, image: Image.Image) -> Path:
    image.save(path)
    return path


def test_missing_photo(refused: Refused, tmp_path: Path) -> None:
    assert "absent.jpg" in refused(tmp_path / "absent.jpg")


def test_folder_instead_of_photo(refused: Refused, tmp_path: Path) -> None:
    refused(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"", b"not an image", b"GIF89a", b"\xff\xd8\xff\xe0", _png_header(1, 1), _png_header(60000, 60000)],
    ids=["empty", "text", "gif-header", "jpeg-header", "1x1", "huge"],
)
def test_not_a_photo(refused: Refused, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "photo.jpg").write_bytes(content)
    assert "photo.jpg" in refused(tmp_path / "photo.jpg")


@needs_photos
@pytest.mark.parametrize("name", ["astronaut.png", "president_44.jpg"])
def test_truncated_photo(refused: Refused, tmp_path: Path, name: str) -> None:
    content = (PHOTOS / name).read_bytes()
    (tmp_path / name).write_bytes(content[: len(content) // 3])
    assert name in refused(tmp_path / name)


def _uniform() -> Image.Image:
    return Image.new("RGB", (640, 480), (90, 110, 130))


def _cartoon() -> Image.Image:
    image = Image.new("RGB", (480, 480), (250, 250, 250))
    draw = ImageDraw.Draw(image)
    draw.ellipse((60, 60, 420, 420), fill=(255, 220, 60), outline=(0, 0, 0), width=6)
    for x in (170, 310):
        draw.ellipse((x - 25, 160, x + 25, 230), fill=(0, 0, 0))
    draw.arc((150, 180, 330, 350), 20, 160, fill=(0, 0, 0), width=10)
    return image


def _back_of_head() -> Image.Image:
    image = Image.new("RGB", (480, 600), (170, 190, 200))
    draw = ImageDraw.Draw(image)
    draw.rectangle((180, 400, 300, 600), fill=(205, 160, 135))
    draw.ellipse((110, 60, 370, 440), fill=(70, 48, 32))
    grain = np.random.default_rng(3).normal(0, 9, (600, 480, 1))
    return Image.fromarray(np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8))


def _noise() -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (300, 400, 3), dtype=np.uint8))


@needs_model
@pytest.mark.parametrize("draw", [_uniform, _cartoon, _back_of_head, _noise])
def test_no_face(refused: Refused, tmp_path: Path, draw: Callable[[], Image.Image]) -> None:
    assert "face" in refused(_png(tmp_path / "photo.png", draw()))


@needs_model
@needs_photos
def test_face_that_is_not_there(refused: Refused) -> None:
    assert refused(PHOTOS / "astronaut.png", "--face", "3").endswith("the photo holds 1 face.")


# ------------------------------------------------------------------------------------------ output


@needs_photos
def test_existing_bundle_is_kept(refused: Refused, tmp_path: Path) -> None:
    bundle = write_small_bundle(tmp_path / "head")
    assert "--overwrite" in refused(PHOTOS / "astronaut.png", output=bundle)


@needs_photos
def test_overwrite_spares_what_is_no_bundle(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    (tmp_path / "holiday" / "photo.jpg").write_bytes(b"precious")
    assert "not a head bundle" in refused(PHOTOS / "astronaut.png", "--overwrite", output=tmp_path / "holiday")


def test_failed_overwrite_keeps_the_old_bundle(refused: Refused, tmp_path: Path) -> None:
    bundle = write_small_bundle(tmp_path / "head")
    (tmp_path / "photo.png").write_bytes(b"broken")
    refused(tmp_path / "photo.png", "--overwrite", output=bundle)


def test_output_below_a_file(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "cannot be written" in refused(tmp_path / "photo.png", output=tmp_path / "file" / "head")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a place where even root cannot write")
def test_unwritable_output(refused: Refused, tmp_path: Path) -> None:
    assert "cannot be written" in refused(tmp_path / "photo.png", output=Path("/proc/facewright_head"))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(refused: Refused, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert "read-only" in refused(tmp_path / "photo.png", output=locked / "head")


# ------------------------------------------------------------------------------------------ model


@needs_photos
def test_corrupt_model(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "model.npz").write_bytes(b"PK\x03\x04 rubbish")
    assert "model.npz" in refused(PHOTOS / "astronaut.png", "--model", tmp_path / "model.npz")


@needs_model
@needs_photos
def test_truncated_model(refused: Refused, tmp_path: Path) -> None:
    content = MODEL.read_bytes()
    (tmp_path / "model.npz").write_bytes(content[: len(content) // 2])
    assert "model.npz" in refused(PHOTOS / "astronaut.png", "--model", tmp_path / "model.npz")


@needs_photos
def test_missing_model(refused: Refused, tmp_path: Path) -> None:
    assert "absent.npz" in refused(PHOTOS / "astronaut.png", "--model", tmp_path / "absent.npz")


# ------------------------------------------------------------------------------------------ in the middle


def _start(output: Path, *options: str) -> subprocess.Popen[str]:
    command = [
        sys.executable, "-m", "facewright", "reconstruct", str(PHOTOS / "astronaut.png"), "-o", str(output),
        "--texture-size", "256", *options,
    ]  # fmt: skip
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # jobs in the background ignore it
    )  # fmt: skip


@unix
@needs_model
@needs_photos
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_in_the_middle(tmp_path: Path, number: signal.Signals, code: int) -> None:
    process = _start(tmp_path / "deep" / "head")
    assert process.stderr is not None
    for line in process.stderr:
        if line.endswith("fit\n"):
            assert len(list((tmp_path / "deep").iterdir())) == 1, "the hidden folder is there while it works"
            process.send_signal(number)
            break
    out, _ = process.communicate(timeout=60)
    assert process.returncode == code
    assert out == ""
    assert tree(tmp_path) == {}


@unix
@needs_model
@needs_photos
def test_full_disk(tmp_path: Path) -> None:
    """A limit on file sizes stands in for a full disk: writing fails in the middle of geometry.npz."""
    limit = "import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000)); "
    limit += "sys.argv[0] = 'facewright'; runpy.run_module('facewright', run_name='__main__')"
    command = [
        sys.executable, "-c", limit, "reconstruct", str(PHOTOS / "astronaut.png"), "-o", str(tmp_path / "head"),
        "--texture-size", "256",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1, done.stderr
    assert "not enough room" in done.stderr.splitlines()[-1]
    assert done.stdout == ""
    assert tree(tmp_path) == {}


@pytest.fixture(scope="module")
def two_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture with a larger face on the left and a smaller one on the right."""
    left = Image.open(PHOTOS / "astronaut.png").convert("RGB").crop((80, 0, 400, 320))
    right = Image.open(PHOTOS / "president_44.jpg").convert("RGB")
    right.thumbnail((260, 320))
    both = Image.new("RGB", (left.width + right.width, 320), (120, 120, 120))
    both.paste(left, (0, 0))
    both.paste(right, (left.width, 0))
    return _png(tmp_path_factory.mktemp("faces") / "two.png", both)


@needs_model
@needs_photos
def test_largest_of_several_faces_is_taken(
    two_faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["reconstruct", str(two_faces), "--texture-size", "256", "-o", str(tmp_path / "head")]) == 0
    captured = capsys.readouterr()
    assert any("2 faces" in warning and "--face" in warning for warning in json.loads(captured.out)["warnings"])
    assert "2 faces" in captured.err
    photo = json.loads((tmp_path / "head" / "head.json").read_bytes())["photo"]
    assert (photo["face"], photo["faces"]) == (1, 2)
    assert photo["box"][0] < 320, "the larger face is the left one"


@needs_model
@needs_photos
def test_face_chooses(two_faces: Path, refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    middles: list[float] = []

    def fit(model: object, landmarks: np.ndarray, *others: object) -> None:
        middles.append(float(landmarks[:, 0].mean()))
        raise FitFailed("The test has seen enough.")

    monkeypatch.setattr("facewright.api.fit_landmarks", fit)
    refused(two_faces, "--face", "1")
    refused(two_faces, "--face", "2")
    assert middles[0] < 320 < middles[1]
    assert "2 faces" in refused(two_faces, "--face", "3")
