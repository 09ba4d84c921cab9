"""Node trees drawn by code: nodes in rows and columns, in frames, wired as they are made; and found again.

A group of ours carries what it is under a custom property, with the version of its content: a file holds each group
once however many heads it has, a group that an earlier version made is left to the heads that use it, and artists
may rename what they like. Groups of linked files are never used for a head of this file: it would break when the
other file goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import bpy

GROUP = "facewright_nodes"
"""Custom property of a node group: what it is, and the version of its content."""
COLUMN, ROW = 180, 44

Value = bpy.types.NodeSocket | float | str | bool
"""What an input gets: another node's output, or a value of its own."""


def shared_group(
    kind: str, content: str, name: str, tree_type: str, draw: Callable[[Sheet], None]
) -> bpy.types.NodeTree:
    """The group of this kind and content, drawn where this file has none yet.

    Parameters
    ----------
    kind, content : what it is, and a word that changes whenever what is drawn does
    name : its name, where it is new
    tree_type : "GeometryNodeTree" or "ShaderNodeTree"
    draw : draws it on an empty sheet
    """
    mark = f"{kind} {content}"
    for group in bpy.data.node_groups:
        if group.get(GROUP) == mark and group.library is None and group.bl_idname == tree_type:
            return group
    tree = bpy.data.node_groups.new(name, tree_type)
    try:
        draw(Sheet(tree))
    except BaseException:
        bpy.data.node_groups.remove(tree)
        raise
    tree[GROUP] = mark  # last: half a group is never found
    return tree


def is_group(tree: bpy.types.NodeTree | None, kind: str) -> bool:
    """Whether a node group is one of ours of this kind, of whichever version."""
    return tree is not None and str(tree.get(GROUP, "")).partition(" ")[0] == kind


class Sheet:
    """A node tree and the frame that is being drawn in."""

    def __init__(self, tree: bpy.types.NodeTree) -> None:
        self.tree = tree
        self._frame: bpy.types.Node | None = None

    # ------------------------------------------------------------------------------------------- the interface

    def socket(
        self,
        name: str,
        kind: str,
        description: str,
        *,
        output: bool = False,
        default: Any = None,
        limits: tuple[float, float] | None = None,
        subtype: str = "NONE",
        single: bool = False,
        panel: Any = None,
    ) -> bpy.types.NodeTreeInterfaceSocket:
        """Add a socket; ``kind`` as in NodeSocket<kind>. ``single``: one value for the mesh, never a field."""
        made = self.tree.interface.new_socket(
            name=name, description=description, in_out="OUTPUT" if output else "INPUT",
            socket_type=f"NodeSocket{kind}", parent=panel,
        )  # fmt: skip
        if subtype != "NONE":
            made.subtype = subtype
        if limits is not None:
            made.min_value, made.max_value = limits
        if default is not None:
            made.default_value = default
        if single:
            if hasattr(made, "structure_type"):  # from 5.0 on
                made.structure_type = "SINGLE"
            else:
                made.force_non_field = True
        return made

    def panel(self, name: str, description: str, closed: bool = True) -> Any:
        """Add a panel for sockets."""
        return self.tree.interface.new_panel(name, description=description, default_closed=closed)

    def inputs(
        self, column: float, row: float, names: Sequence[str], folded: bool = False
    ) -> dict[str, bpy.types.NodeSocket]:
        """A Group Input node that shows only these sockets; by name."""
        node = self.node("NodeGroupInput", column, row, folded=folded)
        found = {}
        for socket in node.outputs:
            if socket.name in names:
                found[socket.name] = socket
            else:
                socket.hide = True
        return found

    def outputs(self, column: float, row: float, values: dict[str, bpy.types.NodeSocket]) -> None:
        """The Group Output node."""
        node = self.node("NodeGroupOutput", column, row)
        for name, value in values.items():
            self.feed(node.inputs[name], value)

    # -------------------------------------------------------------------------------------------------- drawing

    @contextmanager
    def frame(self, label: str) -> Iterator[None]:
        """Nodes that are made inside stand in a frame."""
        outer = self._frame
        frame = self.tree.nodes.new("NodeFrame")
        frame.label, frame.label_size, frame.parent = label, 18, outer
        self._frame = frame
        try:
            yield
        finally:
            self._frame = outer

    def node(
        self, kind: str, column: float, row: float, *, folded: bool = False, **settings: Any
    ) -> bpy.types.Node:
        """A node at a place of the sheet, with properties of its own."""
        node = self.tree.nodes.new(kind)
        node.location = (COLUMN * column, -ROW * row)
        node.parent, node.hide = self._frame, folded
        for name, value in settings.items():
            setattr(node, name, value)
        return node

    def feed(self, socket: bpy.types.NodeSocket, value: Value) -> None:
        """Link an input to another node's output, or give it its value."""
        if isinstance(value, bpy.types.NodeSocket):
            self.tree.links.new(value, socket)
        else:
            socket.default_value = value

    def math(
        self, operation: str, column: float, row: float, *values: Value, label: str = ""
    ) -> bpy.types.NodeSocket:
        """A folded Math node of one to three values; its result."""
        node = self.node("ShaderNodeMath", column, row, folded=True, operation=operation, label=label)
        for socket, value in zip(node.inputs, values, strict=False):
            self.feed(socket, value)
        return node.outputs[0]

    def vector_math(
        self, operation: str, column: float, row: float, *values: Value, label: str = ""
    ) -> bpy.types.NodeSocket:
        """A folded Vector Math node; its result, a number where the operation gives one."""
        node = self.node("ShaderNodeVectorMath", column, row, folded=True, operation=operation, label=label)
        for socket, value in zip(node.inputs, values, strict=False):
            self.feed(socket, value)
        return node.outputs["Value" if operation in ("DISTANCE", "LENGTH", "DOT_PRODUCT") else "Vector"]

    def group(self, tree: bpy.types.NodeTree, column: float, row: float, **values: Value) -> bpy.types.Node:
        """A node that uses another group; ``values`` by socket, underscores for spaces."""
        kind = "GeometryNodeGroup" if self.tree.bl_idname == "GeometryNodeTree" else "ShaderNodeGroup"
        node = self.node(kind, column, row, node_tree=tree)
        for name, value in values.items():
            self.feed(node.inputs[name.replace("_", " ")], value)
        return node

    # ------------------------------------------------------------------------------- what only Geometry Nodes have

    def attribute(
        self, name: Value, kind: str, column: float, row: float, folded: bool = False
    ) -> bpy.types.NodeSocket:
        """A mesh attribute by name; ``kind`` such as "FLOAT_VECTOR"."""
        node = self.node("GeometryNodeInputNamedAttribute", column, row, folded=folded, data_type=kind)
        node.label = name if isinstance(name, str) else ""
        self.feed(node.inputs["Name"], name)
        return next(socket for socket in node.outputs if socket.enabled and socket.name == "Attribute")

    def colour(self, values: Sequence[Value], column: float, row: float) -> bpy.types.NodeSocket:
        """A colour of up to four numbers, the others 0."""
        node = self.node("FunctionNodeCombineColor", column, row, folded=True)
        padded = [*values, 0.0, 0.0, 0.0, 0.0][: len(node.inputs)]
        for socket, value in zip(node.inputs, padded, strict=True):
            self.feed(socket, value)
        return node.outputs[0]

    def switch(
        self, kind: str, condition: Value, no: Value, yes: Value, column: float, row: float, label: str = ""
    ) -> bpy.types.NodeSocket:
        """``yes`` where the condition holds, else ``no``. What is not chosen is not computed."""
        node = self.node("GeometryNodeSwitch", column, row, folded=True, input_type=kind, label=label)
        shown = {socket.name: socket for socket in node.inputs if socket.enabled}
        for name, value in (("Switch", condition), ("False", no), ("True", yes)):
            self.feed(shown[name], value)
        return next(socket for socket in node.outputs if socket.enabled)

    def compare(
        self, value: Value, column: float, row: float, *, least: Value = 0.0, operation: str = "GREATER_THAN"
    ) -> bpy.types.NodeSocket:
        """Whether a number compares so with ``least``."""
        node = self.node("FunctionNodeCompare", column, row, folded=True, data_type="FLOAT", operation=operation)
        shown = [socket for socket in node.inputs if socket.enabled]
        self.feed(shown[0], value)
        self.feed(shown[1], least)
        if operation in ("EQUAL", "NOT_EQUAL"):
            self.feed(node.inputs["Epsilon"], 0.0)
        return node.outputs["Result"]
