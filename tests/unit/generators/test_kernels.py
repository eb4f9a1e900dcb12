"""The compiled loops of the generators give the bytes of plain NumPy and SciPy."""

import numpy as np
import pytest
from scipy import ndimage, sparse

from aimkit.generators import coverage, flow, kernels, noise, scenery
from aimkit.generators.coverage import unit
from aimkit.generators.foregrounds import plant
from aimkit.rng import rng

SIZES = [(1, 1), (48, 48), (30, 77)]


def same(first, second):
    assert (first.dtype, first.shape) == (second.dtype, second.shape)
    assert first.tobytes() == second.tobytes()


def plain_weights(pixels, cells, offset, nodes):
    order = int(np.clip(np.ceil(2 * cells) + 1, 1, 16)) if cells > 0.1 else 1
    nodes_at, weight = np.polynomial.legendre.leggauss(order)
    at = (np.arange(pixels)[:, None] + 0.5 + 0.5 * nodes_at[None]) * cells + offset
    first = np.floor(at).astype(np.int64)
    t = at - first
    basis = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=-1) / 6
    basis *= 0.5 * weight[None, :, None]
    columns = np.minimum(first[..., None] + np.arange(4), nodes - 1)
    rows = np.broadcast_to(np.arange(pixels)[:, None, None], columns.shape)
    data = basis.ravel().astype(np.float32)
    return sparse.csr_array((data, (rows.ravel(), columns.ravel())), shape=(pixels, nodes))


def plain_noise(size, draw, scale, stretch):
    per_y, per_x = scale / stretch[1], scale / stretch[0]
    rows, cols = (int(np.ceil(p * s / unit(size))) + 4 for p, s in ((per_y, size[0]), (per_x, size[1])))
    lattice = draw.standard_normal((rows, cols), dtype=np.float32)
    offset = draw.random(2)
    tall = plain_weights(size[0], per_y / unit(size), offset[0], rows) @ lattice
    wide = plain_weights(size[1], per_x / unit(size), offset[1], cols) @ np.ascontiguousarray(tall.T)
    return np.ascontiguousarray(wide.T) / np.float32(0.479)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scale", [0.7, 4.0, 12.0, 25.0, 60.0, 300.0])
@pytest.mark.parametrize("stretch", [(1.0, 1.0), (1.0, 3.0)])
def test_noise_is_a_product_of_sparse_matrices(size, scale, stretch):
    """From one weight a node to sixteen points a pixel."""
    same(noise.value_noise(size, rng(1, "n"), scale, stretch), plain_noise(size, rng(1, "n"), scale, stretch))


def plain_draw(canvas, pixels, attributes):
    height, width = canvas.shape[:2]
    start, end = pixels[:, :-1].reshape(-1, 2), pixels[:, 1:].reshape(-1, 2)
    at0, at1 = attributes[:, :-1].reshape(-1, 6), attributes[:, 1:].reshape(-1, 6)
    step = end - start
    # The margin keeps a straight diagonal on one axis: where the axis changes, a sample may be lost.
    steep = np.abs(step[:, 1]) > np.abs(step[:, 0]) * 1.001 + 1e-4
    u0, u1 = np.where(steep, start[:, 1], start[:, 0]), np.where(steep, end[:, 1], end[:, 0])
    v0, dv = np.where(steep, start[:, 0], start[:, 1]), np.where(steep, step[:, 0], step[:, 1])
    du = u1 - u0
    # Samples: whole u between the ends; half open, so that successive segments share no sample.
    limit = np.where(steep, height, width)
    low = np.maximum(np.ceil(np.minimum(u0, u1)), 0)
    count = np.clip(np.minimum(np.ceil(np.maximum(u0, u1)), limit) - low, 0, None).astype(np.int64)
    segment = np.repeat(np.arange(len(count)), count)
    if len(segment) == 0:
        return
    u = low[segment] + (np.arange(len(segment)) - np.repeat(np.cumsum(count) - count, count)).astype(np.float32)
    t = (u - u0[segment]) / du[segment]
    v = v0[segment] + t * dv[segment]
    values = at0[segment] + t[:, None] * (at1 - at0)[segment]
    # The extent along v of a band that lies at an angle to it.
    half = 0.5 * values[:, 0] * np.sqrt(1 + (dv / np.where(du == 0, 1, du)) ** 2)[segment]
    # Fragments: the pixels that a sample's extent touches.
    first = np.floor(v - half + 0.5).astype(np.int32)
    touched = np.floor(v + half + 0.5).astype(np.int32) - first + 1
    sample = np.repeat(np.arange(len(v), dtype=np.int32), touched)
    w = first[sample] + (np.arange(len(sample)) - np.repeat(np.cumsum(touched) - touched, touched)).astype(np.int32)
    centre = w.astype(np.float32)
    cover = np.minimum((v + half)[sample], centre + 0.5) - np.maximum((v - half)[sample], centre - 0.5)
    cover = np.clip(cover * values[sample, 5], 0, np.float32(1 - 1e-6))
    along = u.astype(np.int32)[sample]
    tall = steep[segment][sample]
    row, col = np.where(tall, along, w), np.where(tall, w, along)
    inside = (row >= 0) & (row < height) & (col >= 0) & (col < width) & (cover > 1e-4)
    row, col, cover, sample = row[inside], col[inside], cover[inside], sample[inside]
    if len(row) == 0:
        return
    top, left = row.min(), col.min()
    window = canvas[top : row.max() + 1, left : col.max() + 1]
    plain_accumulate(window, (row - top) * window.shape[1] + col - left, cover, sample, values[:, 1:5])


def plain_accumulate(window, pixel, cover, sample, color):
    area = window.shape[0] * window.shape[1]
    total = len(pixel)
    # Transposing a matrix of one entry a row is a stable counting sort of the fragments by pixel.
    table = sparse.csr_array((cover, pixel, np.arange(total + 1)), shape=(total, area)).tocsc()
    cover, start = table.data, table.indptr
    through = np.zeros(total + 1)
    np.cumsum(np.log1p(-cover), out=through[1:], dtype=np.float64)
    last = through[start[1:]]
    behind = np.exp((np.repeat(last, np.diff(start)) - through[1:]).astype(np.float32))
    weights = sparse.csr_array((cover * behind, sample[table.indices], start), shape=(area, len(color)))
    window *= np.exp((last - through[start[:-1]]).astype(np.float32)).reshape(*window.shape[:2], 1)
    window += (weights @ color).reshape(window.shape)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("count", "points", "width"), [(40, 7, 0.01), (300, 3, 0.002), (4, 2, 0.2), (3, 4, 0.0)])
def test_strokes_are_sorted_fragments(size, count, points, width, monkeypatch):
    draw = np.random.default_rng(count)
    lines = draw.uniform(-0.2, 1.2, (count, 1, 2)) + np.cumsum(draw.normal(0, 0.06, (count, points, 2)), axis=1)
    # Upright and level ones, and ones whose ends are one point.
    lines[::5, :, 0], lines[1::5, :, 1], lines[2::7] = 0.5, 0.25, lines[2::7, :1]
    how = (lines, width * draw.random((count, points)), draw.random((count, 1, 3)), draw.random((count, 1)))
    base = np.clip(draw.random((*size, 4)), 0, 1).astype(np.float32)
    drawn = coverage.strokes(size, *how, base)
    monkeypatch.setattr(coverage, "_draw", plain_draw)
    same(drawn, coverage.strokes(size, *how, base))


def plain_patch(size, points):
    height, width = size
    start = np.asarray(points, np.float64) * unit(size)
    step = np.roll(start, -1, axis=0) - start
    # Pieces of a quarter pixel: each counts as lying in the pixel of its middle.
    count = np.maximum(np.ceil(4 * np.abs(step).max(axis=1)), 1).astype(np.int64)
    which = np.repeat(np.arange(len(start)), count)
    order = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    begin = start[which] + step[which] * (order / count[which])[:, None]
    end = begin + step[which] / count[which][:, None]
    # A piece that crosses from row to row is cut there, so that the rises of a row add up to zero.
    border = np.maximum(np.floor(begin[:, 1]), np.floor(end[:, 1]))
    crosses = np.floor(begin[:, 1]) != np.floor(end[:, 1])
    cut = np.where(crosses, border, end[:, 1])
    part = np.where(crosses, (cut - begin[:, 1]) / np.where(crosses, end[:, 1] - begin[:, 1], 1), 1)
    between = np.stack([begin[:, 0] + part * (end[:, 0] - begin[:, 0]), cut], axis=1)
    middle = np.concatenate([begin + between, between + end]) / 2
    rise = np.concatenate([cut - begin[:, 1], end[:, 1] - cut])
    x = np.clip(middle[:, 0], 0, width)
    col = np.minimum(x.astype(np.int64), width)
    row = np.floor(middle[:, 1]).astype(np.int64)
    inside = (row >= 0) & (row < height)
    row, col, x, rise = row[inside], col[inside], x[inside], rise[inside]
    if len(row) == 0:
        return (0, 0), np.zeros((0, 0), np.float32)
    # A rise covers everything to its right in the row, and of its own pixel the part right of it.
    top, left, right = int(row.min()), int(col.min()), min(int(col.max()) + 1, width)
    tall, wide = int(row.max()) + 1 - top, right - left + 2
    flat = (row - top) * wide + col - left
    share = x - col
    area = np.bincount(flat, rise * (1 - share), tall * wide) + np.bincount(flat + 1, rise * share, tall * wide)
    covered = np.cumsum(area.reshape(tall, wide), axis=1)[:, : right - left]
    return (top, left), np.clip(np.abs(covered), 0, 1).astype(np.float32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("corners", [3, 4, 25])
@pytest.mark.parametrize("reach", [0.05, 0.6, 2.0])
def test_polygons_are_sums_of_rises(size, corners, reach):
    draw = np.random.default_rng(corners)
    for shift in (0.0, 0.5, -3.0):
        points = shift + reach * draw.random((corners, 2))
        for outline in (points, np.round(points * 8) / 8):
            corner, patch = coverage._patch(size, outline)
            plain_corner, plain = plain_patch(size, outline)
            assert corner == plain_corner
            same(patch, plain)


def plain_splat(column, row, mass, size):
    height, width = size
    keep = (column >= 0) & (row >= 0) & (column < width - 1) & (row < height - 1)
    column, row, mass = column[keep], row[keep], mass[keep]
    c, r = column.astype(np.int64), row.astype(np.int64)
    fc, fr = column - c, row - r
    at = r * width + c
    total = np.bincount(at, mass * (1 - fc) * (1 - fr), height * width)
    total += np.bincount(at + 1, mass * fc * (1 - fr), height * width)
    total += np.bincount(at + width, mass * (1 - fc) * fr, height * width)
    total += np.bincount(at + width + 1, mass * fc * fr, height * width)
    return total.reshape(size).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_splats_are_counts(dtype):
    draw = np.random.default_rng(0)
    column, row = (draw.uniform(-5, 60, (30, 40)).astype(dtype) for _ in range(2))
    mass = draw.random((30, 40)).astype(np.float32)
    same(flow.splat(column, row, mass, (33, 51)), plain_splat(column, row, mass, (33, 51)))


def test_running_sums_are_those_of_the_repeated_table():
    table = np.random.default_rng(0).random((5, 12, 4), np.float32)
    total = np.empty((5, 12 + 2 * 6 + 1, 4), np.float32)
    kernels.running_sum(table, 6, total)
    sums = np.cumsum(np.concatenate([table[:, -6:], table, table[:, :6]], axis=1), axis=1, dtype=np.float64)
    same(total, np.pad(sums, ((0, 0), (1, 0), (0, 0))).astype(np.float32))


def test_straight_colours_are_quotients():
    draw = np.random.default_rng(0)
    layer = draw.random((9, 11, 4), np.float32)
    layer[..., 3].flat[::3] = draw.choice([0, 5e-5, 1e-4, 0.5, 0.99995, 1, 1.5], 33)
    alpha = np.clip(layer[..., 3], 0, 1)
    alpha = np.where(alpha < 1e-4, 0, np.where(alpha > 1 - 1e-4, 1, alpha)).astype(np.float32)
    color, found = np.empty((9, 11, 3), np.float32), np.empty((9, 11), np.float32)
    kernels.straight(layer, color, found)
    same(found, alpha)
    same(color, np.clip(layer[..., :3] / np.maximum(layer[..., 3:], 1e-4), 0, 1))


def test_a_layer_is_a_product():
    draw = np.random.default_rng(0)
    alpha = draw.random((9, 11))
    for color in (draw.random(3), draw.random((9, 11, 3), np.float32)):
        plain = np.empty((9, 11, 4), np.float32)
        plain[..., :3] = np.asarray(color, np.float32) * alpha.astype(np.float32)[..., None]
        plain[..., 3] = alpha
        same(coverage.layer(color, alpha), plain)


def test_developing_is_a_table_of_square_roots():
    draw = np.random.default_rng(0)
    light, grey = draw.uniform(-0.1, 20, (9, 11, 3)).astype(np.float32), draw.random((9, 11), np.float32)
    saturation, table, result = np.float32(1.3), draw.random(16384, np.float32), np.empty((9, 11, 3), np.float32)
    kernels.develop(light, grey, saturation, np.float32(16), table, result)
    value = grey[..., None] + saturation * (light - grey[..., None])
    index = np.sqrt(np.clip(value, 0, 16.0) / np.float32(16.0)) * np.float32(16383)
    same(result, table[np.rint(index).astype(np.int32)])


def test_a_tile_is_the_transform_of_its_whole_spectrum():
    x, y = np.random.default_rng(0).normal(0, 2, (2, 20, 30)).astype(np.float32)
    f = np.hypot(np.fft.rfftfreq(512)[None] * 512, np.fft.fftfreq(512)[:, None] * 512)
    weight = np.where((f >= 2) & (f < 512 / 5), np.maximum(f, 1) ** -1.7, 0)
    spectrum = np.fft.rfft2(rng(1, "t").standard_normal((512, 512), dtype=np.float32)) * weight.astype(np.float32)
    tile = np.fft.irfft2(spectrum, (512, 512)).astype(np.float32)
    same(flow.fractal(x, y, rng(1, "t")), flow.lookup(tile / tile.std(), x, y))


@pytest.mark.parametrize("length", [512, 500])
def test_folding_is_a_remainder(length):
    at = np.random.default_rng(0).normal(0, 2000, (40, 50)).astype(np.float32)
    same(scenery._fold(at, length), np.abs(np.mod(at, np.float32(2 * length)) - length))


def test_veins_are_evenly_spaced():
    draw = np.random.default_rng(0)
    start, end = draw.random((40, 2), np.float32), draw.random((40, 2))
    end[::5, 0], end[::7] = start[::5, 0], start[::7]
    same(plant._lines(start, end, 5), np.array([np.linspace(a, b, 5) for a, b in zip(start, end, strict=True)]))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_splines_are_map_coordinates(dtype):
    draw = np.random.default_rng(0)
    planes = draw.normal(0, 1, (2, 16, 16)).astype(np.float32)
    rows, columns = draw.normal(0, 40, (2, 3000)).astype(dtype)
    rows[:300] = np.round(rows[:300])
    first, second = (ndimage.spline_filter(plane, output=np.float64, mode="grid-wrap") for plane in planes)
    result = np.empty((2, 3000), np.float32)
    kernels.spline_values(first, second, rows, columns, result)
    at = np.stack([rows, columns])
    same(result, np.stack([ndimage.map_coordinates(plane, at, order=3, mode="grid-wrap") for plane in planes]))
