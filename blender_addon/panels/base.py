"""What every panel shares: where it stands."""

from __future__ import annotations


class FacewrightPanel:
    """Mix-in for panels of the tab "Facewright" in the sidebar of the 3D view."""

    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Facewright"
