"""What the product ships must be there: tests that need the assets skip without them, and this one does not."""

from __future__ import annotations

from facewright.config import assets_dir
from facewright.face_model.bilinear import BilinearModel
from facewright.fitting.detector_error import DetectorError


def test_the_face_model_ships_with_all_landmarks() -> None:
    model = BilinearModel.load(assets_dir() / "face_model.npz")
    assert len(model.embedding.landmark) == 478
    assert (model.identity_dims, len(model.blendshape_names)) == (100, 52)


def test_the_face_model_was_measured_within_its_bars() -> None:
    report = BilinearModel.load(assets_dir() / "face_model.npz").report
    bars = {"narrow_face": 0.08, "lids": 0.07, "lips": 0.06, "ears": 0.4}
    assert all(report[f"surface_{name}_mean_mm"] <= bar for name, bar in bars.items())
    assert report["blendshapes_held_out_identities"] == 50
    assert report["blendshapes_mean_mm"] <= 0.1
    assert report["flips_mean_head"] == 0


def test_the_detector_error_ships() -> None:
    assert DetectorError.load() is not None
    assert (assets_dir() / "licenses" / "ICT-FaceKit-LICENSE.txt").is_file()


def test_the_trained_networks_ship_and_stay_small() -> None:
    """The extension's zips have room for 3.5 MB of networks."""
    networks = [*assets_dir().glob("*.onnx"), assets_dir() / "sd_detail_bases.npz"]
    assert assets_dir() / "displacement.onnx" in networks
    assert sum(path.stat().st_size for path in networks) <= 3.5e6
