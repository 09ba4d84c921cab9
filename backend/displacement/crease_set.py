"""A crease set: lines of the skin that stay where they are while expressions come and go.

The same person wrinkles along the same lines in every expression. So lines are laid out once per head, as a phase
(valleys at whole numbers) over a part of the UV square, and an expression only decides how deep each becomes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class CreaseStyle:
    """How the lines of a set look and when they come.

    wavelength_mm  distance between lines, at rest
    cap_mm         depth (half of valley to ridge) that is never exceeded
    gain           share of the depth that length conservation gives
    onset          compressive strain below which nothing happens
    exponent, roundness   of the profile: sharp valleys, round ridges
    variation      how much depth varies from line to line and along a line
    variation_mm   over what length
    meander        how far a line strays, cycles
    aging          exponent of how depth grows with age: above 1 for lines that the young do not have
    """

    wavelength_mm: float
    cap_mm: float
    gain: float
    onset: float = 0.03
    exponent: float = 1.0
    roundness: float = 0.10
    variation: float = 0.55
    variation_mm: float = 22.0
    meander: float = 0.16
    aging: float = 1.0


class CreaseSet(NamedTuple):
    """One set of lines, cut out of an (S, S) map; h x w texels.

    name           such as "forehead"
    style          CreaseStyle
    rows, columns  slices of the (S, S) map
    phase          (h, w) cycles; valleys at whole numbers
    along_mm       (h, w) length along the lines
    mask           (h, w) 0..1, where lines may be
    wavelength_mm  (h, w) distance between lines at rest, mm
    direction      (h, w, 2) unit vector across the lines, in the lattice frame (first axis along +u, second across)
    depth          (h, w) factor of the depth: variation along and between lines
    activation     blendshape name -> compressive strain that its full weight adds, where the model's own strain
                   misses what skin does (a raised chin)
    spread         share of the compression that skin evens out along the lattice's columns (the model squeezes a
                   raised forehead into a band under the hairline; skin folds all the way down to the brows)
    relief         "lines" renders ``profile(phase)``; "given" takes ``depth`` itself as the height in units of the
                   set's depth, for what is no line (a dimpled chin); the phase is then only for measuring
    """

    name: str
    style: CreaseStyle
    rows: slice
    columns: slice
    phase: Float32
    along_mm: Float32
    mask: Float32
    wavelength_mm: Float32
    direction: Float32
    depth: Float32
    activation: dict[str, float]
    spread: float = 0.0
    relief: str = "lines"


class LockedLines(NamedTuple):
    """What the photo says of one crease set: where its lines really are, and how deep at rest.

    shift      (h, w) cycles, to be subtracted from the phase
    depth_mm   (h, w) static depth, 0 where the photo shows no line or is not trusted
    trust      (h, w) 0..1
    gain       how deep the photo's expression makes this set, relative to what mechanics gives at the person's age;
               1 where the photo cannot tell
    """

    shift: Float32
    depth_mm: Float32
    trust: Float32
    gain: float = 1.0


class PhotoEvidence(NamedTuple):
    """What the photo tells about the skin's relief; (S, S) maps of the UV square, row 0 at v = 1.

    shading          band-passed log luminance (about 0.5 to 5 mm), lighting removed; dark is deep
    trust            0..1: 0 where nothing was seen, and on brows, lashes, hair, lips, nostrils, highlights
    mm_per_pixel     of the photo, on the face
    age              0 (a child's smooth skin) to 1.3 (deeply lined), 0.45 an adult of about 35
    age_from_photo   whether the photo was clear enough to say
    roughness        skin texture relative to the average, about 0.5 to 1.5
    noise            standard deviation of what grain and compression leave in ``shading``
    tilt             (N, N, 2) per cell of the lattice, rows from the bottom: how much the log luminance changes per
                     slope along the lattice frame's two axes, by the fitted light; None: light from everywhere
    form             (S, S) change of log luminance per mm that the fitted form alone makes: where it is steep, a
                     form that is a little beside the true one leaves edges in ``shading``; None: even everywhere
    """

    shading: Float32
    trust: Float32
    mm_per_pixel: float
    age: float
    age_from_photo: bool
    roughness: float
    noise: float = 0.0
    tilt: Float32 | None = None
    form: Float32 | None = None
