"""Tension of the skin, HiFace Eq. (8), as nodes: how much shorter or longer the edges at a vertex are than at rest.

    t = 1 - mean_k |e_k| / |e'_k|              e' at rest, over the edges of the skin at the vertex
    t+ = max(0, t), t- = max(0, -t);  onset o: t+- <- max(0, t+- - o / 4) / (1 - o)

Blender averages an edge's value over all edges of a vertex. At lids and lips some belong to other parts of the
head, so those count 0 and the mean is put right by a vertex's edges per edge of the skin.
"""

from __future__ import annotations

import bpy

from .attributes import EDGE_SHARE, REST_POSITION, SKIN_EDGE
from .sheet import Sheet, shared_group

KIND, CONTENT = "tension", "1"
ONSET_SHARE = 0.25
"""Tension at which a full onset would begin: what strong expressions reach."""


def tension_group() -> bpy.types.NodeTree:
    """The shared group "Facewright Tension"."""
    return shared_group(KIND, CONTENT, "Facewright Tension", "GeometryNodeTree", _draw)


def _draw(sheet: Sheet) -> None:
    #   Edge Vertices --> DISTANCE (now) ---------> DIVIDE --> 1 - ratio --> x fw_skin_edge --> on edges --+
    #        +--> rest_position at both --> DISTANCE --^                                                  |
    #   fw_edge_share --> MULTIPLY t <-------------------------------------------------------------------+
    #                         +--> max(0,  t - o / 4) / (1 - o) --> Compressed
    #                         +--> max(0, -t - o / 4) / (1 - o) --> Stretched
    sheet.socket(
        "Onset", "Float", "Share of the usual tension before wrinkles begin", default=0.0, limits=(0.0, 0.9),
        subtype="FACTOR", single=True,
    )  # fmt: skip
    sheet.socket("Compressed", "Float", "t+: by how much the skin is shorter than at rest", output=True)
    sheet.socket("Stretched", "Float", "t-: by how much it is longer", output=True)
    with sheet.frame("Edges now and at rest"):
        ends = sheet.node("GeometryNodeInputMeshEdgeVertices", 0, 0).outputs
        rest = sheet.attribute(REST_POSITION, "FLOAT_VECTOR", 0, 6)
        now = sheet.vector_math("DISTANCE", 2, 0, ends["Position 1"], ends["Position 2"], label="now")
        at_rest = sheet.vector_math(
            "DISTANCE", 2, 4, *(_at(sheet, ends[f"Vertex Index {end}"], rest, 1, 3 + 6 * end) for end in (1, 2)),
            label="at rest",
        )  # fmt: skip
    with sheet.frame("Mean over the edges of the skin"):
        skin = sheet.attribute(SKIN_EDGE, "FLOAT", 3, 6)
        ratio = sheet.math("DIVIDE", 3, 1, now, at_rest)
        shorter = sheet.math("MULTIPLY", 5, 1, sheet.math("SUBTRACT", 4, 1, 1.0, ratio), skin)
        on_edges = sheet.node("GeometryNodeFieldOnDomain", 6, 0, data_type="FLOAT", domain="EDGE")
        sheet.feed(next(socket for socket in on_edges.inputs if socket.enabled), shorter)
        mean = next(socket for socket in on_edges.outputs if socket.enabled)
        tension = sheet.math("MULTIPLY", 7, 1, mean, sheet.attribute(EDGE_SHARE, "FLOAT", 6, 6), label="t")
    with sheet.frame("Onset"):
        onset = sheet.inputs(7, 4, ("Onset",))["Onset"]
        begin = sheet.math("MULTIPLY", 8, 4, onset, -ONSET_SHARE)
        gain = sheet.math("DIVIDE", 9, 5, 1.0, sheet.math("SUBTRACT", 8, 5, 1.0, onset))
        results = {}
        for row, (name, sign) in enumerate((("Compressed", 1.0), ("Stretched", -1.0))):
            beyond = sheet.math("MULTIPLY_ADD", 9, 1 + row, tension, sign, begin)
            part = sheet.math("MAXIMUM", 10, 1 + row, beyond, 0.0)
            results[name] = sheet.math("MULTIPLY", 11, 1 + row, part, gain)
    sheet.outputs(12, 1, results)


def _at(
    sheet: Sheet, index: bpy.types.NodeSocket, value: bpy.types.NodeSocket, column: float, row: float
) -> bpy.types.NodeSocket:
    """A vector of another vertex."""
    node = sheet.node("GeometryNodeFieldAtIndex", column, row, data_type="FLOAT_VECTOR", domain="POINT")
    sheet.feed(node.inputs["Index"], index)
    sheet.feed(next(socket for socket in node.inputs if socket.enabled and socket.name != "Index"), value)
    return next(socket for socket in node.outputs if socket.enabled)
