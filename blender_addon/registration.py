"""The table of contents: every module that registers something with Blender, in the order it is registered."""

from __future__ import annotations

from . import file_handler, handlers, preferences
from .operators import detail as detail_operators
from .operators import export as export_operators
from .operators import expressions as expression_operators
from .operators import kept_heads as kept_heads_operators
from .operators import key_expressions as key_expression_operators
from .operators import keyframes as keyframe_operators
from .operators import live_link as live_link_operators
from .operators import photo as photo_operators
from .operators import rebuild as rebuild_operators
from .operators import reconstruct as reconstruct_operators
from .operators import result as result_operators
from .operators import scale as scale_operators
from .panels import detail as detail_panel
from .panels import export as export_panel
from .panels import expressions as expressions_panel
from .panels import live_link as live_link_panel
from .panels import photo as photo_panel
from .panels import reconstruct as reconstruct_panel
from .panels import result as result_panel
from .properties import export as export_properties
from .properties import expressions as expression_properties
from .properties import head as head_properties
from .properties import live_link as live_link_properties
from .properties import photo as photo_properties
from .properties import session as session_properties

MODULES = (
    preferences, kept_heads_operators,
    session_properties, photo_properties, head_properties, expression_properties, live_link_properties,
    export_properties,
    photo_operators, reconstruct_operators, result_operators, scale_operators, rebuild_operators,
    expression_operators, key_expression_operators, keyframe_operators, detail_operators, live_link_operators,
    export_operators,
    photo_panel, reconstruct_panel, result_panel, expressions_panel, detail_panel, live_link_panel, export_panel,
    file_handler, handlers,
)  # fmt: skip


def register() -> None:
    """Register every module; when one fails, those before it are taken back, so that nothing half stays."""
    done = []
    try:
        for module in MODULES:
            module.register()
            done.append(module)
    except BaseException:
        for module in reversed(done):
            module.unregister()
        raise


def unregister() -> None:
    """Take everything back in the opposite order."""
    for module in reversed(MODULES):
        module.unregister()
