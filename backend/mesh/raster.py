"""Z-buffer rasteriser in numpy: which triangle is seen at each pixel, how far away, and where inside it.

Coverage is decided by exact spans rather than edge tests. A pixel row crosses a triangle on two of its edges; each
crossing is computed along the edge from its upper to its lower end, whichever triangle asks, so that neighbours
get bit-identical numbers, and rows and spans are half open (top-left rule). Triangles that share an edge thus
neither leave a crack nor draw a pixel twice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
# Pixels expanded at a time: bounds the memory (about 30 bytes each) whatever the size of the image.
CHUNK_PIXELS = 1 << 20
EMPTY = np.uint64(0xFFFFFFFFFFFFFFFF)


class Raster(NamedTuple):
    """What each pixel centre sees.

    depth        (H, W) float32 distance along the viewing axis, inf where empty
    triangle     (H, W) int32 row of ``triangles``, -1 where empty
    barycentric  (H, W, 3) float32 perspective-correct weights of the triangle's corners, 0 where empty
    """

    depth: NDArray[np.float32]
    triangle: NDArray[np.int32]
    barycentric: NDArray[np.float32]


class Fragments(NamedTuple):
    """What the P pixels see that see anything.

    place        (P,) int64 in the flattened image, ascending
    depth        (P,) float32 distance along the viewing axis
    triangle     (P,) int32 row of ``triangles``
    barycentric  (P, 3) float32 perspective-correct weights of the triangle's corners
    """

    place: NDArray[np.int64]
    depth: NDArray[np.float32]
    triangle: NDArray[np.int32]
    barycentric: NDArray[np.float32]


class _Setup(NamedTuple):
    """Triangles that can be drawn, T of them, their corners from top to bottom; x, y relative to pixel centres
    (pixel (i, j) is at (j, i)). Corners come first: numpy is slow where the inner axis is three long."""

    number: NDArray[np.int64]  # (T,) row in the caller's triangles
    x: NDArray[np.float64]  # (3, T)
    y: NDArray[np.float64]  # (3, T)
    inverse_depth: NDArray[np.float64]  # (3, T)
    first_row: NDArray[np.int64]  # (T,)
    rows: NDArray[np.int64]  # (T,) at least 1

    def part(self, which: slice) -> _Setup:
        """Some of the triangles."""
        return _Setup(
            self.number[which],
            self.x[:, which],
            self.y[:, which],
            self.inverse_depth[:, which],
            self.first_row[which],
            self.rows[which],
        )


def rasterise(
    points_px: FloatArray,
    depth: FloatArray,
    triangles: NDArray[np.integer[Any]],
    width: int,
    height: int,
    *,
    cull_back: bool = False,
    near: float = 1e-6,
) -> Raster:
    """Draw triangles into a z-buffer.

    Parameters
    ----------
    points_px : (V, 2) pixel coordinates, origin top left, pixel centres at +0.5
    depth : (V,) distance along the viewing axis, positive in front of the camera. Equal depths everywhere give
        affine interpolation, as for drawing into UV space.
    triangles : (T, 3) vertex ids
    width, height : of the image, pixels
    cull_back : drop triangles that turn clockwise in a y-up view of the image (seen from behind)
    near : triangles with a corner nearer than this, or with a corner that is not finite, are dropped

    Returns
    -------
    Raster. The nearest triangle wins; between equal depths (to float32) the one with the lower index.

    Raises
    ------
    ValueError where shapes do not agree or the image is empty.
    """
    seen = fragments(points_px, depth, triangles, width, height, cull_back=cull_back, near=near)
    full = Raster(
        np.full(height * width, np.inf, dtype=np.float32),
        np.full(height * width, -1, dtype=np.int32),
        np.zeros((height * width, 3), dtype=np.float32),
    )
    for image, values in zip(full, seen[1:]):
        image[seen.place] = values
    shape = (height, width)
    return Raster(full.depth.reshape(shape), full.triangle.reshape(shape), full.barycentric.reshape(*shape, 3))


def fragments(
    points_px: FloatArray,
    depth: FloatArray,
    triangles: NDArray[np.integer[Any]],
    width: int,
    height: int,
    *,
    cull_back: bool = False,
    near: float = 1e-6,
) -> Fragments:
    """``rasterise`` without the empty pixels: for those who go on with the covered ones only."""
    points = np.asarray(points_px, dtype=np.float64)
    distance = np.asarray(depth, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or distance.shape != points.shape[:1]:
        raise ValueError(f"expected points (V, 2) and depth (V,), got {points.shape} and {distance.shape}")
    if triangles.ndim != 2 or triangles.shape[1] != 3:
        raise ValueError(f"expected triangles (T, 3), got {triangles.shape}")
    if width < 1 or height < 1:
        raise ValueError(f"cannot draw into an image of {width} x {height} pixels")

    buffer = np.full(height * width, EMPTY, dtype=np.uint64)
    setup = _set_up(points, distance, np.asarray(triangles, dtype=np.int64), width, height, cull_back, near)
    # Cut the list into chunks of bounded area; a bounding box never covers less than the triangle does.
    box_width = np.minimum(np.ptp(setup.x, axis=0) + 2, width).astype(np.int64)
    chunk = (np.cumsum(setup.rows * box_width) - 1) // CHUNK_PIXELS
    edges = np.flatnonzero(np.diff(chunk)) + 1
    for part in np.split(np.arange(len(chunk)), edges):
        if len(part):
            _draw(setup.part(slice(part[0], part[-1] + 1)), width, buffer)
    return _resolved(buffer, points, distance, np.asarray(triangles), width)


def interpolate(
    raster: Raster, triangles: NDArray[np.integer[Any]], attributes: FloatArray, background: float = 0.0
) -> NDArray[np.float32]:
    """Vertex attributes (V, C) or (V,) at each pixel, (H, W, C) or (H, W) float32; ``background`` where empty."""
    values = np.asarray(attributes, dtype=np.float32)
    seen = raster.triangle >= 0
    corners = np.asarray(triangles)[raster.triangle[seen]]
    weights = raster.barycentric[seen]
    column = (slice(None), None) if values.ndim > 1 else (slice(None),)
    inside = values[corners[:, 0]] * weights[:, 0][column]
    inside += values[corners[:, 1]] * weights[:, 1][column]
    inside += values[corners[:, 2]] * weights[:, 2][column]
    result = np.full((*seen.shape, *values.shape[1:]), background, dtype=np.float32)
    result[seen] = inside
    return result


def _set_up(
    points: NDArray[np.float64],
    distance: NDArray[np.float64],
    triangles: NDArray[np.int64],
    width: int,
    height: int,
    cull_back: bool,
    near: float,
) -> _Setup:
    """Keep what can be seen, sort the corners of each triangle from top to bottom, count its pixel rows."""
    usable = np.isfinite(points).all(1) & np.isfinite(distance) & (distance > near)
    corners = triangles.T
    index = np.flatnonzero(usable[corners[0]] & usable[corners[1]] & usable[corners[2]])
    corners = corners[:, index]
    x, y = points[:, 0][corners] - 0.5, points[:, 1][corners] - 0.5
    top, bottom = np.minimum(np.minimum(y[0], y[1]), y[2]), np.maximum(np.maximum(y[0], y[1]), y[2])
    left, right = np.minimum(np.minimum(x[0], x[1]), x[2]), np.maximum(np.maximum(x[0], x[1]), x[2])
    keep = (bottom >= 0) & (top <= height) & (right >= 0) & (left <= width)
    if cull_back:
        # Twice the signed area with y down: negative where the corners turn counter-clockwise seen with y up.
        keep &= (x[1] - x[0]) * (y[2] - y[0]) - (x[2] - x[0]) * (y[1] - y[0]) < 0
    first = np.clip(np.ceil(top), 0, height)
    last = np.clip(np.ceil(bottom), 0, height)  # one past the last row: rows are half open
    kept = np.flatnonzero(keep & (last > first))
    x, y, corners = _from_top(x[:, kept], y[:, kept], corners[:, kept])
    return _Setup(
        index[kept],
        x,
        y,
        1.0 / distance[corners],
        first[kept].astype(np.int64),
        (last - first)[kept].astype(np.int64),
    )


def _from_top(
    x: NDArray[np.float64], y: NDArray[np.float64], corners: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Each of the T triangles' corners, (3, T), sorted by y; equal ones keep their order."""
    for upper in (0, 1, 0):  # bubble sort
        swap = np.flatnonzero(y[upper] > y[upper + 1])
        for values in (x, y, corners):
            values[upper, swap], values[upper + 1, swap] = values[upper + 1, swap], values[upper, swap]
    return x, y, corners


def _expand(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(n,) counts to (sum,) owner of each item and its number within the owner."""
    owner = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    return owner, within


def _draw(setup: _Setup, width: int, buffer: NDArray[np.uint64]) -> None:
    """Expand triangles to spans and spans to pixels; keep the nearest triangle of each pixel in ``buffer``.

    A pixel's key is its depth's bits (float32, positive: ordered like integers) above the triangle's index, so
    that one minimum decides both and ties do not depend on the order of drawing.
    """
    (x0, x1, x2), (y0, y1, y2), (w0, w1, w2) = setup.x, setup.y, setup.inverse_depth
    # 1 / depth is affine in the image: w = w0 + gx (x - x0) + gy (y - y0).
    area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0)
    flat = np.abs(area) < 1e-12
    scale = np.where(flat, 0.0, 1.0 / np.where(flat, 1.0, area))
    gradient_x = ((w1 - w0) * (y2 - y0) - (w2 - w0) * (y1 - y0)) * scale
    gradient_y = ((w2 - w0) * (x1 - x0) - (w1 - w0) * (x2 - x0)) * scale

    owner, within = _expand(setup.rows)
    row = setup.first_row[owner] + within
    upper = row < y1[owner]

    def crossing(start: NDArray[np.float64], end: NDArray[np.float64], which: Any) -> NDArray[np.float64]:
        return np.asarray(np.where(which, start[owner], end[owner]))

    with np.errstate(divide="ignore", invalid="ignore"):
        slope_long = (x2 - x0) / (y2 - y0)
        slope_upper = (x1 - x0) / (y1 - y0)
        slope_lower = (x2 - x1) / (y2 - y1)
    x_long = x0[owner] + (row - y0[owner]) * slope_long[owner]
    x_short = crossing(x0, x1, upper) + (row - crossing(y0, y1, upper)) * crossing(slope_upper, slope_lower, upper)
    start = np.clip(np.ceil(np.minimum(x_long, x_short)), 0, width).astype(np.int64)
    end = np.clip(np.ceil(np.maximum(x_long, x_short)), 0, width).astype(np.int64)
    span_w = w0[owner] + gradient_x[owner] * (start - x0[owner]) + gradient_y[owner] * (row - y0[owner])

    filled = end > start
    owner, start, end, row, span_w = owner[filled], start[filled], end[filled], row[filled], span_w[filled]
    counts = end - start
    before = np.cumsum(counts) - counts
    total = int(counts.sum())
    number = np.arange(total)
    pixel = number + np.repeat(row * width + start - before, counts)
    step = gradient_x[owner]
    inverse = np.repeat(span_w - before * step, counts) + number * np.repeat(step, counts)
    # Rounding outside a sliver must not turn the depth negative.
    np.maximum(inverse, np.finfo(np.float32).tiny, out=inverse)
    key = (1.0 / inverse).astype(np.float32).view(np.uint32).astype(np.uint64)
    key <<= np.uint64(32)
    key |= np.repeat(setup.number[owner].astype(np.uint64), counts)
    np.minimum.at(buffer, pixel, key)


def _resolved(
    buffer: NDArray[np.uint64],
    points: NDArray[np.float64],
    distance: NDArray[np.float64],
    triangles: NDArray[np.integer[Any]],
    width: int,
) -> Fragments:
    """Take the keys of the flattened image apart and compute the barycentric weights of the winners."""
    place = np.flatnonzero(buffer != EMPTY)
    keys = buffer[place]
    triangle = (keys & np.uint64(0xFFFFFFFF)).astype(np.int32)
    depth = (keys >> np.uint64(32)).astype(np.uint32).view(np.float32)

    # Per triangle seen, the affine functions b1 and b2 of the image; then gathers and a few products per pixel.
    is_seen = np.zeros(len(triangles), bool)
    is_seen[triangle] = True
    seen = np.flatnonzero(is_seen)
    number = np.empty(len(triangles), np.intp)
    number[seen] = np.arange(len(seen))
    owner = number[triangle]
    corners = triangles[seen].T
    x, y, weight = points[:, 0][corners], points[:, 1][corners], 1.0 / distance[corners]
    ax, ay, bx, by = x[1] - x[0], y[1] - y[0], x[2] - x[0], y[2] - y[0]
    area = ax * by - ay * bx
    scale = 1.0 / np.where(np.abs(area) < 1e-12, np.inf, area)
    row, column = np.divmod(place, width)
    dx = column + 0.5
    dx -= x[0][owner]
    dy = row + 0.5
    dy -= y[0][owner]
    b1 = dx * (by * scale)[owner]
    b1 -= dy * (bx * scale)[owner]
    b2 = dy * (ax * scale)[owner]
    b2 -= dx * (ay * scale)[owner]
    b0 = 1.0 - b1
    b0 -= b2
    b1 *= (weight[1] / weight[0])[owner]
    b2 *= (weight[2] / weight[0])[owner]
    for share in (b0, b1, b2):
        np.maximum(share, 0.0, out=share)  # a pixel centre on an edge may round to just outside
    total = b0 + b1
    total += b2
    barycentric = np.empty((len(place), 3), dtype=np.float32)
    for k, share in enumerate((b0, b1, b2)):
        np.divide(share, total, out=barycentric[:, k], casting="same_kind")
    return Fragments(place, depth, triangle, barycentric)
