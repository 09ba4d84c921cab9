"""Small data sets in the layouts as published, of a face made by a formula, and predictions for them.

Every writer takes the face as it should come out of the reader (``true_face``: millimetres, our camera's frame or a
scan's own) and writes it the way the published files have it, so that frames and units are tested, not repeated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from facewright.evaluation.case import AnyCamera, WeakCamera
from facewright.evaluation.surface import Surface
from facewright.fitting.camera import Camera
from facewright.fitting.pose import HeadAngles, rotation_from_angles
from numpy.typing import NDArray
from PIL import Image
from scanned_face import scanned_face, seven_points

Array = NDArray[np.float64]
PUPILS = 62.85
FLIP = np.diag([1.0, -1.0, -1.0])
NOW_CASES = ("person_a/multiview_neutral/IMG_1", "person_a/selfie/IMG_2", "person_b/multiview_expressions/IMG_3")
STIRLING_CASES = ("HQ/F1001_a", "LQ/F1001_b", "LQ/m1002_c")
FLORENCE_CASES = ("subject_01/Indoor-Cooperative/0001", "subject_02/PTZ-Outdoor/0007")
REALY_CASES = ("1", "2")


class Face(NamedTuple):
    """A true face in some frame: its surface, seven landmarks, head centre, head rotation."""

    surface: Surface
    seven: Array
    centre: Array
    rotation: Array


def head_rotation(yaw: float, pitch: float = 0.0) -> Array:
    """(3, 3) X_camera = R X_head, degrees; positive yaw to the subject's left."""
    return rotation_from_angles(HeadAngles(yaw, pitch, 0.0))


def true_face(yaw: float = 0.0, depth: float = 0.0, step: float = 6.0, rotation: Array | None = None) -> Face:
    """The face turned by ``yaw`` degrees, its head's centre at (4, -3, -depth) mm."""
    turn = head_rotation(yaw, 5.0) if rotation is None else rotation
    centre, middle = np.array([4.0, -3.0, -depth]), np.array([0.0, 0.0, -60.0])
    surface = scanned_face(step)
    return Face(
        surface.moved((surface.vertices - middle) @ turn.T + centre),
        (seven_points() - middle) @ turn.T + centre,
        centre,
        turn,
    )


def camera_of(size: int = 256, focal: float = 900.0) -> Camera:
    """A pinhole whose middle is not the image's."""
    return Camera(size, size, focal, focal, 0.5 * size + 3.0, 0.5 * size - 2.0)


# ---------------------------------------------------------------------------------------------------- files


def write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    write_text(path, json.dumps(content))


def write_surface(path: Path, surface: Surface, vertices: Array | None = None) -> None:
    """An .obj of a surface, or of its triangles over other vertices."""
    places = surface.vertices if vertices is None else vertices
    lines = [f"v {x!r} {y!r} {z!r}" for x, y, z in places.tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (surface.triangles + 1).tolist()]
    write_text(path, "\n".join(lines) + "\n")


def write_points(path: Path, points: Array) -> None:
    """An .obj without faces."""
    write_text(path, "".join(f"v {x!r} {y!r} {z!r}\n" for x, y, z in points.tolist()))


def write_image(path: Path, size: tuple[int, int] = (256, 256)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (90, 120, 80)).save(path)


def write_picked_points(path: Path, points: Array) -> None:
    """MeshLab's .pp."""
    rows = "".join(
        f' <point x="{x!r}" y="{y!r}" z="{z!r}" active="1" name="{number}"/>\n'
        for number, (x, y, z) in enumerate(points.tolist())
    )
    head = '<!DOCTYPE PickedPoints>\n<PickedPoints>\n <DocumentData>\n  <DataFileName name="scan.obj"/>\n'
    write_text(path, f"{head} </DocumentData>\n{rows}</PickedPoints>\n")


def write_numbered_points(path: Path, points: Array) -> None:
    """The .lnd of the benchmark of 2018."""
    write_text(path, "".join(f"{n} {x!r} {y!r} {z!r}\n" for n, (x, y, z) in enumerate(points.tolist(), 1)))


def write_array(path: Path, values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.asarray(values, np.float64))


# ---------------------------------------------------------------------------------------------------- sets


def write_plain(folder: Path, yaws: Sequence[float] = (0.0, 25.0), **arrays: NDArray[Any]) -> dict[str, Face]:
    """The plain layout, cases face0_0, face1_1 ...; further ``arrays`` go to every gt.npz."""
    faces = {}
    for number, yaw in enumerate(yaws):
        name, camera = f"face{number}_{number}", camera_of()
        face = faces[name] = true_face(yaw, depth=800.0)
        place = folder / name
        write_image(place / "image.png")
        np.savez(place / "gt.npz", vertices=face.surface.vertices, faces=face.surface.triangles, **arrays)
        write_json(place / "landmarks.json", {"points": face.seven.tolist()})
        matrix = [[camera.fx, 0.0, camera.cx], [0.0, camera.fy, camera.cy], [0.0, 0.0, 1.0]]
        pose = {"R": face.rotation.tolist(), "head_center": face.centre.tolist()}
        write_json(place / "camera.json", {"K": matrix, "width": 256, "height": 256, **pose})
        write_json(
            place / "meta.json",
            {"subject": f"face{number}", "yaw": yaw, "f": 126.5625, "light": "sky", "expression": "smile"},
        )
    return faces


def write_facescape_wild(folder: Path, yaws: Sequence[float] = (3.0, 40.0)) -> dict[str, Face]:
    """FS-Wild as published: ``folder`` is the repository's ``benchmark``."""
    scale, faces = 115.0, {}
    for number, yaw in enumerate(yaws):
        face = faces[f"{number:03}"] = true_face(yaw, depth=230.0)
        write_surface(folder / f"data/wild_gt_mesh/{number:03}.obj", face.surface, face.surface.vertices / scale)
        write_image(folder / f"data/wild_img/{number:03}.png")
    predef = folder / "code/predef"
    write_array(predef / "wild_pupil_scales.npy", [scale] * len(yaws))
    write_array(predef / "wild_head_centers.npy", [face.centre / scale for face in faces.values()])
    write_array(predef / "wild_rotations.npy", [face.rotation for face in faces.values()])
    return faces


def write_facescape_lab(folder: Path, upside_down: bool = False) -> dict[str, Face]:
    """FS-Lab as published, one head, views 0 and 9 at two focal lengths; heads' frames may stand upside down."""
    faces, cameras = {}, {}
    neutral = true_face(rotation=np.eye(3))
    write_surface(folder / "data/lab_gt_mesh/00.obj", neutral.surface, neutral.surface.vertices / PUPILS)
    turns = {0: head_rotation(0.0), 9: head_rotation(-60.0)}
    for focal_number, focal in enumerate((1200.0, 600.0)):
        depth = focal * 0.6
        for view, turn in turns.items():
            name = f"00_{focal_number}_{view:02}"
            face = true_face(depth=depth, rotation=turn)
            # The published pose carries the head's own frame, whose centre is true_face's (4, -3, 0), to OpenCV's.
            pose = FLIP @ turn
            shift = FLIP @ face.centre - pose @ neutral.centre
            matrix = [[focal, 0.0, 128.0], [0.0, focal, 128.0], [0.0, 0.0, 1.0]]
            write_json(
                folder / f"data/lab_cam/{name}.json", [matrix, np.column_stack([pose, shift / PUPILS]).tolist()]
            )
            faces[name], cameras[name] = face, focal
    published = [FLIP @ turns.get(view, np.eye(3)) @ (FLIP if upside_down else np.eye(3)) for view in range(11)]
    centres = [FLIP @ [4.0, -3.0, -focal * 0.6] for focal in (1200.0, 600.0, 300.0)]
    write_array(folder / "code/predef/lab_rotations.npy", published)
    write_array(folder / "code/predef/lab_head_centers.npy", centres)
    return faces


def write_now(folder: Path) -> Face:
    """NoW's validation part, cases NOW_CASES; everybody has the same face."""
    face = true_face(12.0)
    write_text(folder / "imagepathsvalidation.txt", "".join(f"{name}.jpg\n" for name in NOW_CASES))
    release = folder / "final_release_version"
    for name in NOW_CASES:
        write_image(release / f"iphone_pictures/{name}.jpg", (120, 160))
    for subject in ("person_a", "person_b"):
        write_surface(release / f"scans/{subject}/natural_head_rotation.000001.obj", face.surface)
        points = f"scans_lmks_onlypp/{subject}/natural_head_rotation.000001_picked_points.pp"
        write_picked_points(release / points, face.seven)
    return face


def write_stirling(folder: Path) -> Face:
    """The benchmark of 2018, cases STIRLING_CASES."""
    face = true_face(-8.0)
    for sex, scan in (("F_3D_N", "F1001_N"), ("M_3D_N", "m1002_N"), ("M_3D_N", "m1002_2_N")):
        write_surface(folder / f"{sex}/{scan}.obj", face.surface)
        write_numbered_points(folder / f"annotations/{sex}/{scan}.lnd", face.seven)
    for name in STIRLING_CASES:
        write_image(folder / f"{name}.jpg", (90, 120))
    return face


def write_florence(folder: Path) -> Face:
    """MICC Florence, cases FLORENCE_CASES; one person's landmarks are JSON, the other's MeshLab's."""
    face = true_face(4.0)
    for subject in ("subject_01", "subject_02"):
        write_surface(folder / f"{subject}/Model/frontal1/obj/110920150452.obj", face.surface)
    write_json(folder / "subject_01/Model/frontal1/landmarks.json", {"points": face.seven.tolist()})
    write_picked_points(folder / "subject_02/Model/frontal1/obj/110920150452.pp", face.seven)
    for name in FLORENCE_CASES:
        write_image(folder / f"{name}.jpg", (200, 150))
    return face


def write_realy(folder: Path) -> Face:
    """REALY, cases REALY_CASES; regions are quarters of the face, keypoints but seven lie along its middle."""
    face, scale = true_face(0.0), 9.0
    height = face.surface.vertices[face.surface.triangles].mean(1)[:, 1]
    quarters = np.quantile(height, [0.0, 0.25, 0.5, 0.75, 1.0])
    keypoints = np.repeat(face.seven[4:5], 85, 0)
    keypoints[[36, 39, 42, 45, 33, 48, 54]] = face.seven
    for case in REALY_CASES:
        for number, region in enumerate(("mouth", "cheek", "nose", "forehead")):
            inside = (height >= quarters[number]) & (height <= quarters[number + 1])
            used, triangles = np.unique(face.surface.triangles[inside], return_inverse=True)
            part = Surface(face.surface.vertices[used] / scale, triangles.reshape(-1, 3).astype(np.int32))
            write_surface(folder / f"REALY_scan_region/{case}/{region}.obj", part)
        write_points(folder / f"REALY_HIFI3D_keypoints/{case}.obj", keypoints / scale)
        write_image(folder / f"REALY_image/crop_image_frontal_512x512/{case}.jpg", (512, 512))
    write_text(folder / "metrical_scale.txt", f"{scale}\n" * len(REALY_CASES))
    return face


# ---------------------------------------------------------------------------------------------------- predictions


def write_prediction(
    folder: Path,
    name: str,
    surface: Surface,
    camera: AnyCamera | None = None,
    seven: Array | None = None,
    **further: Any,
) -> None:
    """PRED/<name>.obj and <name>.json; ``further`` goes into the latter."""
    write_surface(folder / f"{name}.obj", surface)
    entry: dict[str, Any] = {"unit": "mm", **further}
    if isinstance(camera, WeakCamera):
        entry["camera"] = {"kind": "weak", "s": camera.scale, "cx": camera.cx, "cy": camera.cy}
    elif camera is not None:
        entry["camera"] = {"kind": "pinhole", **{k: getattr(camera, k) for k in ("fx", "fy", "cx", "cy")}}
    if seven is not None:
        entry["landmarks"] = seven.tolist()
    write_json(folder / f"{name}.json", entry)
