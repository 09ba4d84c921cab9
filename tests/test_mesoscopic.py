"""Static relief besides crease sets: a scar is found, grain is not, and what an expression squeezes is left out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from facewright.displacement.crease_set import PhotoEvidence
from facewright.displacement.mesoscopic import MesoscopicSettings, mesoscopic_relief
from photographed_skin import SIZE, Scene, evidence_of, make_scene

NOTHING = np.zeros((SIZE, SIZE), np.float32)
REST = np.zeros(52)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene()


@pytest.fixture(scope="module")
def scar(scene: Scene) -> np.ndarray:
    """(S, S) mm: a furrow of 18 mm across the left cheek, oblique."""
    x, y = scene.places[..., 0] - 45.0, scene.places[..., 1] + 30.0
    along, across = 0.8 * x + 0.6 * y, -0.6 * x + 0.8 * y
    furrow = np.exp(-((across / 0.9) ** 2)) / (1.0 + np.exp(np.minimum((np.abs(along) - 9.0) / 0.6, 50.0)))
    return (-0.3 * furrow * scene.region("cheeks_left", "face")).astype(np.float32)


@pytest.fixture(scope="module")
def scarred(scene: Scene, scar: np.ndarray) -> PhotoEvidence:
    return evidence_of(scene, scar)


def made(
    scene: Scene, evidence: PhotoEvidence, known: np.ndarray = NOTHING, weights: np.ndarray = REST
) -> np.ndarray:
    return mesoscopic_relief(scene.ground, scene.sets, evidence, known, weights)


def test_a_scar_is_found_in_its_place(scene: Scene, scarred: PhotoEvidence, scar: np.ndarray) -> None:
    relief = made(scene, scarred)
    furrow = scar < -0.2
    assert scarred.trust[furrow].mean() > 0.5
    assert relief[furrow].mean() < -0.04
    beside = (scarred.trust > 0.5) & (np.abs(scar) < 0.001)
    assert np.abs(relief[beside]).mean() < 0.1 * np.abs(relief[furrow]).mean()
    assert np.abs(relief).max() <= MesoscopicSettings().limit_mm * 1.1


@pytest.mark.parametrize("options", [{}, {"grain": 6.0}, {"quality": 40}])
def test_smooth_skin_stays_smooth(scene: Scene, options: dict[str, float]) -> None:
    evidence = evidence_of(scene, **options)
    relief = made(scene, evidence)
    # The fitted form's own edges, round eyes and nose, leave a trace; skin itself none.
    believed = evidence.trust > 0.5
    assert relief[believed].std() < 0.010
    assert relief[believed & scene.region("cheeks_left", "cheeks_right", "forehead")].std() < 0.004
    assert not relief[evidence.trust == 0.0].any()


def mottle(seed: int) -> np.ndarray:
    """(S, S) log luminance: spots of about a millimetre, as uneven as blood and pigment make skin."""
    drawn = np.random.default_rng(seed).standard_normal((SIZE, SIZE)).astype(np.float32)
    spots = cv2.GaussianBlur(drawn, (0, 0), 3.0 * SIZE / 1024)
    return np.asarray(0.08 * spots / spots.std(), np.float32)


def test_mottled_skin_is_flat(scene: Scene, scarred: PhotoEvidence, scar: np.ndarray) -> None:
    smooth = evidence_of(scene)
    mottled = smooth._replace(shading=mottle(1) * smooth.trust)
    believed = smooth.trust > 0.5
    without = mesoscopic_relief(scene.ground, scene.sets, mottled, NOTHING, REST, MesoscopicSettings(chance=0.0))
    assert made(scene, mottled)[believed].std() < 0.3 * without[believed].std()
    # What is there is found all the same.
    both = made(scene, scarred._replace(shading=scarred.shading + 0.25 * mottle(2) * scarred.trust))
    assert both[scar < -0.2].mean() < -0.03


def test_edges_of_a_steeply_shaded_form_are_no_relief(
    scene: Scene, scarred: PhotoEvidence, scar: np.ndarray
) -> None:
    furrow = scar < -0.2
    even, steep = (
        np.abs(made(scene, scarred._replace(form=np.full_like(NOTHING, slope)))[furrow]).mean()
        for slope in (0.01, 0.3)
    )
    assert even > 0.04 and steep < 0.1 * even


def test_known_lines_are_not_drawn_twice(scene: Scene, scarred: PhotoEvidence, scar: np.ndarray) -> None:
    furrow = scar < -0.2
    again = np.abs(made(scene, scarred, known=scar)[furrow]).mean()
    assert again < 0.3 * np.abs(made(scene, scarred)[furrow]).mean()


def test_what_the_expression_squeezes_is_dynamic(scene: Scene, scarred: PhotoEvidence, scar: np.ndarray) -> None:
    weights = np.zeros(52)
    names = scene.model.blendshape_names
    for name in ("mouthSmileLeft", "cheekSquintLeft", "noseSneerLeft"):
        weights[names.index(name)] = 1.0
    furrow = scar < -0.2
    squeezed = np.abs(made(scene, scarred, weights=weights)[furrow]).mean()
    assert squeezed < 0.8 * np.abs(made(scene, scarred)[furrow]).mean()


def test_no_photo_no_relief(scene: Scene, scarred: PhotoEvidence) -> None:
    assert not made(scene, scarred._replace(trust=NOTHING)).any()
