"""The 52 blendshapes as an artist reads a face: regions, rows with the right and the left side, FACS numbers.

FACS, the Facial Action Coding System, numbers what muscles do (action units, AU). Jaw, cheeks' air and tongue are
"action descriptors" there; as most tables do, they are numbered like units here. ARKit's names are kept exactly.
"""

from __future__ import annotations

from typing import NamedTuple


class Row(NamedTuple):
    """One line of the panel: a label and its blendshapes.

    right, left : ARKit names, the subject's sides; one without sides stands in ``left``, and ``right`` is ""
    unit : FACS number, "" where FACS has none; facs : FACS' own name; tip : what it does, a sentence
    """

    label: str
    right: str
    left: str
    unit: str
    facs: str
    tip: str

    @property
    def names(self) -> tuple[str, ...]:
        """The row's blendshapes, the right one first."""
        return (self.right, self.left) if self.right else (self.left,)


class Region(NamedTuple):
    """A part of the face; ``key`` is its identifier in operators."""

    key: str
    label: str
    rows: tuple[Row, ...]


def _pair(label: str, stem: str, unit: str, facs: str, tip: str) -> Row:
    return Row(label, f"{stem}Right", f"{stem}Left", unit, facs, tip)


def _single(label: str, name: str, unit: str, facs: str, tip: str) -> Row:
    return Row(label, "", name, unit, facs, tip)


REGIONS: tuple[Region, ...] = (
    Region("EYES", "Eyes", (
        _pair("Blink", "eyeBlink", "45", "Blink", "Closes the lids"),
        _pair("Squint", "eyeSquint", "7", "Lid tightener", "Tenses the lids; the lower lid rises"),
        _pair("Wide", "eyeWide", "5", "Upper lid raiser", "Opens the eye beyond its rest"),
        _pair("Look Up", "eyeLookUp", "63", "Eyes up", "Turns the eye up; the lids follow"),
        _pair("Look Down", "eyeLookDown", "64", "Eyes down", "Turns the eye down; the upper lid follows"),
        _pair("Look In", "eyeLookIn", "61/62", "Eyes turn left or right", "Turns the eye towards the nose"),
        _pair("Look Out", "eyeLookOut", "61/62", "Eyes turn left or right", "Turns the eye away from the nose"),
    )),
    Region("BROWS", "Brows", (
        _single("Inner Up", "browInnerUp", "1", "Inner brow raiser", "Lifts the inner ends of both brows"),
        _pair("Outer Up", "browOuterUp", "2", "Outer brow raiser", "Lifts the outer end of the brow"),
        _pair("Down", "browDown", "4", "Brow lowerer", "Lowers the brow and draws it to the middle"),
    )),
    Region("JAW", "Jaw", (
        _single("Open", "jawOpen", "26/27", "Jaw drop", "Opens the jaw"),
        _single("Forward", "jawForward", "29", "Jaw thrust", "Pushes the jaw forward"),
        _pair("Sideways", "jaw", "30", "Jaw sideways", "Moves the jaw to one side"),
    )),
    Region("MOUTH", "Mouth", (
        _pair("Smile", "mouthSmile", "12", "Lip corner puller", "Pulls the corner of the mouth up and back"),
        _pair("Frown", "mouthFrown", "15", "Lip corner depressor", "Pulls the corner of the mouth down"),
        _pair("Dimple", "mouthDimple", "14", "Dimpler", "Tightens the corner of the mouth against the teeth"),
        _pair("Stretch", "mouthStretch", "20", "Lip stretcher", "Pulls the corner of the mouth sideways"),
        _pair("Upper Up", "mouthUpperUp", "10", "Upper lip raiser", "Lifts the upper lip; the teeth show"),
        _pair("Lower Down", "mouthLowerDown", "16", "Lower lip depressor", "Lowers the lower lip; the teeth show"),
        _pair("Press", "mouthPress", "24", "Lip pressor", "Presses the lips together"),
        _single("Funnel", "mouthFunnel", "22", "Lip funneler", "Opens the lips into a funnel, as in \"oh\""),
        _single("Pucker", "mouthPucker", "18", "Lip pucker", "Draws the lips together, as for a kiss"),
        _single("Close", "mouthClose", "8", "Lips toward each other",
                "Closes the lips while the jaw is open: use it together with Jaw Open, up to the same value"),
        _single("Roll Upper", "mouthRollUpper", "28", "Lip suck", "Rolls the upper lip over the teeth"),
        _single("Roll Lower", "mouthRollLower", "28", "Lip suck", "Rolls the lower lip over the teeth"),
        _single("Shrug Upper", "mouthShrugUpper", "17", "Chin raiser", "Pushes the upper lip up and out"),
        _single("Shrug Lower", "mouthShrugLower", "17", "Chin raiser", "Pushes the chin and the lower lip up"),
        _pair("Sideways", "mouth", "", "", "Moves the whole mouth to one side"),
    )),
    Region("CHEEKS_NOSE", "Cheeks and Nose", (
        _single("Cheek Puff", "cheekPuff", "34", "Cheek puff", "Blows up both cheeks"),
        _pair("Cheek Squint", "cheekSquint", "6", "Cheek raiser", "Lifts the cheek under the eye"),
        _pair("Nose Sneer", "noseSneer", "9", "Nose wrinkler", "Wrinkles the side of the nose, lifts the nostril"),
    )),
    Region("TONGUE", "Tongue", (
        _single("Out", "tongueOut", "19", "Tongue show", "Puts the tongue out; open the jaw first"),
    )),
)  # fmt: skip

REGION_OF: dict[str, str] = {name: region.key for region in REGIONS for row in region.rows for name in row.names}
ROW_OF: dict[str, Row] = {name: row for region in REGIONS for row in region.rows for name in row.names}
OTHER = "OTHER"
"""Region of shape keys that are none of the 52: an artist's own, or another face model's."""


def region_names(key: str) -> tuple[str, ...]:
    """The blendshapes of one region, in the panel's order; of all regions for "ALL"."""
    return tuple(name for name, region in REGION_OF.items() if key in ("ALL", region))


def label_of(row: Row, facs: bool) -> str:
    """What the panel writes before a row's sliders; with ``facs`` the action unit's number comes first."""
    return f"AU{row.unit} {row.label}" if facs and row.unit else row.label


def describe(row: Row) -> str:
    """Tooltip: what the row does and how it is called elsewhere."""
    names = " and ".join(row.names)
    facs = f"\nFACS: AU{row.unit}, {row.facs}" if row.unit else ""
    return f"{row.tip}.\nARKit: {names}{facs}"


def search(text: str) -> tuple[Region, ...]:
    """The regions and rows that hold every word of ``text``, in labels, ARKit names, FACS numbers or FACS names.

    A word may be the beginning or the middle of a name: "blink", "au12", "lip corner", "mouth left".
    """
    words = text.casefold().split()
    found = []
    for region in REGIONS:
        rows = tuple(row for row in region.rows if all(word in _haystack(region, row) for word in words))
        if rows:
            found.append(region._replace(rows=rows))
    return tuple(found)


def _haystack(region: Region, row: Row) -> str:
    units = "".join(f" au{unit} au {unit}" for unit in row.unit.split("/"))
    return f"{region.label} {row.label} {' '.join(row.names)}{units if row.unit else ''} {row.facs}".casefold()
