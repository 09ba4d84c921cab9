"""What an artist without a network does with the zip: install, pick a photo, reconstruct, save.

Nothing of the checkout takes part: the processes see Blender's Python, the zip, the photo and an output folder.
"""

from __future__ import annotations

import re
import tomllib
import zipfile
from pathlib import Path

import pytest
from clean_environment import CleanEnvironment, Ran
from facewright.head.engine_names import file_names

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
WHEELS = {"scipy", "cv2", "onnxruntime", "PIL"}
PACKAGE = "bl_ext.user_default.facewright"


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("output")


@pytest.fixture(scope="module")
def used(environment: CleanEnvironment, extension_zip: Path, photo: Path, output: Path) -> Ran:
    """The extension after its first use."""
    return environment.run(HERE / "inside_first_use.py", extension_zip, photo, output)


def _below(path: str, folder: Path) -> bool:
    return Path(path).is_relative_to(folder)


def _workers(used: Ran) -> set[int]:
    """The processes that the extension started; Blender has one of its own that unpacks extensions."""
    started = [entry for entry in used.guard if entry["event"] == "process"]
    return {entry["pid"] for entry in started if any("/facewright/job/" in word for word in entry["arguments"])}


def _code(used: Ran, pids: set[int], package: str) -> list[str]:
    """The files of a package that were imported by these processes."""
    read = {entry["path"] for entry in used.guard if entry["event"] == "read" and entry["pid"] in pids}
    return sorted(path for path in read if f"/{package}/" in path and Path(path).suffix in (".py", ".pyc", ".so"))


def test_the_zip_fits_the_platform(extension_zip: Path) -> None:
    assert extension_zip.stat().st_size <= 150e6
    with zipfile.ZipFile(extension_zip) as archive:
        manifest = tomllib.loads(archive.read("blender_manifest.toml").decode())
        names = archive.namelist()
    wheels = {Path(wheel).name.partition("-")[0] for wheel in manifest["wheels"]}
    assert wheels == {"scipy", "onnxruntime", "opencv_python_headless", "pillow"}, "never numpy"
    assert set(manifest["permissions"]) == {"files"}
    assert [name for name in names if "LICENSE" in name.upper()]


def test_enabling_loads_the_extension_and_nothing_heavy(used: Ran, environment: CleanEnvironment) -> None:
    assert used.answers["before install"] is False
    modules = used.answers["modules after enabling"]
    assert _below(modules[PACKAGE], environment.user)
    assert _below(modules[f"{PACKAGE}.backend.head.bundle"], environment.user)
    assert not {name.partition(".")[0] for name in modules} & WHEELS


def test_reconstructing_loads_nothing_heavy_into_blender(used: Ran) -> None:
    modules = {name.partition(".")[0] for name in used.answers["modules after reconstructing"]}
    assert not modules & WHEELS


def test_the_worker_uses_the_extension_and_its_wheels(used: Ran, environment: CleanEnvironment) -> None:
    workers = _workers(used)
    places = {
        **dict.fromkeys(WHEELS, environment.user / "extensions" / ".local"),
        "backend/fitting": environment.user / "extensions" / "user_default" / "facewright",
        "numpy/linalg": environment.folder / "python",  # Blender's own
    }
    for package, place in places.items():
        code = _code(used, workers, package)
        assert code, f"no worker imported {package}"
        assert [path for path in code if not _below(path, place)] == []


def test_nothing_comes_from_the_checkout(used: Ran) -> None:
    for entry in used.guard:
        if entry["event"] in ("read", "write"):
            assert not _below(entry["path"], CHECKOUT), entry


def test_nobody_asks_for_the_network(used: Ran) -> None:
    assert [entry for entry in used.guard if entry["event"] == "network"] == []


def test_files_are_written_only_where_they_may(
    used: Ran, environment: CleanEnvironment, output: Path
) -> None:
    own = (environment.user, output, environment.temporary)
    allowed = (*own, environment.folder / "answers.jsonl", Path("/dev/null"))
    for entry in used.guard:
        if entry["event"] == "write" and not entry["path"].endswith(".pyc") and "__pycache__" not in entry["path"]:
            assert any(_below(entry["path"], place) for place in allowed), entry
    # What compiled code writes: Blender its folder of thumbnails and one for its session, nobody anything else.
    left = [path for path in environment.home.rglob("*") if path.is_file()]
    assert [path for path in left if not _below(str(path), environment.home / ".cache" / "thumbnails")] == []
    assert [path.name for path in environment.temporary.iterdir() if not path.name.startswith("blender_")] == []
    folder = {"holiday.heic", "scene.blend", "head.fbx"}
    assert {path.name for path in output.iterdir() if path.is_file()} == folder
    written = {path.relative_to(output).parts[0] for path in output.rglob("*/*")}
    (textures,) = (name for name in written if not name.endswith("_detail"))
    assert [path.suffix for path in (output / textures).iterdir()] == [".png"] * 4, "the export's textures"
    assert {path.name for path in (output / "head_detail").iterdir()} == set(file_names("head"))


def test_what_the_worker_writes_lies_in_the_user_folder(used: Ran, environment: CleanEnvironment) -> None:
    folder = Path(used.answers["user folder"])
    assert _below(str(folder), environment.user)
    workers = _workers(used)
    written = {e["path"] for e in used.guard if e["event"] == "write" and e["pid"] in workers}
    code = {path for path in written if "__pycache__" in path}
    assert [path for path in written - code - {"/dev/null"} if not _below(path, folder)] == []
    assert (folder / "heads").is_dir() and (folder / "logs").is_dir()


def test_the_head_is_whole(used: Ran) -> None:
    answers = used.answers
    assert answers["reconstruct"] == ["FINISHED"]
    assert len(answers["shape keys"]) == 53 and answers["shape keys"][0] == "Basis"
    assert min(answers["moved"].values()) > 0.0005, "a blendshape that moves nothing"
    assert {"jawOpen", "eyeBlinkLeft", "tongueOut"} <= set(answers["shape keys"])
    width, depth, height = answers["size"]
    assert 0.13 < width < 0.25 and 0.15 < depth < 0.30 and 0.22 < height < 0.42, "metres"
    assert {"head", "jaw"} <= {bone.lower() for bone in answers["bones"]}


def test_the_head_is_like_the_photo(used: Ran) -> None:
    record = used.answers["record"]
    assert record["residual"]["relative"] < 0.03, "mean landmark distance over the pupils' distance"
    assert 55.0 < record["scale"]["pupils_mm"] < 72.0
    assert 10.0 < record["seen_percent"] < 60.0, "of the whole skin, neck and back of the head too"


def test_the_textures_are_in_the_file(used: Ran) -> None:
    sizes = {name: size for name, size, _, _ in used.answers["images"]}
    assert [1024, 1024] in sizes.values()
    assert len(sizes) >= 4
    assert all(packed for _, _, packed, _ in used.answers["images"])


def test_the_head_exports(used: Ran, output: Path) -> None:
    assert used.answers["export"] == ["FINISHED"]
    line = r"head\.fbx: 52 channels, 1 curve, 0\.3\d+ m tall, 4 textures, largest deviation 0\.0\d+ mm"
    assert re.search(line, used.output), used.output
    assert (output / "head.fbx").stat().st_size > 1e6


def test_the_exports_own_blender_leaves_this_ones_packages(used: Ran) -> None:
    """Every Blender that starts removes the wheels of extensions that its own preferences do not enable."""
    assert set(used.answers["packages after the export"]) >= WHEELS


def test_a_format_that_blenders_python_cannot_read_is_one_sentence(used: Ran) -> None:
    said = used.answers["HEIC"]
    assert "holiday.heic" in said and "JPEG" in said
    assert "Traceback" not in said and "no error" not in said
    assert used.answers["objects after a refusal"] == 0


def test_blender_says_nothing_alarming(used: Ran) -> None:
    assert "Traceback" not in used.output, used.output
    assert "Warning" not in used.output, used.output


@pytest.fixture(scope="module")
def later(used: Ran, environment: CleanEnvironment, extension_zip: Path) -> Ran:
    """The extension's further life, in another process, as after a restart of Blender."""
    return environment.run(HERE / "inside_later.py", extension_zip)


def test_enabling_is_quick_and_light(later: Ran) -> None:
    assert later.answers["seconds to enable"] < 0.3
    assert not {name.partition(".")[0] for name in later.answers["modules that enabling loads"]} & WHEELS


def test_disabling_takes_everything_back(later: Ran) -> None:
    assert later.answers["at start"] == []
    assert {"Scene.facewright_photo", "FACEWRIGHT_OT_reconstruct"} <= set(later.answers["enabled"])
    assert later.answers["disabled"] == later.answers["unregistered"] == []
    assert later.answers["enabled again"] == later.answers["enabled"]


def test_an_upgrade_keeps_heads_and_preferences(later: Ran) -> None:
    assert later.answers["upgraded"] == later.answers["enabled"]
    assert later.answers["heads before the upgrade"] == later.answers["heads after the upgrade"] != []
    assert later.answers["threads after the upgrade"] == 2


def test_uninstalling_leaves_nothing_and_installing_again_works(later: Ran) -> None:
    assert later.answers["uninstalled"] == []
    assert later.answers["files after uninstalling"] == []
    assert later.answers["installed again"] == later.answers["enabled"]


def test_nothing_is_said_on_the_way(later: Ran) -> None:
    assert "Traceback" not in later.output and "Error" not in later.output, later.output
