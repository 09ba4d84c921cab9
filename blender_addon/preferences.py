"""The extension's preferences, and the folders that Facewright writes to: kept heads, logs, pictures."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, Protocol

import bpy

from .backend_door import OutputUnwritable, cache_dir
from .kept_heads import folder_bytes

DEFAULT_THREADS = max(1, min(4, os.cpu_count() or 1))
DEFAULT_TEXTURE_SIZE = "2048"
TEXTURE_SIZES = (
    ("512", "512 px", "For heads in the distance and quick trials"),
    ("1024", "1024 px", "For games and previews"),
    ("2048", "2048 px", "As much as most photos hold"),
    ("4096", "4096 px", "For close-ups of sharp photos in which the face fills the frame"),
)


class Settings(Protocol):
    """What the preferences say; see FACEWRIGHT_AP_preferences for the meaning of each."""

    threads: int
    texture_size: str
    heads_path: str


class DefaultSettings(NamedTuple):
    """What applies where the package was registered by hand and Blender keeps no preferences for it."""

    threads: int = DEFAULT_THREADS
    texture_size: str = DEFAULT_TEXTURE_SIZE
    heads_path: str = ""


class FACEWRIGHT_AP_preferences(bpy.types.AddonPreferences):
    """What Edit > Preferences > Add-ons > Facewright shows."""

    bl_idname = __package__

    threads: bpy.props.IntProperty(
        name="Processor Threads",
        description="How many threads of the processor a reconstruction may use at once. Fewer leave more for "
        "Blender, more than the computer has cores gain nothing",
        min=1,
        max=64,
        default=DEFAULT_THREADS,
    )
    texture_size: bpy.props.EnumProperty(
        name="Default Texture Size",
        description="Width and height of the skin's texture in new files; each photo's settings can differ",
        items=TEXTURE_SIZES,
        default=DEFAULT_TEXTURE_SIZE,
    )
    heads_path: bpy.props.StringProperty(
        name="Keep Heads In",
        description="Folder for the data of reconstructed heads, from which they can be rebuilt or get textures of "
        "another size. Left empty, they lie in this extension's user folder, which upgrades keep and "
        "uninstalling deletes. Heads in a .blend file need nothing of it to be posed, rendered or exported",
        subtype="DIR_PATH",
        default="",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False  # preferences are not animated
        layout.prop(self, "texture_size")
        layout.prop(self, "threads")
        layout.separator()
        layout.prop(self, "heads_path", placeholder="Blender's folder for this extension")
        row = layout.row()
        split = row.split(factor=0.4)
        label = split.row()
        label.alignment = "RIGHT"
        label.label(text="On Disk")
        buttons = split.row()
        buttons.label(text=megabytes(folder_bytes(_heads_place())))
        buttons.operator("facewright.show_heads_folder", text="Open", icon="FILE_FOLDER")
        buttons.operator("facewright.clear_heads", text="Clear...", icon="TRASH")


def settings() -> Settings:
    """The person's preferences; their defaults where the package runs without being enabled as an add-on."""
    addon = bpy.context.preferences.addons.get(__package__)
    preferences = None if addon is None else addon.preferences
    return DefaultSettings() if preferences is None else preferences


def user_folder() -> Path:
    """Where Facewright may write without being asked: Blender's own folder for this extension; made if need be.

    Raises OutputUnwritable.
    """
    try:
        place = Path(bpy.utils.extension_path_user(__package__))
    except ValueError:  # not an extension: the package was registered by hand
        place = cache_dir()
    return _made(place)


def heads_folder() -> Path:
    """Where the bundles of reconstructed heads are kept; made if need be. Raises OutputUnwritable."""
    return _made(_heads_place())


def logs_folder() -> Path:
    """Where the worker's logs are kept; made if need be. Raises OutputUnwritable."""
    return _made(user_folder() / "logs")


def megabytes(size: int) -> str:
    """A size in bytes for a person, such as "12.3 MB"."""
    return "nothing yet" if size == 0 else f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.2f} GB"


def _heads_place() -> Path:
    """The folder that the preferences name, relative paths being those of the open file; may not exist."""
    chosen = settings().heads_path.strip()
    return Path(bpy.path.abspath(chosen)).absolute() if chosen else user_folder() / "heads"


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OutputUnwritable(f"The folder {folder} cannot be used: {reason}.") from error
    return folder


register, unregister = bpy.utils.register_classes_factory((FACEWRIGHT_AP_preferences,))
