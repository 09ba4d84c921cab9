"""Detail on disk: what was written comes back, always in the same bytes, and nothing hostile gets in."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from damaged_npz import with_damaged_headers
from detail_heads import made_up_detail
from facewright.dynamic_detail.activation import inverse_energies
from facewright.dynamic_detail.detail_maps import DetailMaps
from facewright.errors import BundleInvalid, OutputUnwritable
from facewright.head.bundle import read_bundle, refuse_unless_bundle, write_record
from facewright.head.detail_files import read_detail, stored_values, write_detail
from facewright.head.detail_masks import (
    DETAIL_FILES,
    KEY_IMAGES,
    MASK_STEPS,
    MASKS_FILE,
    OFFSET,
    STEP_MM,
    TENSION_IMAGE,
    TENSION_UNIT,
    read_masks,
)
from facewright.head.npz import npz_bytes
from scipy.ndimage import map_coordinates
from small_head import small_bundle_record
from test_bundle import write_small_bundle

MAPS = ("static", "pores", "dynamic", "compressed", "stretched")


@pytest.fixture(scope="module")
def detail() -> DetailMaps:
    return made_up_detail(size=64)


def write(folder: Path, detail: DetailMaps) -> Path:
    """A bundle (of another head, which does not matter here) with ``detail``."""
    write_small_bundle(folder)
    write_record(folder, {**small_bundle_record(), "detail": write_detail(folder, detail)})
    return folder


@pytest.fixture
def bundle(tmp_path: Path, detail: DetailMaps) -> Path:
    return write(tmp_path / "head", detail)


def seal(folder: Path, **detail_entry: object) -> None:
    """head.json anew, as somebody would who wants damaged files to be believed."""
    record = json.loads((folder / "head.json").read_bytes())
    record["detail"] |= detail_entry
    write_record(folder, {name: value for name, value in record.items() if name != "files"})


def test_round_trip(bundle: Path, detail: DetailMaps) -> None:
    read_bundle(bundle)
    read = read_detail(bundle)
    for name in MAPS:
        unit = TENSION_UNIT if name in ("compressed", "stretched") else 1.0
        np.testing.assert_allclose(getattr(read, name), getattr(detail, name), atol=0.5 * STEP_MM / unit + 1e-6)
        assert getattr(read, name).dtype == np.float32
    for name in ("activation", "regions"):
        np.testing.assert_allclose(getattr(read, name), getattr(detail, name), atol=0.5 / MASK_STEPS + 1e-6)
    np.testing.assert_allclose(read.tension, detail.tension, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(read.key_weights, detail.key_weights)
    assert read.record["source"] == "test" and read.record["size"] == 64


def test_reading_and_writing_again_changes_nothing(bundle: Path, tmp_path: Path) -> None:
    again = write(tmp_path / "again", read_detail(bundle))
    for name in DETAIL_FILES:
        assert (again / name).read_bytes() == (bundle / name).read_bytes(), name


def test_channels_of_the_images_are_in_the_documented_order(bundle: Path, detail: DetailMaps) -> None:
    """Read without our own reader, as Blender does."""
    maps = [detail.static, *detail.dynamic]
    for number, name in enumerate(KEY_IMAGES):
        blue_green_red_alpha = cv2.imread(str(bundle / name), cv2.IMREAD_UNCHANGED)
        assert blue_green_red_alpha.shape == (64, 64, 4) and blue_green_red_alpha.dtype == np.uint16
        for channel, place in enumerate((2, 1, 0, 3)):
            millimetres = through_cubic_filter(blue_green_red_alpha[..., place])
            np.testing.assert_allclose(millimetres, maps[4 * number + channel], atol=0.5 * STEP_MM + 1e-6)
    compressed = cv2.imread(str(bundle / TENSION_IMAGE), cv2.IMREAD_UNCHANGED)[..., 2]
    at_unit = through_cubic_filter(compressed)
    np.testing.assert_allclose(at_unit, TENSION_UNIT * detail.compressed, atol=0.5 * STEP_MM + 1e-6)


def through_cubic_filter(stored: np.ndarray) -> np.ndarray:
    """(S, S) mm that a cubic B-spline filter shows of one channel at its texels' centres."""
    size = len(stored)
    places = np.mgrid[:size, :size].astype(float)
    steps = map_coordinates(stored.astype(float) - OFFSET, places, order=3, prefilter=False, mode="nearest")
    return steps * STEP_MM


def test_masks_say_what_blender_needs(bundle: Path, detail: DetailMaps) -> None:
    masks = read_masks(bundle, detail.activation.shape)
    np.testing.assert_array_equal(masks.inverse, inverse_energies(masks.activation, masks.key_weights))
    np.testing.assert_array_equal(masks.activation.max(axis=1), 1.0)


def test_no_displacement_is_exactly_none(detail: DetailMaps) -> None:
    assert stored_values(np.zeros((2, 2), np.float32)).tolist() == [[OFFSET] * 2] * 2


@pytest.mark.parametrize("depth", [8.5, -9.0, np.nan, np.inf])
def test_depths_that_no_skin_has_are_not_written(tmp_path: Path, detail: DetailMaps, depth: float) -> None:
    static = detail.static.copy()
    static[3, 4] = depth
    with pytest.raises(ValueError, match="displacement"):
        write_detail(tmp_path, replace(detail, static=static))


def test_a_bundle_without_detail_is_valid_and_says_so(tmp_path: Path) -> None:
    folder = write_small_bundle(tmp_path / "head")
    read_bundle(folder)
    with pytest.raises(BundleInvalid, match="no dynamic detail"):
        read_detail(folder)


@pytest.mark.parametrize("name", DETAIL_FILES)
def test_all_of_the_detail_or_none(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    for verify in (True, False):
        with pytest.raises(BundleInvalid, match="not complete"):
            read_bundle(bundle, verify)
    seal(bundle)  # now head.json does not name it either
    with pytest.raises(BundleInvalid, match="not complete"):
        read_bundle(bundle)
    with pytest.raises(BundleInvalid, match=r"missing|corrupt"):
        read_detail(bundle)


@pytest.mark.parametrize("name", DETAIL_FILES)
def test_a_changed_file_is_noticed(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (bundle / name).write_bytes(content)
    with pytest.raises(BundleInvalid, match="changed or damaged"):
        read_bundle(bundle)


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no picture",
        png(100_000, 100_000, 16, 6, bytes(9)),  # claims 80 GB: must not be unpacked to find out
        png(64, 32, 16, 6, bytes(32 * 513)),
        png(64, 64, 8, 6, bytes(64 * 257)),
        png(64, 64, 16, 2, bytes(64 * 385)),
        png(64, 64, 16, 6, bytes(64 * 513))[:60],
    ],
    ids=["empty", "text", "huge", "not square", "8 bit", "no alpha", "cut off"],
)
def test_images_that_are_not_ours_are_refused(bundle: Path, content: bytes) -> None:
    (bundle / KEY_IMAGES[2]).write_bytes(content)
    seal(bundle)
    with pytest.raises(BundleInvalid, match=r"keys_3\.png is"):
        read_detail(bundle)


@pytest.mark.parametrize("size", [None, "64", 64.0, True, -64, 0, 10**9, 128])
def test_sizes_that_are_not_the_images_are_refused(bundle: Path, size: object) -> None:
    seal(bundle, size=size)
    with pytest.raises(BundleInvalid):
        read_detail(bundle)


@pytest.mark.parametrize("entry", [{"step_mm": None}, {"offset": 0}, {"offset": "32768"}, {"tension_unit": 1}])
def test_values_of_another_meaning_are_refused(bundle: Path, entry: dict[str, object]) -> None:
    seal(bundle, **entry)
    with pytest.raises(BundleInvalid, match="cannot read"):
        read_detail(bundle)


def damaged_masks(detail: DetailMaps) -> dict[str, bytes]:
    count = detail.activation.shape[1]
    good = {
        "activation": np.zeros((52, count), "<u2"),
        "regions": np.zeros((6, count), "<u2"),
        "tension": np.zeros((19, count), "<f2"),
        "key_weights": np.zeros((19, 52)),
    }

    def changed(**arrays: np.ndarray) -> bytes:
        return npz_bytes(good | arrays)

    return {
        "missing": npz_bytes({name: values for name, values in good.items() if name != "tension"}),
        "nothing": npz_bytes({}),
        "shape": changed(tension=np.zeros((19, count - 1), "<f2")),
        "keys": changed(key_weights=np.zeros((20, 52))),
        "one axis": changed(activation=np.zeros(52, "<u2")),
        "type": changed(activation=np.zeros((52, count), "<f4")),
        "above one": changed(activation=np.full((52, count), 9000, "<u2")),
        "regions add up": changed(regions=np.full((6, count), 8000, "<u2")),
        "not finite": changed(tension=np.full((19, count), np.nan, "<f2")),
        "weights": changed(key_weights=np.full((19, 52), np.inf)),
        "no zip": b"PK but no zip",
    }


def test_masks_that_are_not_ours_are_refused(bundle: Path, detail: DetailMaps) -> None:
    for what, content in damaged_masks(detail).items():
        (bundle / MASKS_FILE).write_bytes(content)
        with pytest.raises(BundleInvalid, match=r"corrupt|not complete"):
            pytest.fail(f"{what}: {read_masks(bundle)}")


def test_damaged_headers_of_masks_are_refused(bundle: Path) -> None:
    for content in with_damaged_headers((bundle / MASKS_FILE).read_bytes()):
        (bundle / MASKS_FILE).write_bytes(content)
        with pytest.raises(BundleInvalid, match="corrupt"):
            read_masks(bundle)


def test_masks_of_another_head_are_refused(bundle: Path, detail: DetailMaps) -> None:
    with pytest.raises(BundleInvalid, match="its head needs"):
        read_masks(bundle, (52, detail.activation.shape[1] + 1))


def test_masks_that_claim_too_much_are_not_unpacked(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("facewright.head.detail_masks.MAX_MASKS_BYTES", 1000)
    with pytest.raises(BundleInvalid, match="claims to hold"):
        read_masks(bundle)


def test_overwriting_knows_the_folder_detail(bundle: Path) -> None:
    refuse_unless_bundle(bundle)
    (bundle / "detail" / "notes.txt").write_text("mine")
    with pytest.raises(OutputUnwritable, match=r"notes\.txt"):
        refuse_unless_bundle(bundle)
