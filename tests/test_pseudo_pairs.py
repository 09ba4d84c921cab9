"""Pseudo pairs of a real photo: the data set that comes out, its exactness, its bytes; and what cannot be made."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from facewright.api import NO_DETAIL, ReconstructRequest, reconstruct
from facewright.config import assets_dir
from facewright.errors import BundleInvalid, DataSetInvalid, OutputUnwritable
from facewright.evaluation.case import NOW_LANDMARKS
from facewright.evaluation.datasets.plain import open_plain
from facewright.evaluation.metrics.face_crop import face_crop
from facewright.evaluation.pseudo.lighting import LightingSettings
from facewright.evaluation.pseudo.pair import PairSettings
from facewright.evaluation.pseudo.run import PairsMade, make_pairs
from facewright.head.bundle import read_bundle
from facewright.mesh.raster import rasterise

ASTRONAUT = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "photos" / "astronaut.png"
pytestmark = pytest.mark.skipif(
    not ASTRONAUT.is_file() or not (assets_dir() / "face_model.npz").is_file(),
    reason="needs ../shared/data/photos/astronaut.png and assets/face_model.npz",
)
SETTINGS = PairSettings(
    size=256, per_photo=2, identity_sd=0.8, seed=3, lighting=LightingSettings(directions=48)
)


class Run(NamedTuple):
    made: PairsMade
    folder: Path
    bundle: Path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A photo that is none, and a head bundle of the demo photo, with two skins."""
    base = tmp_path_factory.mktemp("pseudo")
    reconstruct(ReconstructRequest(ASTRONAUT, base / "collins", texture_size=512, detail=NO_DETAIL))
    (base / "note.txt").write_text("no photo")
    made = make_pairs([base / "note.txt", base / "collins"], base / "pairs", ["own", "drawn"], SETTINGS)
    return Run(made, base / "pairs", base / "collins")


def picture(run: Run, pair: str, name: str) -> np.ndarray:
    return cv2.imread(str(run.folder / pair / f"{name}.png"), cv2.IMREAD_UNCHANGED)


def test_what_came_out(run: Run) -> None:
    assert run.made.pairs == ("collins_0", "collins_1")
    assert [failure["photo"] for failure in run.made.failures] == [str(run.bundle.parent / "note.txt")]
    assert "not an image" in run.made.failures[0]["reason"]
    names = {path.name for path in (run.folder / "collins_0").iterdir()}
    assert names == {
        "image.png", "mask.png", "render.png", "source.png", "gt.npz", "camera.json", "landmarks.json", "meta.json",
    }  # fmt: skip
    assert {path.name for path in run.folder.iterdir()} == {"benchmark.json", "collins_0", "collins_1"}


def test_evaluation_reads_it(run: Run) -> None:
    data = open_plain(run.folder)
    assert [case.id for case in data.cases] == ["collins_0", "collins_1"]
    assert {case.subject for case in data.cases} == {"collins"}
    assert set(data.protocols) == {"facescape", "now", "dense"}
    assert "same family" in data.note
    truth = data.cases[0].truth()
    assert truth.seven is not None and truth.seven.shape == (len(NOW_LANDMARKS), 3)
    crop = face_crop(truth.seven)
    assert np.linalg.norm(truth.surface.vertices - crop.centre, axis=1).max() <= crop.radius + 1e-3
    # In front of the camera, at the head's distance, as large as a face.
    assert -2000.0 < truth.surface.vertices[:, 2].min() < truth.surface.vertices[:, 2].max() < -300.0
    assert 100.0 < np.ptp(truth.surface.vertices[:, 0]) < 180.0


def test_truth_lies_where_the_render_is(run: Run) -> None:
    """The mesh of gt.npz, drawn with camera.json by nothing but the rasteriser, covers the render."""
    case = open_plain(run.folder).cases[1]
    surface, camera = case.truth().surface, case.camera
    assert camera is not None
    seen = rasterise(
        camera.project(surface.vertices), -surface.vertices[:, 2], surface.triangles, camera.width, camera.height
    )
    covered = seen.triangle >= 0
    shown = picture(run, "collins_1", "render").any(2)
    inside = cv2.erode(shown.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    mask = picture(run, "collins_1", "mask") > 128
    assert covered[mask & inside].mean() > 0.995
    assert mask.sum() > 0.1 * mask.size


def test_pictures_follow_the_mesh(run: Run) -> None:
    """An independent look: the landmark network sees the changed head, not the photo's own."""
    for pair in run.made.pairs:
        about = json.loads((run.folder / pair / "meta.json").read_bytes())
        assert about["landmark_error"] < 0.03
        assert about["landmark_error"] < 0.9 * about["landmark_error_of_source"]


def test_photo_stays_where_it_should(run: Run) -> None:
    source, image = picture(run, "collins_0", "source"), picture(run, "collins_0", "image")
    for rows in (slice(0, 24), slice(-24, None)):
        for columns in (slice(0, 24), slice(-24, None)):
            np.testing.assert_array_equal(source[rows, columns], image[rows, columns])
    assert np.abs(source.astype(int) - image).mean() > 0.5


def test_skins_differ_and_tones_agree(run: Run) -> None:
    mask = np.minimum(picture(run, "collins_0", "mask"), picture(run, "collins_1", "mask")) > 250
    first, second = (picture(run, pair, "image")[mask].astype(float) for pair in run.made.pairs)
    assert np.abs(first - second).mean() > 3.0
    source = picture(run, "collins_0", "source")[mask].astype(float)
    for made in (first, second):
        assert np.abs(made.mean(0) - source.mean(0)).max() < 12.0


def test_same_bytes_and_going_on(run: Run, tmp_path: Path) -> None:
    """A pair does not depend on how many others there are."""
    one = replace(SETTINGS, per_photo=1)
    again = make_pairs([run.bundle], tmp_path / "pairs", ["own", "drawn"], one)
    assert again.pairs == run.made.pairs[:1]
    for path in sorted((run.folder / "collins_0").iterdir()):
        assert path.read_bytes() == (tmp_path / "pairs/collins_0" / path.name).read_bytes(), path.name
    stamp = (tmp_path / "pairs/collins_0/meta.json").stat().st_mtime_ns
    resumed = make_pairs([run.bundle], tmp_path / "pairs", ["own", "drawn"], one, resume=True)
    assert (resumed.kept, resumed.pairs) == (1, again.pairs)
    assert (tmp_path / "pairs/collins_0/meta.json").stat().st_mtime_ns == stamp
    more = make_pairs([run.bundle], tmp_path / "pairs", ["own", "drawn"], SETTINGS, resume=True)
    assert (more.kept, more.pairs) == (1, run.made.pairs)
    for path in sorted(run.folder.rglob("*.*")):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "pairs" / path.relative_to(run.folder)).read_bytes(), path.name
    with pytest.raises(OutputUnwritable, match="--resume"):
        make_pairs([run.bundle], tmp_path / "pairs", ["own", "drawn"], one)
    with pytest.raises(OutputUnwritable, match="these settings"):
        make_pairs([run.bundle], tmp_path / "pairs", ["own"], one, resume=True)
    record = tmp_path / "pairs" / "benchmark.json"
    record.write_text(json.dumps({**json.loads(record.read_text("utf-8")), "versions": {}}), encoding="utf-8")
    with pytest.raises(OutputUnwritable, match="other versions"):
        make_pairs([run.bundle], tmp_path / "pairs", ["own", "drawn"], one, resume=True)


def test_what_cannot_be_made(run: Run, tmp_path: Path) -> None:
    backdrop = tmp_path / "backdrop.png"
    cv2.imwrite(str(backdrop), np.full((200, 200, 3), 128, np.uint8))
    with pytest.raises(DataSetInvalid, match=r"Not one pair.*no face"):
        make_pairs([backdrop], tmp_path / "pairs", ["own"], SETTINGS)
    with pytest.raises(BundleInvalid, match="no skin nothing: choose own, drawn or"):
        make_pairs([run.bundle], tmp_path / "other", ["nothing"], SETTINGS)
    with pytest.raises(OutputUnwritable, match="is a file"):
        make_pairs([run.bundle], backdrop, ["own"], SETTINGS)
    with pytest.raises(BundleInvalid, match="not a head bundle"):
        make_pairs([run.bundle], tmp_path / "other", [str(tmp_path)], SETTINGS)
    assert [path.name for path in tmp_path.iterdir()] == ["backdrop.png"]


def test_bundle_is_left_alone(run: Run) -> None:
    read_bundle(run.bundle, verify=True)
