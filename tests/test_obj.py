"""OBJ files: what was written is read back, corner by corner."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from facewright.errors import TopologyMismatch
from facewright.mesh.obj import material_library_text, obj_text, write_obj
from small_head import small_head


def _read(text: str) -> tuple[np.ndarray, np.ndarray, list[tuple[str, list[tuple[int, int]]]]]:
    vertices, uvs, faces, material = [], [], [], ""
    for line in text.splitlines():
        word, *rest = line.split()
        if word == "v":
            vertices.append([float(x) for x in rest])
        elif word == "vt":
            uvs.append([float(x) for x in rest])
        elif word == "usemtl":
            material = rest[0]
        elif word == "f":
            faces.append((material, [tuple(int(i) - 1 for i in corner.split("/")) for corner in rest]))
    return np.array(vertices), np.array(uvs), faces


def test_round_trip(tmp_path: Path) -> None:
    topology, head = small_head()
    write_obj(tmp_path / "head.obj", head.neutral, topology, comment="one\ntwo", material_library="head.mtl")
    text = (tmp_path / "head.obj").read_text("utf-8")
    assert text.startswith("# one\n# two\nmtllib head.mtl\n")
    vertices, uvs, faces = _read(text)
    np.testing.assert_allclose(vertices, head.neutral, atol=5.1e-5)
    names = ("skin", "eye", "cornea", "teeth", "mouth")
    order = np.argsort(topology.material, kind="stable")
    assert len(faces) == len(topology.quads)
    for face, (material, corners) in zip(order, faces, strict=True):
        quad = topology.quads[face]
        assert material == names[topology.material[face]]
        assert [c[0] for c in corners] == [int(v) for v in quad if v >= 0]
        for k, (_, t) in enumerate(corners):
            np.testing.assert_allclose(uvs[t], topology.corner_uv[face, k], atol=1e-6)


def test_equal_uvs_are_shared_and_text_is_deterministic() -> None:
    topology, head = small_head()
    text = obj_text(head.neutral, topology)
    assert text == obj_text(head.neutral.copy(), topology)
    _, uvs, _ = _read(text)
    assert len(uvs) == len(np.unique(np.round(topology.corner_uv.reshape(-1, 2), 6), axis=0))


def test_wrong_vertices_are_refused() -> None:
    topology, head = small_head()
    with pytest.raises(TopologyMismatch):
        obj_text(head.neutral[:-1], topology)


def test_material_library_names_textures() -> None:
    text = material_library_text({"skin": "textures/albedo.png"})
    assert text.count("newmtl") == 5
    assert text.count("map_Kd") == 1
    assert "map_Kd textures/albedo.png" in text.split("newmtl eye")[0]
