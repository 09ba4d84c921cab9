"""The head bundle that a head in the scene came from, found again and read only when something of it is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from ..backend_door import BundleInvalid, FaceError, Head, HeadDetail, read_head
from .skinning import Skinning, skin


class BundleGone(FaceError):
    """The folder that a head came from is not there any more."""


class BundleSource:
    """A head's bundle at the size that the head has now.

    record : the head's record
    places : folders that may hold the bundle, beside the one that the record names
    """

    def __init__(self, record: Mapping[str, Any], places: Iterable[Path] = ()) -> None:
        self._record = record
        named = Path(record["bundle"]) if record.get("bundle") else None
        # A file from another computer, or a folder that was moved: the bundle still has its own name.
        moved = [] if named is None else [place / named.name for place in places]
        self._candidates = [*places, *([] if named is None else [named]), *moved]

    @property
    def is_there(self) -> bool:
        """Whether the bundle can be found."""
        return any((place / "head.json").is_file() for place in self._candidates)

    @cached_property
    def folder(self) -> Path:
        """Where the bundle lies. Raises BundleGone."""
        for place in self._candidates:
            if (place / "head.json").is_file():
                return place
        named = self._record.get("bundle")
        where = f"in {named}" if named else "where they were made"
        raise BundleGone(
            f"The data of this head are not {where} any more: move them back there, or reconstruct the photo again."
        )

    @cached_property
    def original(self) -> Head:
        """The bundle as it is on disk. Raises BundleGone, BundleInvalid."""
        head = read_head(self.folder, verify=False)  # an artist may have painted on the textures
        made_from = self._record.get("photo_sha256")
        if made_from and head.record.get("photo", {}).get("sha256") != made_from:
            raise BundleInvalid(f"{self.folder} holds the head of another photo.")
        head = head._replace(detail=self._detail(head.detail))
        textures = Path(self._record["textures"]) / "textures" if self._record.get("textures") else None
        if textures is None or not (textures / head.albedo.name).is_file():
            return head
        files = {name: textures / getattr(head, name).name for name in ("albedo", "iris", "teeth", "mouth")}
        return head._replace(**files)

    def _detail(self, own: HeadDetail | None) -> HeadDetail | None:
        """The detail that the head has had: that of a later bundle, where it was made anew since."""
        named = self._record.get("detail")
        if named is None or Path(named) == self.folder or not (Path(named) / "head.json").is_file():
            return own if named is not None else None
        return read_head(Path(named), verify=False).detail

    @cached_property
    def head(self) -> Head:
        """The bundle at the size that the head has now. Raises BundleGone, BundleInvalid."""
        head, factor = self.original, float(self._record.get("size_factor", 1.0))
        if factor == 1.0:
            return head
        return head._replace(
            neutral=head.neutral * factor,
            blendshapes=head.blendshapes * factor,
            translation_mm=head.translation_mm * factor,
        )

    @cached_property
    def skinning(self) -> Skinning:
        """Bones and weights of ``head``. Raises BundleGone, BundleInvalid."""
        return skin(self.head)
