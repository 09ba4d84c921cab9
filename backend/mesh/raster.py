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


class _Setup(NamedTuple):
    """Triangles that can be drawn, T of them; x, y relative to pixel centres (pixel (i, j) is at (j, i))."""

    number: NDArray[np.int64]  # (T,) row in the caller's triangles
    x: NDArray[np.float64]  # (T, 3)
    y: NDArray[np.float64]  # (T, 3)
    inverse_depth: NDArray[np.float64]  # (T, 3)
    first_row: NDArray[np.int64]  # (T,)
    rows: NDArray[np.int64]  # (T,) at least 1

    def part(self, which: slice) -> _Setup:
        """Some of the triangles."""
        return _Setup(
            self.number[which],
            self.x[which],
            self.y[which],
            self.inverse_depth[which],
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
    box_width = np.minimum(np.ptp(setup.x, axis=1) + 2, width).astype(np.int64)
    chunk = (np.cumsum(setup.rows * box_width) - 1) // CHUNK_PIXELS
    edges = np.flatnonzero(np.diff(chunk)) + 1
    for part in np.split(np.arange(len(chunk)), edges):
        if len(part):
            _draw(setup.part(slice(part[0], part[-1] + 1)), width, buffer)
    return _resolve(buffer.reshape(height, width), points, distance, np.asarray(triangles))


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
    index = np.flatnonzero(usable[triangles].all(1))
    corners = triangles[index]
    x, y = points[corners, 0] - 0.5, points[corners, 1] - 0.5
    keep = (y.max(1) >= 0) & (y.min(1) <= height) & (x.max(1) >= 0) & (x.min(1) <= width)
    if cull_back:
        # Twice the signed area with y down: negative where the corners turn counter-clockwise seen with y up.
        turn = (x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0])
        keep &= turn < 0
    first = np.clip(np.ceil(y.min(1)), 0, height)
    last = np.clip(np.ceil(y.max(1)), 0, height)  # one past the last row: rows are half open
    keep &= last > first
    order = np.argsort(y[keep], axis=1, kind="stable")
    return _Setup(
        index[keep],
        np.take_along_axis(x[keep], order, 1),
        np.take_along_axis(y[keep], order, 1),
        1.0 / np.take_along_axis(distance[corners[keep]], order, 1),
        first[keep].astype(np.int64),
        (last - first)[keep].astype(np.int64),
    )


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
    (x0, x1, x2), (y0, y1, y2), (w0, w1, w2) = setup.x.T, setup.y.T, setup.inverse_depth.T
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


def _resolve(
    buffer: NDArray[np.uint64],
    points: NDArray[np.float64],
    distance: NDArray[np.float64],
    triangles: NDArray[np.integer[Any]],
) -> Raster:
    """Take the keys apart and compute the barycentric weights of the winners."""
    height, width = buffer.shape
    rows, columns = np.nonzero(buffer != EMPTY)
    keys = buffer[rows, columns]
    index = (keys & np.uint64(0xFFFFFFFF)).astype(np.int32)
    depth = np.full((height, width), np.inf, dtype=np.float32)
    depth[rows, columns] = (keys >> np.uint64(32)).astype(np.uint32).view(np.float32)
    triangle = np.full((height, width), -1, dtype=np.int32)
    triangle[rows, columns] = index

    # Per triangle, the affine functions b1 and b2 of the image; then one gather and a few products per pixel.
    used, inverse = np.unique(index, return_inverse=True)
    corners = triangles[used]
    origin = points[corners[:, 0]]
    first, second = points[corners[:, 1]] - origin, points[corners[:, 2]] - origin
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    scale = 1.0 / np.where(np.abs(area) < 1e-12, np.inf, area)
    weight = 1.0 / distance[corners]
    table = np.stack(
        [*(second * scale[:, None]).T, *(first * scale[:, None]).T, *origin.T, *(weight / weight[:, :1]).T], axis=1
    )
    sx, sy, fx, fy, ox, oy, _, w1, w2 = table.astype(np.float64)[inverse.ravel()].T
    dx, dy = columns + 0.5 - ox, rows + 0.5 - oy
    b1 = dx * sy - dy * sx
    b2 = dy * fx - dx * fy
    b0 = 1.0 - b1 - b2
    result = np.stack([b0, b1 * w1, b2 * w2], axis=1)
    np.maximum(result, 0.0, out=result)  # a pixel centre on an edge may round to just outside
    result /= result.sum(1, keepdims=True)
    barycentric = np.zeros((height, width, 3), dtype=np.float32)
    barycentric[rows, columns] = result
    return Raster(depth, triangle, barycentric)
