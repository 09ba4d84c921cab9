"""Photos of every kind that artists bring, and files that are none."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from facewright.errors import PhotoUnreadable
from facewright.photo.exif import focal_px_of
from facewright.photo.load import load_photo
from PIL import ExifTags, Image, ImageCms

pillow_heif = pytest.importorskip("pillow_heif")
pillow_heif.register_heif_opener()

WIDTH, HEIGHT = 96, 72
TAG = ExifTags.Base
KINDS = {"jpg": "JPEG", "tif": "TIFF", "heic": "HEIF"}


def picture() -> np.ndarray:
    """(72, 96, 3) smooth colours, different in every corner."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    channels = [40 + 2 * x, 30 + 2.5 * y, 200 - x - 0.5 * y]
    return np.stack(channels, -1).clip(0, 255).astype(np.uint8)


def exif_bytes(**tags: object) -> bytes:
    exif = Image.Exif()
    for name, value in tags.items():
        if name == "Orientation":
            exif[TAG.Orientation] = value
        else:
            exif.get_ifd(ExifTags.IFD.Exif)[TAG[name]] = value
    return exif.tobytes()


def close(pixels: np.ndarray, expected: np.ndarray, tolerance: float) -> None:
    assert pixels.dtype == np.uint8 and pixels.shape == expected.shape
    assert np.abs(pixels.astype(float) - expected).mean() < tolerance


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.jpg", {"quality": 97, "subsampling": 0}, 1.5),
        ("a.png", {}, 0.01),
        ("a.webp", {"lossless": True}, 0.01),
        ("a.tif", {}, 0.01),
        ("a.tiff", {"compression": "tiff_lzw"}, 0.01),
        ("a.heic", {"quality": 97}, 2.5),
        ("a.bmp", {}, 0.01),
        ("a.gif", {}, 8.0),
    ],
)
def test_formats(tmp_path: Path, name: str, options: dict[str, object], tolerance: float) -> None:
    path = tmp_path / name
    Image.fromarray(picture()).save(path, **options)
    photo = load_photo(path)
    close(photo.pixels, picture(), tolerance)
    assert photo.original_size == (WIDTH, HEIGHT) and photo.warnings == () and photo.path == path
    assert photo.focal_px is None and photo.focal_length_mm is None and len(photo.sha256) == 64
    assert photo.pixels.flags["C_CONTIGUOUS"] and photo.pixels.flags["WRITEABLE"]


def test_the_extension_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "really_a_png.jpg"
    Image.fromarray(picture()).save(path, format="PNG")
    close(load_photo(path).pixels, picture(), 0.01)


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "heic"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path: Path, extension: str, orientation: int) -> None:
    stored = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: lambda a: a.transpose(1, 0, 2),
        6: np.rot90, 7: lambda a: np.rot90(a, 2).transpose(1, 0, 2), 8: lambda a: np.rot90(a, 3),
    }[orientation](picture())  # fmt: skip
    path = tmp_path / f"turned.{extension}"
    options = {"quality": 97} if extension in ("jpg", "heic") else {"lossless": True} if extension == "webp" else {}
    Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif_bytes(Orientation=orientation), **options)
    photo = load_photo(path)
    close(photo.pixels, picture(), 3.0)
    assert photo.original_size == (WIDTH, HEIGHT)


def test_grey_palette_one_bit(tmp_path: Path) -> None:
    grey = picture()[..., 1]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    close(load_photo(tmp_path / "grey.png").pixels, np.repeat(grey[..., None], 3, 2), 0.01)
    Image.fromarray(picture()).quantize(200).save(tmp_path / "palette.png")
    close(load_photo(tmp_path / "palette.png").pixels, picture(), 6.0)
    Image.fromarray(grey > 128).save(tmp_path / "bits.png")
    close(load_photo(tmp_path / "bits.png").pixels, np.repeat((grey > 128)[..., None] * 255.0, 3, 2), 0.01)


def test_sixteen_bits(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    grey = np.linspace(0, 65535, WIDTH * HEIGHT).reshape(HEIGHT, WIDTH).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    Image.fromarray(grey).save(tmp_path / "grey.tif")
    expected = np.rint(grey / 257.0)[..., None].repeat(3, 2)
    for name in ("grey.png", "grey.tif"):
        pixels = load_photo(tmp_path / name).pixels
        assert np.abs(pixels.astype(float) - expected).max() <= 1
    for name in ("colour.png", "colour.tif"):
        cv2.imwrite(str(tmp_path / name), picture()[..., ::-1].astype(np.uint16) * 257)
        close(load_photo(tmp_path / name).pixels, picture(), 1.0)


def test_thirty_two_bits(tmp_path: Path) -> None:
    ramp = np.linspace(0, 1, WIDTH * HEIGHT, dtype=np.float32).reshape(HEIGHT, WIDTH)
    Image.fromarray(ramp).save(tmp_path / "unit.tif")
    Image.fromarray((ramp * 65535).astype(np.int32)).save(tmp_path / "integers.tif")
    for name in ("unit.tif", "integers.tif"):
        close(load_photo(tmp_path / name).pixels, (ramp * 255)[..., None].repeat(3, 2), 1.0)


def test_transparency_shows_neutral_grey(tmp_path: Path) -> None:
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    alpha[:, WIDTH // 2 :] = 255
    Image.fromarray(np.dstack([picture(), alpha])).save(tmp_path / "cut.png")
    pixels = load_photo(tmp_path / "cut.png").pixels
    assert (pixels[:, : WIDTH // 2] == 128).all()
    assert np.array_equal(pixels[:, WIDTH // 2 :], picture()[:, WIDTH // 2 :])
    opaque = Image.fromarray(np.dstack([picture(), np.full_like(alpha, 255)]))
    opaque.save(tmp_path / "opaque.png")
    assert np.array_equal(load_photo(tmp_path / "opaque.png").pixels, picture())
    Image.fromarray(np.dstack([picture()[..., 0], alpha]), "LA").save(tmp_path / "grey_alpha.png")
    assert (load_photo(tmp_path / "grey_alpha.png").pixels[:, 0] == 128).all()
    shades = Image.fromarray(picture()).quantize(16)
    shades.save(tmp_path / "palette.png", transparency=shades.getpixel((0, 0)))
    assert (load_photo(tmp_path / "palette.png").pixels[0, 0] == 128).all()


def test_cmyk(tmp_path: Path) -> None:
    Image.fromarray(picture()).convert("CMYK").save(tmp_path / "press.jpg", quality=97)
    Image.fromarray(picture()).convert("CMYK").save(tmp_path / "press.tif")
    for name in ("press.jpg", "press.tif"):
        close(load_photo(tmp_path / name).pixels, picture(), 3.0)


def wide_profile() -> bytes:
    """sRGB's profile with red and green exchanged: a profile that must visibly be applied."""
    raw = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = int.from_bytes(raw[128:132], "big")
    entries = {bytes(raw[132 + 12 * k : 136 + 12 * k]): 132 + 12 * k for k in range(count)}
    red, green = entries[b"rXYZ"], entries[b"gXYZ"]
    raw[red + 4 : red + 12], raw[green + 4 : green + 12] = raw[green + 4 : green + 12], raw[red + 4 : red + 12]
    return bytes(raw.replace(b"s\0R\0G\0B", b"t\0e\0s\0t").replace(b"sRGB", b"test"))


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif"])
def test_colour_profiles_are_applied(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"profile.{extension}"
    options = {"quality": 97, "subsampling": 0} if extension == "jpg" else {}
    options |= {"lossless": True} if extension == "webp" else {}
    Image.fromarray(picture()).save(path, icc_profile=wide_profile(), **options)
    photo = load_photo(path)
    assert photo.warnings == ()
    close(photo.pixels, picture()[..., [1, 0, 2]], 3.0)  # red and green have changed places


def test_srgb_profile_changes_nothing_and_odd_profiles_are_told(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.fromarray(picture()).save(tmp_path / "srgb.png", icc_profile=srgb)
    photo = load_photo(tmp_path / "srgb.png")
    assert np.array_equal(photo.pixels, picture()) and photo.warnings == ()
    for name, image, profile in (
        ("broken.png", Image.fromarray(picture()), b"this is no profile"),
        ("for_colour.png", Image.fromarray(picture()[..., 0]), srgb),
    ):
        image.save(tmp_path / name, icc_profile=profile)
        photo = load_photo(tmp_path / name)
        assert len(photo.warnings) == 1 and "profile" in photo.warnings[0] and photo.warnings[0].endswith(".")
        close(photo.pixels, np.asarray(image.convert("RGB")), 0.01)


# ------------------------------------------------------------------ the lens


def lens_photo(tmp_path: Path, **tags: object):
    path = tmp_path / "lens.jpg"
    Image.fromarray(picture()).save(path, exif=exif_bytes(**tags))
    return load_photo(path)


def test_focal_length_35mm(tmp_path: Path) -> None:
    photo = lens_photo(
        tmp_path, FocalLengthIn35mmFilm=50, ExifImageWidth=WIDTH, ExifImageHeight=HEIGHT, Orientation=6
    )
    assert photo.focal_length_mm == 50 and photo.warnings == ()
    assert photo.focal_px == pytest.approx(50 * np.hypot(WIDTH, HEIGHT) / np.hypot(36, 24))


def test_focal_length_from_the_focal_plane(tmp_path: Path) -> None:
    """85 mm on a sensor with 20 px / mm: 1700 px, whatever the unit."""
    for resolution, unit in ((20 * 25.4, 2), (200.0, 3), (20.0, 4)):
        photo = lens_photo(
            tmp_path, FocalLength=85.0, FocalPlaneXResolution=resolution, FocalPlaneResolutionUnit=unit
        )
        assert photo.focal_px == pytest.approx(1700, rel=1e-3), unit


def test_focal_plane_refines_the_whole_number(tmp_path: Path) -> None:
    plane = 2.64 * np.hypot(WIDTH, HEIGHT) / np.hypot(36, 24)  # px / mm: a lens of 10 mm is one of 26.4 mm then
    tags = {"FocalLength": 10.0, "FocalPlaneXResolution": plane, "FocalPlaneResolutionUnit": 4}
    assert lens_photo(tmp_path, FocalLengthIn35mmFilm=26, **tags).focal_length_mm == pytest.approx(26.4, rel=1e-3)
    assert lens_photo(tmp_path, FocalLengthIn35mmFilm=50, **tags).focal_length_mm == 50  # a contradiction
    zoomed = lens_photo(tmp_path, DigitalZoomRatio=2.0, **tags)
    assert zoomed.focal_length_mm is None


@pytest.mark.parametrize("size", [(WIDTH * 2, HEIGHT * 2), (WIDTH + 20, HEIGHT)])
def test_cropped_or_resized_photos_are_not_believed(tmp_path: Path, size: tuple[int, int]) -> None:
    photo = lens_photo(tmp_path, FocalLengthIn35mmFilm=50, ExifImageWidth=size[0], ExifImageHeight=size[1])
    assert photo.focal_length_mm is None and photo.focal_px is None
    assert len(photo.warnings) == 1 and str(size[0]) in photo.warnings[0]


def test_a_crop_that_only_the_outer_size_tells_is_not_believed(tmp_path: Path) -> None:
    """An editor rewrote the inner size and left the outer one, as in a published White House portrait."""
    exif = Image.Exif()
    exif[ExifTags.Base.ImageWidth], exif[ExifTags.Base.ImageLength] = WIDTH * 3, HEIGHT * 3
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.FocalLengthIn35mmFilm] = 50
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageWidth] = WIDTH
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExifImageHeight] = HEIGHT
    Image.fromarray(picture()).save(tmp_path / "outer.jpg", exif=exif)
    photo = load_photo(tmp_path / "outer.jpg")
    assert photo.focal_length_mm is None
    assert len(photo.warnings) == 1 and str(WIDTH * 3) in photo.warnings[0]


def test_shapes_that_no_sensor_has_are_not_believed(tmp_path: Path) -> None:
    sizes = {(96, 72): True, (66, 99): True, (96, 96): False, (80, 100): False, (160, 90): False}
    for size, trusted in sizes.items():
        path = tmp_path / "shape.jpg"
        exif = exif_bytes(FocalLengthIn35mmFilm=50, ExifImageWidth=size[0], ExifImageHeight=size[1])
        Image.new("RGB", size, (90, 80, 70)).save(path, exif=exif)
        photo = load_photo(path)
        assert (photo.focal_px is not None) == trusted, size
        assert trusted or "cropped" in photo.warnings[0]


@pytest.mark.parametrize("value", [0, 1, 60000])
def test_nonsense_focal_lengths_are_ignored(tmp_path: Path, value: int) -> None:
    photo = lens_photo(tmp_path, FocalLengthIn35mmFilm=value)
    assert photo.focal_length_mm is None and photo.warnings == ()


def test_exif_of_other_formats(tmp_path: Path) -> None:
    exif = exif_bytes(FocalLengthIn35mmFilm=28, Orientation=8)
    for extension in ("png", "webp", "heic", "tif"):
        path = tmp_path / f"lens.{extension}"
        Image.fromarray(picture()).save(path, exif=exif)
        photo = load_photo(path)
        assert photo.focal_length_mm == 28, extension
        assert photo.original_size == (HEIGHT, WIDTH)


# ------------------------------------------------------------------ size


@pytest.mark.parametrize("extension", ["jpg", "png", "heic"])
def test_large_photos_are_reduced(tmp_path: Path, extension: str) -> None:
    path = tmp_path / f"large.{extension}"
    large = Image.fromarray(picture()).resize((1920, 1440), Image.Resampling.BICUBIC)
    large.save(path, quality=95, exif=exif_bytes(FocalLengthIn35mmFilm=50, Orientation=6))
    photo = load_photo(path, max_megapixels=0.5)
    height, width = photo.pixels.shape[:2]
    assert 0.48e6 < width * height <= 0.505e6 and photo.original_size == (1440, 1920)
    assert photo.focal_px == pytest.approx(focal_px_of(50, width, height))
    small = Image.fromarray(np.rot90(picture(), 3)).resize((width, height), Image.Resampling.BICUBIC)
    close(photo.pixels, np.asarray(small), 3.0)


def test_a_hundred_megapixels_within_two_gigabytes(tmp_path: Path) -> None:
    """In a process of its own, because peak memory never falls."""
    pytest.importorskip("resource")
    path = tmp_path / "huge.jpg"
    Image.new("RGB", (9000, 11100), (180, 140, 120)).save(path, quality=50)
    code = (
        "import resource, sys; from facewright.photo.load import load_photo; p = load_photo(sys.argv[1]);"
        "print(p.pixels.shape[0] * p.pixels.shape[1], p.original_size[0],"
        " resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    # On Linux a child starts with its parent's peak: a small process in between takes this one's away.
    launcher = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}, sys.argv[1]], check=True)"
    done = subprocess.run(
        [sys.executable, "-c", launcher, str(path)], capture_output=True, text=True, check=True
    )
    pixels, width, peak = (int(word) for word in done.stdout.split())
    unit = 1 if sys.platform == "darwin" else 1024
    assert width == 9000 and 23e6 < pixels <= 24.1e6
    assert peak * unit < 2e9, f"{peak * unit / 1e6:.0f} MB"


# ------------------------------------------------------------------ files that are no photo


def refused(path: Path, words: str) -> None:
    with pytest.raises(PhotoUnreadable, match=words) as caught:
        load_photo(path)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and str(path) in message


def test_missing_folder_empty_text(tmp_path: Path) -> None:
    refused(tmp_path / "nowhere.jpg", "There is no photo")
    refused(tmp_path, "is a folder")
    (tmp_path / "empty.jpg").touch()
    refused(tmp_path / "empty.jpg", "is empty")
    (tmp_path / "text.jpg").write_text("I am no photo, whatever my name says.\n" * 20)
    refused(tmp_path / "text.jpg", "not an image")
    (tmp_path / "page.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n")
    refused(tmp_path / "page.eps", "not an image")


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "heic"])
@pytest.mark.parametrize("part", [0.1, 0.6, 0.9])
def test_truncated(tmp_path: Path, extension: str, part: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 240, 3), np.uint8)
    buffer = io.BytesIO()
    options = {"lossless": True} if extension == "webp" else {}
    Image.fromarray(noise).save(buffer, KINDS.get(extension, extension), **options)
    path = tmp_path / f"cut.{extension}"
    path.write_bytes(buffer.getvalue()[: int(len(buffer.getvalue()) * part)])
    refused(path, "damaged|not an image|fewer|only|cut")


@pytest.mark.parametrize("extension", ["jpg", "png", "webp", "tif", "heic"])
def test_damaged_bytes_never_escape_as_other_errors(tmp_path: Path, extension: str) -> None:
    """Whatever is flipped in a file: a photo or one sentence."""
    buffer = io.BytesIO()
    kind = KINDS.get(extension, extension)
    Image.fromarray(picture()).save(buffer, kind, exif=exif_bytes(Orientation=6, FocalLengthIn35mmFilm=50))
    rng = np.random.default_rng(1)
    path = tmp_path / f"damaged.{extension}"
    for _ in range(120):
        content = bytearray(buffer.getvalue())
        for place in rng.integers(0, min(len(content), 800), 6):
            content[place] = rng.integers(0, 256)
        path.write_bytes(content)
        try:
            load_photo(path)
        except PhotoUnreadable as error:
            assert str(error).endswith(".")


def test_tiny_and_huge(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    refused(tmp_path / "dot.png", "1 x 1")
    Image.new("RGB", (500, 20)).save(tmp_path / "strip.png")
    refused(tmp_path / "strip.png", "500 x 20")
    content = bytearray((tmp_path / "dot.png").read_bytes())
    for width, height, words in ((60_000, 60_000, "more pixels"), (13_000, 12_500, "megapixels")):
        content[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
        content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
        (tmp_path / "bomb.png").write_bytes(content)
        refused(tmp_path / "bomb.png", words)


def test_animations_give_their_first_picture(tmp_path: Path) -> None:
    frames = [Image.fromarray(picture()), Image.new("RGB", (WIDTH, HEIGHT))]
    for name in ("moving.gif", "moving.webp", "moving.png", "pages.tif"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        photo = load_photo(tmp_path / name)
        assert len(photo.warnings) == 1 and "2 pictures" in photo.warnings[0]
        close(photo.pixels, picture(), 8.0)


def test_phones_with_two_pictures_in_a_jpeg_are_no_animations(tmp_path: Path) -> None:
    frames = [Image.fromarray(picture()), Image.new("RGB", (WIDTH, HEIGHT))]
    frames[0].save(tmp_path / "phone.jpg", format="MPO", save_all=True, append_images=frames[1:], quality=97)
    photo = load_photo(tmp_path / "phone.jpg")
    assert photo.warnings == ()
    close(photo.pixels, picture(), 3.0)


def test_same_file_same_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(picture()).save(path)
    first, second = load_photo(path), load_photo(path)
    assert np.array_equal(first.pixels, second.pixels) and first.sha256 == second.sha256
