"""The mesh: coverage against the closed form, and defocus that moves light but keeps it."""

import numpy as np
import pytest

from aimkit.generators.foregrounds.mesh import Mesh, mesh
from aimkit.generators.lens import defocus, disc
from aimkit.generators.wires import stripes
from aimkit.rng import rng

FLAT = {"tilt": (0, 0), "bend": (0, 0)}


@pytest.mark.parametrize("wire", [0.1, 0.25, 0.4])
@pytest.mark.parametrize("angle", [0, 30, 45])
def test_a_flat_mesh_covers_one_minus_the_squared_gap(wire: float, angle: float) -> None:
    params = Mesh(pitch=(0.02, 0.02), wire=(wire, wire), angle=(angle, angle), defocus=(0, 0), **FLAT)
    alpha = mesh(params, (400, 400), rng(0, "mesh")).alpha
    assert alpha.mean() == pytest.approx(1 - (1 - wire) ** 2, rel=0.01)


def test_wires_much_thinner_than_a_pixel_keep_their_area() -> None:
    params = Mesh(pitch=(0.05, 0.05), wire=(0.01, 0.01), defocus=(0, 0), **FLAT)
    alpha = mesh(params, (200, 200), rng(1, "mesh")).alpha
    assert alpha.mean() == pytest.approx(1 - 0.99**2, rel=0.03)


def test_stripes_integrate_the_pulse_train_exactly() -> None:
    u = (np.arange(60, dtype=np.float32) + 0.5)[None].repeat(3, 0) / 10  # ten pixels a period, lines at half-integers
    assert np.allclose(stripes(u, 0.25)[1, 10:20], [0, 0, 0, 0.25, 1, 1, 0.25, 0, 0, 0], atol=1e-3)


@pytest.mark.parametrize("radius", [0.3, 1.0, 1.49, 1.51, 3.0, 7.7])
def test_the_disc_sums_to_one_and_spreads_by_half_its_radius(radius: float) -> None:
    kernel = disc(radius)
    steps = np.arange(len(kernel)) - len(kernel) // 2
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    assert (kernel.sum(0) * steps**2).sum() == pytest.approx(radius**2 / 4, rel=0.05)


def test_defocus_conserves_alpha() -> None:
    alpha = np.zeros((64, 64), np.float32)
    alpha[25:40, 30] = 1
    assert defocus(alpha, 6.3).sum() == pytest.approx(15, rel=1e-4)
