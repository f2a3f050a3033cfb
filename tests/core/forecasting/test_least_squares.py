"""Least squares that may not be negative."""

import numpy as np
import pytest

from bvinv.core.forecasting.least_squares import not_negative, shares


def sums(columns, target):
    return columns.T @ columns, columns.T @ target


def test_weights_are_found_again():
    columns = np.random.default_rng(0).random((200, 3))

    found = not_negative(*sums(columns, columns @ [2.0, 0.0, 0.5]))

    assert found.tolist() == pytest.approx([2, 0, 0.5], abs=1e-3)


def test_what_would_be_negative_is_nothing():
    columns = np.random.default_rng(0).random((200, 2))

    found = not_negative(*sums(columns, columns @ [1.0, -1.0]))

    assert found[1] == 0
    assert found[0] > 0


def test_shares_add_up_to_one():
    columns = np.random.default_rng(0).random((200, 4))

    found = shares(*sums(columns, columns @ [0.7, 0.3, 0.0, 0.0]))

    assert found.sum() == pytest.approx(1)
    assert found.tolist() == pytest.approx([0.7, 0.3, 0, 0], abs=1e-2)


def test_nothing_to_learn_from_leaves_the_weights_alike():
    assert shares(np.zeros((4, 4)), np.zeros(4)).tolist() == [0.25] * 4
