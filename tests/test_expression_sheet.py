"""The contact sheet: its layout, that detail shows in the lower pictures only, bundles on disk, the verb."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from facewright.__main__ import main
from facewright.dynamic_detail.detail_maps import KEYS, DetailMaps
from facewright.errors import BundleInvalid, OutputUnwritable
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES, key_expression_weights
from facewright.head.bundle import geometry_bytes, write_record
from facewright.head.bundle_sheet import bundle_subject, write_bundle_sheet
from facewright.head.detail_files import write_detail
from facewright.head.expression_sheet import (
    SHEET_EXPRESSIONS,
    PictureSettings,
    SheetSettings,
    SheetSubject,
    expression_sheet,
)
from PIL import Image
from small_head import NAMES, landmarks68, small_bundle_record, small_head
from test_bundle import write_small_bundle

SIZE = 96
TILE = (60, 80)
SETTINGS = SheetSettings(PictureSettings(size=TILE, supersampling=1), columns=5, caption_px=8, threads=1)


def _waves() -> np.ndarray:
    rows = np.arange(SIZE)[:, None] / SIZE
    return np.broadcast_to(np.sin(rows * 2 * np.pi * 16), (SIZE, SIZE)).astype(np.float32)


def _pictures(sheet: np.ndarray) -> np.ndarray:
    """(rows, 5, h, w, 3) int of a sheet, without the captions' strip."""
    (width, height), s = TILE, SETTINGS
    rows, y = [], s.margin
    while y + height <= len(sheet):
        columns = [s.margin + k * (width + s.gap) for k in range(5)]
        rows.append([sheet[y : y + height - 20, x : x + width] for x in columns])
        y += height + (s.gap if len(rows) % 2 else s.space)
    return np.array(rows).astype(int)


def test_detail_is_in_the_lower_pictures() -> None:
    topology, head = small_head()
    maps = {name: np.zeros((SIZE, SIZE), np.float32) for name in SHEET_EXPRESSIONS}
    maps["smile"] = _waves()
    subject = SheetSubject("somebody", topology, head, NAMES, maps, {})
    sheet = expression_sheet([subject, subject], SETTINGS)
    s = SETTINGS
    height = 2 * s.margin + 8 * TILE[1] + 4 * s.gap + 3 * s.space
    assert sheet.shape == (height, 2 * s.margin + 5 * TILE[0] + 4 * s.gap, 3)
    pictures = _pictures(sheet)
    change = np.abs(pictures[1::2] - pictures[0::2]).max((2, 3, 4))
    row, column = divmod(SHEET_EXPRESSIONS.index("smile"), 5)
    expected = np.zeros((4, 5), bool)
    expected[[row, row + 2], column] = True
    np.testing.assert_array_equal(change > 15, expected)
    assert change[~expected].max() <= 1
    assert np.abs(pictures[2, SHEET_EXPRESSIONS.index("eye_closed") - 5] - pictures[0, 0]).max() > 0


def test_only_expressions_with_maps_are_shown() -> None:
    topology, head = small_head()
    subject = SheetSubject("", topology, head, NAMES, {"anger": _waves()}, {})
    assert expression_sheet([subject], SETTINGS).shape[1] == 2 * SETTINGS.margin + TILE[0]
    with pytest.raises(ValueError, match="no subject"):
        expression_sheet([subject._replace(maps={})], SETTINGS)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle whose closed eyes have waves, on green skin."""
    folder = write_small_bundle(tmp_path / "head")
    topology, head = small_head()
    places = landmarks68(topology, head)
    (folder / "geometry.npz").write_bytes(geometry_bytes(topology, head, NAMES, places, places))
    for name in ("albedo", "iris", "mouth", "teeth"):
        cv2.imwrite(str(folder / "textures" / f"{name}.png"), np.full((64, 64, 3), (60, 160, 40), np.uint8))
    count = len(head.neutral)
    dynamic = np.zeros((KEYS, SIZE, SIZE), np.float32)
    dynamic[KEY_EXPRESSION_NAMES.index("eye_closed") - 1] = _waves()
    nothing = np.zeros((SIZE, SIZE), np.float32)
    detail = DetailMaps(
        nothing, nothing, dynamic, nothing, nothing, np.ones((len(NAMES), count), np.float32),
        key_expression_weights(NAMES)[1:], np.zeros((KEYS, count), np.float32), np.zeros((6, count), np.float32),
    )  # fmt: skip
    write_record(folder, {**small_bundle_record(), "detail": write_detail(folder, detail)})
    return folder


def test_bundle(bundle: Path) -> None:
    subject = bundle_subject(bundle)
    assert subject.title == "head"
    assert tuple(subject.maps) == SHEET_EXPRESSIONS
    np.testing.assert_allclose(subject.maps["eye_closed"], _waves(), atol=2e-3)
    for name in ("neutral", "smile", "brow_raiser"):
        assert not subject.maps[name].any()
    clay = _pictures(expression_sheet([subject], SETTINGS))
    green = _pictures(expression_sheet([bundle_subject(bundle, textured=True)], SETTINGS))
    middle = (0, 0, 30, 30)
    assert np.ptp(clay[middle][1:]) < 30
    assert green[middle][1] > green[middle][0] + 30


def test_verb(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "sheet.jpg"
    arguments = ["preview", "--expressions", str(bundle), "-o", str(output)]
    assert main(arguments) == 0
    said = json.loads(capsys.readouterr().out)
    with Image.open(output) as image:
        assert image.format == "JPEG"
        assert image.size == (said["width"], said["height"])
        assert image.size[0] == 2 * 14 + 5 * 420 + 4 * 4
    assert main(arguments) == 1
    assert "--overwrite" in capsys.readouterr().err
    before = output.read_bytes()
    assert main([*arguments, "--overwrite", "--columns", "10", "--width", "120"]) == 0
    with Image.open(output) as image:
        assert image.size == (2 * 14 + 10 * 120 + 9 * 4, 2 * 14 + 2 * 160 + 4)
    assert main([*arguments, "--overwrite"]) == 0
    assert output.read_bytes() == before, "the same bundle gives the same bytes"


def test_refusals(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputUnwritable, match=r"\.png, \.jpg or \.webp"):
        write_bundle_sheet([bundle], tmp_path / "sheet.bmp")
    with pytest.raises(OutputUnwritable, match="cannot be written"):
        write_bundle_sheet([bundle], tmp_path / "missing" / "sheet.png", settings=SETTINGS)
    plain = write_small_bundle(tmp_path / "plain")
    with pytest.raises(BundleInvalid, match="no dynamic detail"):
        write_bundle_sheet([plain], tmp_path / "sheet.png")
    assert not (tmp_path / "sheet.png").exists()
    record = json.loads((bundle / "head.json").read_text())
    (bundle / "textures" / "iris.png").write_bytes(b"")
    write_record(bundle, {key: value for key, value in record.items() if key != "files"})
    with pytest.raises(BundleInvalid, match="not a picture"):
        bundle_subject(bundle)
