"""Reading takes: layouts of the app and of spreadsheets, and damaged files."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from live_link_takes import HEADER, pascal, speech, take_lines, timecode, write_take

from blender_addon.backend_door import ARKIT_NAMES, FaceError
from blender_addon.live_link.take import read_take
from blender_addon.live_link.timecode import TakeUnreadable


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return take_lines(*speech(2.0))


def column(take: object, name: str) -> np.ndarray:
    return take.weights[:, ARKIT_NAMES.index(name)]


def test_a_take_of_the_app(tmp_path: Path, lines: list[str]) -> None:
    channels, angles = speech(2.0)
    take = read_take(write_take(tmp_path / "MySlate_4_iPhone_cal.csv", lines))
    assert take.name == "MySlate_4_iPhone_cal" and take.warnings == ()
    assert take.rate == pytest.approx(60.0) and take.duration == pytest.approx(2.0)
    assert take.first_timecode == "12:27:47:47.169"
    for name in ARKIT_NAMES:
        assert column(take, name) == pytest.approx(channels.get(name, np.zeros(121)), abs=1e-9), name
    assert take.head == pytest.approx(np.stack([angles[f"Head{a}"] for a in ("Yaw", "Pitch", "Roll")], 1), abs=1e-9)
    assert take.left_eye[:, 0] == pytest.approx(angles["LeftEyeYaw"], abs=1e-9)
    assert take.right_eye[:, 1] == pytest.approx(angles["RightEyePitch"], abs=1e-9)


def test_columns_by_name_in_any_order_case_and_company(tmp_path: Path, lines: list[str]) -> None:
    rng = np.random.default_rng(1)
    table = [line.split(",") for line in lines]
    order = rng.permutation(len(table[0]))
    shuffled = [[row[k] for k in order] for row in table]
    header = [name.upper() if k % 2 else name[0].lower() + name[1:] for k, name in enumerate(shuffled[0])]
    changed = [",".join(["Comment", *header]), *(",".join(['"nice, really"', *row]) for row in shuffled[1:])]
    plain = read_take(write_take(tmp_path / "plain.csv", lines))
    take = read_take(write_take(tmp_path / "shuffled.csv", changed))
    assert np.array_equal(take.weights, plain.weights) and np.array_equal(take.head, plain.head)
    assert np.array_equal(take.seconds, plain.seconds) and take.warnings == ()


@pytest.mark.parametrize("encode", [
    lambda text: b"\xef\xbb\xbf" + text.encode(),
    lambda text: text.replace("\n", "\r\n").encode(),
    lambda text: text.replace("\n", "\r").encode(),
    lambda text: text.encode("utf-16"),
    lambda text: "\n".join(",".join(f'"{cell}"' for cell in row.split(",")) for row in text.split("\n")).encode(),
    lambda text: text.replace(".", "#").replace(",", ";").replace("#", ",").encode(),
    lambda text: text.replace(",", "\t").encode(),
    lambda text: (text + "\n\n  \n").encode(),
    lambda text: text.replace("\n", ",\n").replace(",\n", "\n", 1).encode(),
], ids=["bom", "crlf", "cr", "utf16", "quoted", "european", "tabs", "blank lines", "commas at ends"])  # fmt: skip
def test_the_same_take_saved_again(tmp_path: Path, lines: list[str], encode: object) -> None:
    plain = read_take(write_take(tmp_path / "plain.csv", lines))
    (tmp_path / "again.csv").write_bytes(encode("\n".join(lines)))
    take = read_take(tmp_path / "again.csv")
    assert np.array_equal(take.weights, plain.weights) and np.array_equal(take.seconds, plain.seconds)
    assert np.array_equal(take.left_eye, plain.left_eye)


def drop_columns(lines: list[str], *names: str) -> list[str]:
    keep = [k for k, name in enumerate(HEADER.split(",")) if name not in names]
    return [",".join(line.split(",")[k] for k in keep) for line in lines]


def test_older_app_without_tongue(tmp_path: Path, lines: list[str]) -> None:
    take = read_take(write_take(tmp_path / "old.csv", drop_columns(lines, "TongueOut")))
    assert take.warnings == ("The take has no values for tongueOut; they stay at 0.",)
    assert not column(take, "tongueOut").any() and column(take, "jawOpen").any()


def test_many_missing_shapes_are_one_sentence(tmp_path: Path, lines: list[str]) -> None:
    gone = [pascal(name) for name in ARKIT_NAMES if name.startswith(("brow", "cheek"))]
    take = read_take(write_take(tmp_path / "few.csv", drop_columns(lines, *gone)))
    assert take.warnings == ("The take has no values for 8 of the 52 blendshapes; they stay at 0.",)


def test_without_rotations(tmp_path: Path, lines: list[str]) -> None:
    names = [name for name in HEADER.split(",") if name.endswith(("Yaw", "Pitch", "Roll"))]
    take = read_take(write_take(tmp_path / "shapes.csv", drop_columns(lines, *names)))
    assert take.head is None and take.left_eye is None and take.warnings == ()


def test_head_rotation_switched_off_in_the_app(tmp_path: Path) -> None:
    channels, angles = speech(1.0)
    angles = {name: values for name, values in angles.items() if not name.startswith("Head")}
    take = read_take(write_take(tmp_path / "off.csv", take_lines(channels, angles)))  # the columns are there, all 0
    assert take.head is None and take.left_eye is not None


def test_frames_in_which_the_face_was_lost(tmp_path: Path, lines: list[str]) -> None:
    changed = list(lines)
    changed[5] = f"{timecode(4)},0"
    changed[6] = f"{timecode(5)},0" + "," * 61
    take = read_take(write_take(tmp_path / "lost.csv", changed))
    assert np.isnan(take.weights[4:6]).all() and np.isfinite(np.delete(take.weights, [4, 5], 0)).all()
    assert np.isnan(take.head[4:6]).all()
    assert take.seconds == pytest.approx(np.arange(121) / 60)
    assert take.warnings == ("The phone lost the face in 2 of 121 frames; they are filled in.",)


def test_thirty_pictures_a_second(tmp_path: Path) -> None:
    take = read_take(write_take(tmp_path / "t.csv", take_lines({"jawOpen": np.linspace(0, 1, 91)}, step=2)))
    assert take.rate == pytest.approx(30.0) and take.duration == pytest.approx(3.0)


def cut(text: str) -> str:
    return text[: len(text) - 300]


def with_line(number: int, change: object) -> object:
    def apply(text: str) -> str:
        rows = text.split("\n")
        rows[number - 1] = change(rows[number - 1])
        return "\n".join(rows)

    return apply


def first_value(text: str) -> object:
    return lambda row: ",".join([*row.split(",")[:2], text, *row.split(",")[3:]])


@pytest.mark.parametrize(("damage", "sentence"), [
    (cut, r"Line 122 has \d+ values where the first line names 63 columns; is the file cut off or damaged\?"),
    (with_line(40, lambda row: row[:90]), "Line 40 has"),
    (with_line(40, lambda row: row + ",0.5"), "Line 40 has 64 values"),
    (with_line(17, lambda row: row.replace("0.0", "O.0", 1)), 'Line 17: "O.0.*" is not a number'),
    (with_line(17, first_value("inf")), "Line 17 holds an infinite value"),
    (with_line(9, first_value("87.5")), "Line 9: 87.5 is no weight for eyeBlinkLeft"),
    (with_line(9, lambda row: "yesterday" + row[15:]), 'Line 9: "yesterday" is not a timecode'),
    (with_line(3, lambda row: '"' + row), "Line .* is damaged"),
    (lambda text: text.split("\n")[0], "holds no recorded frames"),
    (lambda text: "", "is empty"),
    (lambda text: "name,age\nBob,3\n", "is not a Live Link Face take"),
    (lambda text: text.replace("JawOpen", "EyeBlinkLeft"), "has the column eyeblinkleft twice"),
], ids=["cut", "short", "long", "letter", "infinite", "percent", "timecode", "quote", "header", "empty", "other",
        "twice"])  # fmt: skip
def test_a_damaged_file_is_one_sentence(tmp_path: Path, lines: list[str], damage: object, sentence: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(damage("\n".join(lines)), encoding="utf-8")
    with pytest.raises(TakeUnreadable, match=sentence) as caught:
        read_take(path)
    assert "\n" not in str(caught.value) and isinstance(caught.value, FaceError)


def test_a_picture_is_no_take(tmp_path: Path) -> None:
    path = tmp_path / "photo.csv"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10)
    with pytest.raises(TakeUnreadable, match="not a text file"):
        read_take(path)
    with pytest.raises(TakeUnreadable, match="cannot be read"):
        read_take(tmp_path / "none.csv")


def test_no_face_at_all(tmp_path: Path) -> None:
    rows = [HEADER] + [f"{timecode(k)},0" for k in range(10)]
    with pytest.raises(TakeUnreadable, match="saw no face in any frame"):
        read_take(write_take(tmp_path / "empty.csv", rows))


def test_three_minutes_are_read_fast(tmp_path: Path) -> None:
    path = write_take(tmp_path / "long.csv", take_lines(*speech(180.0)))
    start = time.perf_counter()
    take = read_take(path)
    assert len(take.seconds) == 10801
    assert time.perf_counter() - start < 1.5  # about 0.25 s on an idle core
