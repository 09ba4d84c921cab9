"""A head's record in words: how close it came, and what is known about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# Mean distance of a face's features from where the photo shows them, millimetres, and what an artist calls that.
_LIKENESS = ((1.5, "Very close"), (2.5, "Close"), (4.0, "Fair"))
_LOOSE = "Loose"


def likeness(record: Mapping[str, Any]) -> str | None:
    """In one or two words how well the head fits the photo; None where nobody measured it."""
    residual = record.get("residual")
    if residual is None:
        return None
    # In the size that the head had when it was measured: a head made larger later fits as well as before.
    measured = residual["mean_mm"] / record.get("size_factor", 1.0)
    return next((words for limit, words in _LIKENESS if measured <= limit), _LOOSE)


def warnings(record: Mapping[str, Any]) -> list[str]:
    """What the person should know about this head, one sentence each."""
    return [line for line in record.get("warnings", "").split("\n") if line]


def details(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(what, value) of all that may interest a person."""
    photo = record.get("photo", {})
    if "name" in photo:
        size = f", {photo['width']} x {photo['height']} px" if "width" in photo else ""
        yield "Photo", f"{photo['name']}{size}"
    residual = record.get("residual")
    if residual is not None:
        yield "Distance to the photo", f"{residual['mean_mm']:.1f} mm, {residual['mean_px']:.1f} px on average"
    if "seen_percent" in record:
        yield "Skin seen in the photo", f"{record['seen_percent']:.0f} %"
    if "texture_size" in record:
        yield "Texture", f"{record['texture_size']} px"
    if record.get("size_factor", 1.0) != 1.0:
        yield "Size changed by", f"{100.0 * (record['size_factor'] - 1.0):+.1f} %"
    if record.get("model"):
        yield "Face model", record["model"]
    if "facewright" in record.get("versions", {}):
        yield "Made with Facewright", record["versions"]["facewright"]
    if "seconds" in record:
        yield "Time", f"{record['seconds']:.1f} s"
    if record.get("bundle"):
        yield "Data", record["bundle"]
