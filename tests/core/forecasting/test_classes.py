"""Quadrants of demand and classes of its spread."""

import numpy as np

from bvinv.core.forecasting.classes import QUADRANTS, XYZ, syntetos_boylan, xyz
from tests.core.forecasting.panels import NAN


def test_quadrants_tell_how_often_and_how_evenly_demand_comes():
    demand = np.array(
        [[2, 2, 3, 2, 2, 2], [0, 2, 0, 0, 2, 0], [9, 1, 1, 1, 1, 1], [9, 0, 0, 1, 0, 1]],
        dtype=np.float64,
    )

    named = [QUADRANTS[place] for place in syntetos_boylan(demand)]

    assert named == ["smooth", "intermittent", "erratic", "lumpy"]


def test_buckets_that_were_not_seen_do_not_lengthen_the_interval():
    demand = np.array([[NAN, NAN, NAN, 2.0, 2.0, 2.0]])

    assert QUADRANTS[syntetos_boylan(demand)[0]] == "smooth"


def test_a_forecast_is_x_y_or_z_by_its_spread():
    mean = np.array([10.0, 10.0, 10.0, 0.0])
    variance = np.array([25.0, 100.0, 101.0, 0.0])

    assert [XYZ[place] for place in xyz(mean, variance)] == ["X", "Y", "Z", "Z"]
