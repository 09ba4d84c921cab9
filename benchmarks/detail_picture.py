"""A held-out synthetic head with its true detail and with what each source predicts, side by side, in clay.

    python benchmarks/detail_picture.py OUT.jpg [--samples DIR] [--head 0] [--rows network ...]

Rows are expressions, columns sources; the last column is the truth.
Sources and heads are those of detail_network.py.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from detail_network import ROWS, Head
from facewright.face_model.key_expressions import KEY_EXPRESSION_NAMES
from facewright.face_model.load import load_face_model
from facewright.head.expression_picture import render_expression
from facewright.training.detail_samples import PopulationSettings, make_samples
from facewright.training.sample_store import open_samples
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Bytes = NDArray[np.uint8]
EXPRESSIONS = ("neutral", "brow_raiser", "smile", "anger")
SHOWN = ("nothing", "SD-DeTail", "network", "mechanics and photo")
SIZE = (300, 400)
CAPTION_PX = 15


def captioned(picture: Bytes, text: str) -> Bytes:
    """The picture with words in its lower left corner."""
    image = Image.fromarray(picture)
    ImageDraw.Draw(image).text((6, image.height - CAPTION_PX - 6), text, fill=(225, 228, 232), font_size=CAPTION_PX)
    return np.asarray(image)


def column(head: Head, maps: NDArray[np.float32], title: str) -> Bytes:
    """(4 h, w, 3): the head in every one of EXPRESSIONS with maps (20, S, S): F_0, then F_i - F_0."""
    topology, sample = head.model.topology, head.sample
    weights = np.vstack([np.zeros(len(head.model.blendshape_names)), np.array(sample.about["key_weights"])])
    pictures = []
    for name in EXPRESSIONS:
        key = KEY_EXPRESSION_NAMES.index(name)
        vertices = head.geometry.neutral + np.tensordot(weights[key], head.geometry.blendshapes, 1)
        relief = maps[0] + maps[key] if key else maps[0]
        picture = render_expression(topology, vertices, relief, None, SIZE)
        pictures.append(captioned(picture, title if name == EXPRESSIONS[0] else name.replace("_", " ")))
    return np.vstack(pictures)


def main() -> None:
    """Draw and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--samples", type=Path, metavar="DIR", help="where held-out heads are (default: made anew)")
    parser.add_argument("--head", type=int, default=0, help="number of the held-out head")
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(SHOWN), metavar="ROW")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.samples or Path(temporary)
        known = (folder / "samples.json").is_file()
        settings = PopulationSettings()
        samples = open_samples(folder) if known else make_samples(folder, 0, options.head + 1, settings)
        sample = samples.part("held_out")[options.head]
    model = load_face_model(None)
    head = Head(model, model.head(np.array(sample.about["identity"])), sample)
    columns = [column(head, ROWS[name](head), name) for name in options.rows]
    columns.append(column(head, np.concatenate([sample.static[None], sample.dynamic]), "truth"))
    Image.fromarray(np.hstack(columns)).save(options.out, quality=90)


if __name__ == "__main__":
    main()
