"""Poses on a head, the operators behind the panel's buttons, and the panel itself."""

from __future__ import annotations

from collections.abc import Iterator

import bpy
import bundles
import pytest

import blender_addon
from blender_addon.expressions.key_poses import POSES
from blender_addon.expressions.table import OTHER, REGION_OF
from blender_addon.heads import shape_keys
from blender_addon.operators.expressions import OnExpressions, names_in
from blender_addon.panels import expressions as panel
from blender_addon.scene.build import HeadObjects
from blender_addon.scene.curves import find_fcurve
from blender_addon.scene.expression import NoExpressions, pose, settable
from blender_addon.scene.links import link_sides, value_path

LEFT, RIGHT = "mouthSmileLeft", "mouthSmileRight"


@pytest.fixture
def addon(empty: None) -> Iterator[None]:
    """The add-on, registered by hand."""
    blender_addon.register()
    yield
    blender_addon.unregister()


@pytest.fixture
def rig(addon: None, built: HeadObjects) -> HeadObjects:
    """The small head with the add-on registered; the head is active."""
    return built


def shown(head: bpy.types.Object) -> dict[str, float]:
    """What is not 0."""
    bpy.context.view_layer.update()
    return {name: round(key.value, 5) for name, key in shape_keys(head).items() if key.value}


def test_pose_sets_what_it_names(built: HeadObjects) -> None:
    blocks = shape_keys(built.head)
    blocks["jawOpen"].value = 0.5
    assert pose(built.head, {LEFT: 0.25, "jawOpen": 0.5, "noSuchShape": 1.0}) == (LEFT,)
    assert shown(built.head) == {"jawOpen": 0.5, LEFT: 0.25}
    pose(built.head, {LEFT: 7.0})
    assert blocks[LEFT].value == 1.0  # the slider's own limit


def test_pose_of_a_linked_head_sets_the_leader(built: HeadObjects) -> None:
    link_sides(built.head)
    assert pose(built.head, {LEFT: 0.5, RIGHT: 0.25, "jawRight": 1.0}) == (LEFT, "jawRight")
    assert shown(built.head) == {LEFT: 0.375, RIGHT: 0.375, "jawRight": 1.0}
    assert settable(built.head, [RIGHT, LEFT, "jawOpen", "noSuchShape"]) == [LEFT, "jawOpen"]


def test_pose_leaves_driven_shapes_alone(built: HeadObjects) -> None:
    built.head.data.shape_keys.driver_add(value_path("jawOpen")).driver.type = "AVERAGE"
    assert pose(built.head, {"jawOpen": 0.5, LEFT: 0.5}) == (LEFT,)
    assert settable(built.head, ["jawOpen", LEFT]) == [LEFT]


def test_pose_without_shape_keys(built: HeadObjects) -> None:
    built.head.shape_key_clear()
    with pytest.raises(NoExpressions, match="Rebuild"):
        pose(built.head, {LEFT: 0.5})


def test_photo_expression_and_reset(rig: HeadObjects) -> None:
    assert bpy.ops.facewright.photo_expression() == {"FINISHED"}
    assert shown(rig.head) == bundles.EXPRESSION
    assert bpy.ops.facewright.reset_expressions(region="BROWS") == {"FINISHED"}
    assert shown(rig.head) == {k: v for k, v in bundles.EXPRESSION.items() if not k.startswith("brow")}
    bpy.ops.facewright.reset_expressions(name="jawOpen")
    assert set(shown(rig.head)) == {LEFT, RIGHT}
    bpy.ops.facewright.reset_expressions()
    assert shown(rig.head) == {}
    bpy.ops.facewright.photo_expression(strength=0.5)
    assert shown(rig.head) == {name: 0.5 * value for name, value in bundles.EXPRESSION.items()}


def test_unknown_photo_expression_is_said(rig: HeadObjects) -> None:
    record = rig.head["facewright"].to_dict()
    rig.head["facewright"] = {**record, "expression": {}}
    with pytest.raises(RuntimeError, match="not known which expression"):
        bpy.ops.facewright.photo_expression()


@pytest.mark.parametrize(("mode", "expected"), [
    ("SWAP", {RIGHT: 0.75, LEFT: 0.25, "jawRight": 0.5, "eyeLookInRight": 0.5}),
    ("TO_RIGHT", {LEFT: 0.75, RIGHT: 0.75, "jawLeft": 0.5, "eyeLookInLeft": 0.5, "eyeLookOutRight": 0.5}),
    ("TO_LEFT", {LEFT: 0.25, RIGHT: 0.25, "jawLeft": 0.5}),
])  # fmt: skip
def test_mirror(rig: HeadObjects, mode: str, expected: dict[str, float]) -> None:
    pose(rig.head, {LEFT: 0.75, RIGHT: 0.25, "jawLeft": 0.5, "eyeLookInLeft": 0.5})
    assert bpy.ops.facewright.mirror_expressions(mode=mode) == {"FINISHED"}
    assert shown(rig.head) == expected


def test_link_operator(rig: HeadObjects) -> None:
    assert bpy.ops.facewright.link_sides() == {"FINISHED"}
    pose(rig.head, {LEFT: 0.5})
    assert shown(rig.head) == {LEFT: 0.5, RIGHT: 0.5}
    bpy.ops.facewright.mirror_expressions(mode="SWAP")
    assert shown(rig.head) == {LEFT: 0.5, RIGHT: 0.5}
    bpy.ops.facewright.reset_expressions()
    assert shown(rig.head) == {}
    pose(rig.head, {LEFT: 0.5})
    assert bpy.ops.facewright.link_sides(link=False) == {"FINISHED"}
    pose(rig.head, {LEFT: 0.0})
    assert shown(rig.head) == {RIGHT: 0.5}


def test_pick(rig: HeadObjects) -> None:
    bpy.ops.facewright.pick_expression(name=LEFT)
    assert rig.head.active_shape_key.name == LEFT
    pose(rig.head, {LEFT: 0.5, RIGHT: 0.5, "jawOpen": 0.5})
    bpy.ops.facewright.pick_expression(name=LEFT, reset=True)
    assert shown(rig.head) == {"jawOpen": 0.5}
    with pytest.raises(RuntimeError, match="no shape key called"):
        bpy.ops.facewright.pick_expression(name="noSuchShape")


def test_own_shape_keys_are_a_region(rig: HeadObjects) -> None:
    rig.head.shape_key_add(name="Scar").value = 0.5
    assert names_in(rig.head, OTHER) == ["Scar"]
    assert names_in(rig.head, "ALL") == list(REGION_OF) and len(names_in(rig.head, "EYES")) == 14
    bpy.ops.facewright.reset_expressions()
    bpy.ops.facewright.apply_key_expression(expression="neutral")
    bpy.ops.facewright.key_expressions()
    assert find_fcurve(rig.head.data.shape_keys, value_path("Scar")) is None
    assert shown(rig.head) == {"Scar": 0.5}
    bpy.ops.facewright.reset_expressions(region=OTHER)
    assert shown(rig.head) == {}


def test_head_of_another_face_model(rig: HeadObjects) -> None:
    for name in REGION_OF:
        rig.head.shape_key_remove(shape_keys(rig.head)[name])
    rig.head.shape_key_add(name="smile").value = 0.5
    assert names_in(rig.head, "ALL") == ["smile"] and sliders() == ["smile"]
    bpy.ops.facewright.reset_expressions()
    assert shown(rig.head) == {}


def test_auto_keying_keys_what_changed(rig: HeadObjects) -> None:
    scene = bpy.context.scene
    keys = rig.head.data.shape_keys
    scene.frame_set(7)
    bpy.ops.facewright.photo_expression()
    assert keys.animation_data is None or keys.animation_data.action is None
    scene.tool_settings.use_keyframe_insert_auto = True
    bpy.context.preferences.edit.use_keyframe_insert_available = False  # on by default in 5.2
    bpy.ops.facewright.reset_expressions()
    keyed = {name for name in REGION_OF if find_fcurve(keys, value_path(name)) is not None}
    assert keyed == set(bundles.EXPRESSION)
    assert tuple(find_fcurve(keys, value_path("jawOpen")).keyframe_points[0].co) == (7.0, 0.0)
    scene.tool_settings.use_keyframe_insert_auto = False


def test_operators_say_why_they_cannot_run(rig: HeadObjects) -> None:
    rig.head.shape_key_clear()
    with pytest.raises(RuntimeError, match="no expressions left"):
        bpy.ops.facewright.reset_expressions()
    bpy.data.objects.remove(rig.head)
    with pytest.raises(RuntimeError, match="Select a Facewright head"):
        bpy.ops.facewright.reset_expressions()


class Recorder:
    """Stands in for a layout and keeps what is drawn; closed regions can be left out as in the interface."""

    def __init__(self, log: list[tuple[str, object]], closed: bool = False) -> None:
        self.__dict__.update(log=log, closed=closed, alignment="", scale_y=1.0, emboss="", active=True)

    def __getattr__(self, kind: str) -> object:
        if kind in ("row", "column", "split", "grid_flow", "box"):
            return lambda **_: Recorder(self.log, self.closed)
        if kind == "panel":
            return lambda name, default_closed=False: (
                Recorder(self.log), None if self.closed and default_closed else Recorder(self.log, self.closed)
            )  # fmt: skip
        if kind == "prop":
            return lambda data, name, **_: self.log.append(("prop", (data, name)))
        if kind == "operator":
            return self._operator
        if kind in ("label", "menu", "separator", "template_icon"):
            return lambda *args, **named: self.log.append((kind, named.get("text", args)))
        raise AttributeError(kind)

    def _operator(self, name: str, text: str = "", **_: object) -> object:
        area, _, operator = name.partition(".")
        # A name or a property that does not exist must fail as it does in Blender.
        known = getattr(getattr(bpy.ops, area), operator).get_rna_type().properties
        self.log.append(("operator", (name, text)))

        class Properties:
            def __setattr__(self, key: str, value: object) -> None:
                assert key in known, f"{name} has no {key}"
                if known[key].type == "ENUM":
                    assert value in known[key].enum_items, f"{name}: {value}"

        return Properties()


def drawn(kind: str = "prop", closed: bool = False) -> list[object]:
    log: list[tuple[str, object]] = []
    layout = type("Panel", (), {"layout": Recorder(log, closed)})()
    panel.FACEWRIGHT_PT_expressions.draw(layout, bpy.context)
    return [entry for which, entry in log if which == kind]


def sliders() -> list[str]:
    return [data.name for data, prop in drawn() if prop == "value"]


def test_panel_draws_every_slider_once(rig: HeadObjects) -> None:
    assert panel.FACEWRIGHT_PT_expressions.poll(bpy.context)
    assert sorted(sliders()) == sorted(REGION_OF)
    assert sliders()[:2] == ["eyeBlinkRight", "eyeBlinkLeft"]  # as the face looks at the artist
    assert [name for name, _ in drawn("operator")].count("facewright.apply_key_expression") == len(POSES)
    assert {"Eyes", "Mouth", "Right", "Left"} <= set(drawn("label"))
    assert [data.name for data, prop in drawn(closed=True) if prop == "value"] == sliders()[:46]


def test_panel_of_a_linked_head_draws_one_slider_for_a_pair(rig: HeadObjects) -> None:
    link_sides(rig.head)
    assert len(sliders()) == 52 - 18 and LEFT in sliders() and RIGHT not in sliders()
    texts = [text for name, text in drawn("operator") if name == "facewright.pick_expression"]
    assert "Look Right" in texts and "Look In" not in texts


def test_panel_shows_pictures(rig: HeadObjects) -> None:
    settings = bpy.context.window_manager.facewright_expressions
    assert not drawn("template_icon")
    settings.pictures = True
    assert len(drawn("template_icon")) == len(POSES)
    settings.pictures = False


def test_panel_searches(rig: HeadObjects) -> None:
    rig.head.shape_key_add(name="Smile Scar")
    settings = bpy.context.window_manager.facewright_expressions
    settings.search = "smile"
    assert sliders() == [RIGHT, LEFT, "Smile Scar"]
    settings.search = "zygomatic"
    assert sliders() == [] and "No expression fits" in drawn("label")
    settings.search = ""
    settings.facs = True
    assert "AU12 Smile" in [text for _, text in drawn("operator")]
    settings.facs = False
    assert len(sliders()) == 53


def test_every_button_has_a_tooltip_and_a_label(addon: None) -> None:
    for module in ("expressions", "key_expressions", "keyframes"):
        for cls in getattr(blender_addon.registration, f"{module[:-1]}_operators").CLASSES:
            assert cls.bl_label and (cls.__doc__ or "").strip()
            if issubclass(cls, OnExpressions):
                assert getattr(cls, "bl_description", "") or "description" in vars(cls), cls
                changes_data = cls.bl_idname != "facewright.draw_pose_pictures"
                assert ("UNDO" in cls.bl_options) == changes_data and "REGISTER" in cls.bl_options
