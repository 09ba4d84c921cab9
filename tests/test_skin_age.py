"""Age: from years, and from photographs of skin with lines at rest."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from facewright.displacement.crease_ground import SkinGround
from facewright.displacement.line_lock import both_sides
from facewright.displacement.mechanics import lay_out_creases
from facewright.displacement.phase import profile
from facewright.displacement.resting_lines import RESTING, resting_share
from facewright.displacement.shading_detail import photo_evidence
from facewright.displacement.skin_age import age_factor, with_age, years_of
from facewright.errors import MissingDependency
from facewright.fitting.coarse import fit_landmarks
from facewright.photo.landmarks import LandmarkDetector
from facewright.texture.skin_in_photo import skin_in_photo
from photographed_skin import SIZE, Scene, evidence_of, make_scene

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "photos"


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene()


def aged_relief(scene: Scene, age: float) -> np.ndarray:
    """Lines at rest as skin of an age has them."""
    relief = np.zeros((SIZE, SIZE), np.float32)
    for lines in scene.sets:
        share = RESTING.get(both_sides(lines.name))
        if share is None or lines.relief != "lines":
            continue
        depth = share * resting_share(age) * lines.style.cap_mm * np.clip(lines.depth, 0.5, 1.3)
        shape = profile(lines.phase, lines.style.exponent, max(lines.style.roundness, 0.15))
        relief[lines.rows, lines.columns] += depth * shape * lines.mask
    return relief


def test_years_to_age_and_back() -> None:
    years = np.arange(0, 96)
    ages = [age_factor(float(y)) for y in years]
    assert (np.diff(ages) > 0).all()
    assert age_factor(35) == 0.45 and age_factor(0) == 0.0 and age_factor(95) == age_factor(120) == 1.3
    np.testing.assert_allclose([years_of(age) for age in ages], years, atol=1e-9)
    for wrong in (-1.0, 200.0, float("nan")):
        with pytest.raises(ValueError, match="age of a person"):
            age_factor(wrong)


def test_lines_at_rest_tell_the_age(scene: Scene) -> None:
    found = []
    for age in (0.2, 0.6, 1.1):
        seen = with_age(scene.ground, scene.sets, evidence_of(scene, aged_relief(scene, age)), np.zeros(52))
        assert seen.age_from_photo
        found.append(seen.age)
    assert np.all(np.diff(found) > 0.15)
    np.testing.assert_allclose(found, [0.2, 0.6, 1.1], atol=0.25)


def test_grain_and_compression_do_not_age(scene: Scene) -> None:
    clean = with_age(scene.ground, scene.sets, evidence_of(scene), np.zeros(52)).age
    rough = with_age(scene.ground, scene.sets, evidence_of(scene, grain=5.0, quality=50), np.zeros(52)).age
    assert abs(clean - rough) < 0.12
    assert clean < 0.4


def test_what_cannot_be_seen_is_an_average_adult(scene: Scene) -> None:
    old = evidence_of(scene, aged_relief(scene, 1.2))
    coarse = with_age(scene.ground, scene.sets, old._replace(mm_per_pixel=1.4), np.zeros(52))
    hidden = with_age(scene.ground, scene.sets, old._replace(trust=0.0 * old.trust), np.zeros(52))
    for said in (coarse, hidden):
        assert (said.age, said.age_from_photo, said.roughness) == (0.45, False, 1.0)


def test_a_folded_face_does_not_look_old(scene: Scene) -> None:
    # Old in the cheeks alone, and only because of a smile: the cheeks are not asked.
    weights = np.zeros(52)
    names = scene.model.blendshape_names
    for name in ("mouthSmileLeft", "mouthSmileRight", "cheekSquintLeft", "cheekSquintRight"):
        weights[names.index(name)] = 0.9
    lines = [lines for lines in scene.sets if both_sides(lines.name) == "nasolabial"]
    relief = np.zeros((SIZE, SIZE), np.float32)
    for part in lines:
        relief[part.rows, part.columns] += 0.5 * profile(part.phase, 1.0, 0.3) * part.mask
    seen = evidence_of(scene, relief, expression=weights)
    smiling = with_age(scene.ground, scene.sets, seen, weights).age
    calm = with_age(scene.ground, scene.sets, seen, np.zeros(52)).age
    assert smiling < calm - 0.05


def test_roughness_needs_a_sharp_photo(scene: Scene) -> None:
    base = evidence_of(scene)
    texture = np.random.default_rng(1).standard_normal((SIZE, SIZE)).astype(np.float32)
    said = []
    for amount in (0.02, 0.045, 0.08):
        rough = base._replace(shading=base.shading + amount * texture, mm_per_pixel=0.2)
        said.append(with_age(scene.ground, scene.sets, rough, np.zeros(52)).roughness)
    assert 0.6 <= said[0] < said[1] < said[2] <= 1.5
    blurred = base._replace(shading=base.shading + 0.08 * texture, mm_per_pixel=0.5)
    assert with_age(scene.ground, scene.sets, blurred, np.zeros(52)).roughness == 1.0


def test_real_portraits_are_told_apart(scene: Scene) -> None:
    ages = {}
    for name in ("astronaut.png", "president_44.jpg", "president_46.jpg"):
        path = SHARED / name
        if not path.is_file():
            pytest.skip("real photos are not part of the repository")
        pixels = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        try:
            face = LandmarkDetector().faces(pixels)[0]
        except MissingDependency as error:
            pytest.skip(f"the landmark networks are not here: {error}")
        model = scene.model
        fit = fit_landmarks(model, face.landmarks, face.iris, (pixels.shape[1], pixels.shape[0]))
        head = model.head(fit.identity)
        photo = skin_in_photo(pixels, fit, model.topology, head, face.landmarks, 2 * SIZE, model.embedding)
        evidence = photo_evidence(photo, SIZE)
        ground, sets = scene.ground, scene.sets
        if evidence.mm_per_pixel < 1.0:
            ground = SkinGround.of(model.topology, head.neutral, head.blendshapes, model.blendshape_names, SIZE)
            sets = lay_out_creases(ground)
        said = with_age(ground, sets, evidence, fit.expression)
        ages[name] = (said.age, said.age_from_photo)
    # The astronaut's face is 90 pixels wide: too coarse to tell.
    assert ages["astronaut.png"] == (0.45, False)
    assert ages["president_44.jpg"][1] and ages["president_46.jpg"][1]
    assert ages["astronaut.png"][0] < ages["president_44.jpg"][0] < ages["president_46.jpg"][0] - 0.15
