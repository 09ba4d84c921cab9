"""Lids, lips, teeth and tongue of sampled identities of the built-in model, after the correctives."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest
from facewright.errors import TopologyMismatch
from facewright.face_model.base import ARKIT_NAMES
from facewright.face_model.correctives import apply_correctives, penetration
from facewright.face_model.eyelids import seat_eyeballs
from facewright.face_model.load import built_in_path, load_face_model
from facewright.face_model.penetration import eye_penetration
from facewright.face_model.slit_columns import slit_columns
from facewright.mesh.raster import rasterise
from facewright.mesh.topology import MATERIALS, Topology

pytestmark = pytest.mark.skipif(not built_in_path().is_file(), reason="the built-in face model has not been built")
DEEPEST_MM = 0.3
IDENTITIES = 50  # of the bar; the quick test looks at the first QUICK of them
QUICK = 13
SIDES = ("left", "right")
CLOSE, OPEN = ARKIT_NAMES.index("mouthClose"), ARKIT_NAMES.index("jawOpen")


@pytest.fixture(scope="module")
def model():
    return load_face_model()


def sampled(k):
    """The k-th identity: 0 is the mean head."""
    return np.random.default_rng(100 + k).standard_normal(100) * (k > 0)


@pytest.fixture(scope="module")
def head_of(model):
    @lru_cache(maxsize=3)
    def make(k):
        return model.head(sampled(k))

    return make


def pose(head, shape):
    """The head with one blendshape at 1 (None: at rest); mouthClose stands on jawOpen."""
    if shape is None:
        return head.neutral
    return head.neutral + head.blendshapes[shape] + (head.blendshapes[OPEN] if shape == CLOSE else 0.0)


def test_nothing_crosses_in_some_heads(model, head_of):
    worst = {}
    for k in range(QUICK):
        head = head_of(k)
        # Every head at rest and in a few of the 52 shapes; over thirteen heads each shape comes twice.
        for shape in [None, *((8 * k + j) % 52 for j in range(8))]:
            name = "neutral" if shape is None else ARKIT_NAMES[shape]
            for kind, depth in penetration(model.topology, pose(head, shape)).items():
                if depth > worst.get(kind, (0.0, "", 0))[0]:
                    worst[kind] = (depth, name, k)
    assert all(depth <= DEEPEST_MM for depth, _, _ in worst.values()), worst


@pytest.mark.slow
def test_nothing_crosses_in_any_shape_of_fifty_heads(model):
    worst = {}
    for k in range(IDENTITIES):
        head = model.head(sampled(k))
        for shape in [None, *range(52)]:
            for kind, depth in penetration(model.topology, pose(head, shape)).items():
                if depth > worst.get(kind, (0.0, None, 0))[0]:
                    worst[kind] = (depth, shape, k)
    assert all(depth <= DEEPEST_MM for depth, _, _ in worst.values()), worst


@pytest.mark.parametrize("k", [14, 42])
def test_the_chins_fold_keeps_off_the_teeth(model, k):
    """mouthClose on jawOpen draws the fold over these two people's chins in, to 0.5 and 1.3 mm inside the teeth."""
    head = model.head(np.random.default_rng(2).standard_normal((50, 100))[k])
    assert penetration(model.topology, pose(head, CLOSE))["teeth"] <= 0.05


def test_the_measure_sees_what_the_source_does_wrong(model):
    """Without correctives lids cut the eyeball by millimetres: the bar above can fail."""
    zero = np.zeros(100)
    depths = penetration(model.topology, model.neutral(zero))
    assert depths["eyes"] > 1.0
    rolled = model.neutral(zero) + model.blendshapes(zero)[ARKIT_NAMES.index("mouthRollUpper")]
    assert penetration(model.topology, rolled)["teeth"] > 1.0


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_blinks_close_without_a_gap(model, head_of, k):
    head, regions = head_of(k), model.topology.regions
    for side in ("left", "right"):
        shut = pose(head, ARKIT_NAMES.index(f"eyeBlink{side.capitalize()}"))
        eye = seat_eyeballs(model.topology, head.neutral)[side.capitalize()]
        columns = slit_columns(model.topology, regions[f"lid_upper_{side}"], regions[f"lid_lower_{side}"], 12)
        # Somewhere in each column the lids touch.
        upper, lower = shut[columns.upper], shut[columns.lower]
        gap = np.linalg.norm(upper[:, :, None] - lower[:, None], axis=-1).min((1, 2))
        assert gap.max() <= 0.05
        # The lids have thickness: their skin stands off the eyeball.
        _, distance, shell = eye.shell(shut[columns.upper[8:-8, -1]])
        assert (distance - shell).min() > 0.45


@pytest.mark.parametrize("k", [0, 3, 5])
def test_shut_eyes_are_shut_from_all_sides(model, head_of, k):
    head, topology = head_of(k), model.topology
    shut = head.neutral + sum(head.blendshapes[ARKIT_NAMES.index(f"eyeBlink{side}")] for side in ("Left", "Right"))
    lids = np.concatenate([topology.regions[f"lid_{lid}_{side}"] for lid in ("upper", "lower") for side in SIDES])
    triangles, face = topology.triangles()
    face = topology.material[face]
    for yaw, pitch in ((0, 0), (50, 0), (-50, 0), (0, 30), (0, -35), (35, -25)):
        state = (shut - shut[lids].mean(0)) @ turned(yaw, pitch).T
        near = (np.abs(state[:, :2]) < 55).all(1)
        kept = near[triangles].all(1)
        pixels = np.stack([state[:, 0], -state[:, 1]], 1) * 5.0 + 275.0
        image = rasterise(pixels, 500.0 - state[:, 2], triangles[kept], 550, 550)
        material = np.where(image.triangle >= 0, face[kept][image.triangle], 0)
        eye = np.isin(material, [MATERIALS.index("eye"), MATERIALS.index("cornea")])
        assert eye.sum() <= 2, (yaw, pitch)  # pixels of a fifth of a millimetre


def turned(yaw, pitch):
    y, p = np.radians([yaw, pitch])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    return about_x @ about_y


def test_lids_on_their_way_slide_over_the_eyeball(model, head_of):
    """A straight way cuts across the ball: by 1.4 mm, at worst 2.1, did the eyeball not give way."""
    depths, back = [], []
    for k in range(QUICK):
        head = head_of(k)
        for side in SIDES:
            shape = head.blendshapes[ARKIT_NAMES.index(f"eyeBlink{side.capitalize()}")]
            moves = shape[np.intersect1d(model.topology.regions[f"eye_{side}"], model.topology.quads)]
            assert np.abs(moves - moves[0]).max() < 1e-9 and not moves[0, :2].any()  # the ball keeps its shape
            back.append(-moves[0, 2])
            states = (head.neutral + weight * shape for weight in (0.25, 0.5, 0.75))
            depths.append([eye_penetration(model.topology, state, side) for state in states])
    assert min(back) >= 0.0 and max(back) <= 2.0
    assert (np.mean(depths, axis=0) < [0.4, 0.3, 0.1]).all(), np.mean(depths, axis=0)
    assert (np.max(depths, axis=0) < [1.0, 0.8, 0.3]).all(), np.max(depths, axis=0)


@pytest.mark.parametrize("name", ["eyeSquint", "eyeLookDown", "eyeLookUp", "eyeWide"])
def test_other_lid_shapes_are_as_clean_half_way(model, head_of, name):
    for k in range(3):
        for side in SIDES:
            shape = head_of(k).blendshapes[ARKIT_NAMES.index(f"{name}{side.capitalize()}")]
            assert eye_penetration(model.topology, head_of(k).neutral + 0.5 * shape, side) <= DEEPEST_MM


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_open_lids_lie_on_the_eyeball(model, head_of, k):
    head, regions = head_of(k), model.topology.regions
    for side in ("left", "right"):
        eye = seat_eyeballs(model.topology, head.neutral)[side.capitalize()]
        for name in (None, f"eyeWide{side.capitalize()}", f"eyeSquint{side.capitalize()}", "browInnerUp"):
            state = pose(head, None if name is None else ARKIT_NAMES.index(name))
            for lid in ("upper", "lower"):
                _, distance, shell = eye.shell(state[regions[f"lid_{lid}_{side}"]])
                assert np.abs(distance - shell).max() < 0.25, (name, side, lid)


def test_gaze_turns_the_ball_exactly(model, head_of):
    head = head_of(1)
    for side in ("Left", "Right"):
        eye = seat_eyeballs(model.topology, head.neutral)[side]
        before = head.neutral[eye.vertices] - eye.centre
        assert np.allclose(before, eye.radius * eye.places, atol=1e-9)
        for direction in ("Up", "Down", "In", "Out"):
            after = pose(head, ARKIT_NAMES.index(f"eyeLook{direction}{side}"))[eye.vertices] - eye.centre
            turn, _, rank, _ = np.linalg.lstsq(before, after, rcond=None)
            assert rank == 3
            assert np.allclose(turn @ turn.T, np.eye(3), atol=1e-9) and np.allclose(before @ turn, after, atol=1e-9)
        moving = [i for i, n in enumerate(ARKIT_NAMES) if n.startswith("eyeLook") or n == f"eyeBlink{side}"]
        others = np.delete(head.blendshapes, moving, 0)
        assert not others[:, eye.vertices].any()


def lip_gap(topology, state):
    """(k,) mm between the lowest place of the upper lip and the highest of the lower, column by column."""
    columns = slit_columns(topology, topology.regions["lip_upper"], topology.regions["lip_lower"], 20)
    return state[columns.upper][..., 1].min(1) - state[columns.lower][..., 1].max(1)


@pytest.mark.parametrize("k", [0, 1, 2, 3])
def test_lips_are_closed_at_rest_and_sealed_by_mouth_close(model, head_of, k):
    head = head_of(k)
    for shape in (None, CLOSE):
        gap = lip_gap(model.topology, pose(head, shape))[6:-6]
        assert gap.max() <= 0.05, shape
        assert gap.min() >= -0.6, shape
    assert lip_gap(model.topology, pose(head, OPEN))[20:-20].min() > 10  # and jawOpen does open them


def visible_parts(topology, state, names):
    """Pixels (n, 2) at which material ``names`` are seen from the front, 0.5 mm each."""
    scale, size = 2.0, 400
    middle = state[topology.regions["lips"]].mean(0)
    pixels = np.stack([(state[:, 0] - middle[0]) * scale, (middle[1] - state[:, 1]) * scale], 1) + size / 2
    near = (np.abs(pixels - size / 2) < size).all(1)
    triangles, face = topology.triangles()
    kept = near[triangles].all(1)
    image = rasterise(pixels, 1000.0 - state[:, 2], triangles[kept], size, size)
    seen = image.triangle >= 0
    material = np.full(image.triangle.shape, -1)
    material[seen] = topology.material[face[kept][image.triangle[seen]]]
    return np.argwhere(np.isin(material, [MATERIALS.index(n) for n in names]))[:, ::-1] + 0.5, pixels


@pytest.mark.parametrize("k", [0, 4])
def test_teeth_and_tongue_are_seen_only_between_the_lips(model, head_of, k):
    head, topology = head_of(k), model.topology
    columns = slit_columns(topology, topology.regions["lip_upper"], topology.regions["lip_lower"], 20)
    names = """neutral mouthSmileLeft mouthRollUpper mouthRollLower jawLeft cheekPuff mouthPucker jawOpen
        mouthUpperUpLeft mouthStretchRight""".split()
    for name in names:
        state = pose(head, None if name == "neutral" else ARKIT_NAMES.index(name))
        seen, pixels = visible_parts(topology, state, ("teeth",))
        if name in ("neutral", "mouthPucker", "cheekPuff"):
            assert len(seen) <= 2, name  # a pinprick of half a millimetre at most
        if len(seen) == 0:
            continue
        # Between the edges of the lips, a pixel of tolerance.
        upper, lower = pixels[columns.upper], pixels[columns.lower]
        order = np.argsort(upper[:, 0, 0])
        x = upper[order, 0, 0]
        top = np.interp(seen[:, 0], x, upper[order][..., 1].min(1))
        bottom = np.interp(seen[:, 0], x, lower[order][..., 1].max(1))
        inside = (seen[:, 1] > top - 1) & (seen[:, 1] < bottom + 1)
        assert inside.mean() == 1.0, (name, len(seen), seen[~inside][:3])


def test_a_symmetric_head_stays_symmetric(model):
    neutral = model.neutral(np.zeros(100))
    mirror = model.topology.mirror
    swap = [
        ARKIT_NAMES.index(n.replace("Left", "~").replace("Right", "Left").replace("~", "Right"))
        for n in ARKIT_NAMES
    ]
    shapes = model.blendshapes(np.zeros(100))
    flip = np.array([-1.0, 1.0, 1.0])
    neutral = 0.5 * (neutral + neutral[mirror] * flip)
    shapes = 0.5 * (shapes + shapes[swap][:, mirror] * flip)
    head = apply_correctives(model.topology, neutral, shapes)
    assert np.abs(head.neutral[mirror] * flip - head.neutral).max() < 0.02
    assert np.abs(head.blendshapes[swap][:, mirror] * flip - head.blendshapes).max() < 0.1


def test_face_away_from_eyes_and_mouth_is_untouched(model, head_of):
    raw = model.neutral(sampled(1))
    moved = np.linalg.norm(head_of(1).neutral - raw, axis=1)
    for name in ("forehead", "ears", "nose", "scalp"):
        assert moved[model.topology.regions[name]].max() < 0.3, name
    assert moved[model.topology.regions["lips"]].mean() < 1.0


def test_same_head_same_bytes_and_input_is_kept(model):
    neutral, shapes = model.neutral(sampled(2)), model.blendshapes(sampled(2))
    copy = neutral.copy(), shapes.copy()
    first, second = (apply_correctives(model.topology, neutral, shapes) for _ in range(2))
    assert np.array_equal(neutral, copy[0]) and np.array_equal(shapes, copy[1])
    assert first.neutral.tobytes() == second.neutral.tobytes()
    assert first.blendshapes.tobytes() == second.blendshapes.tobytes()


def test_a_topology_without_parts_is_refused():
    quads = np.array([[0, 1, 2, 3]], dtype=np.int32)
    plain = Topology(quads, np.zeros((1, 4, 2), np.float32), np.zeros(1, np.uint8))
    with pytest.raises(TopologyMismatch, match="eye_left"):
        apply_correctives(plain, np.zeros((4, 3)), np.zeros((52, 4, 3)))
