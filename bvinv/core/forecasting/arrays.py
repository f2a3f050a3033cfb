"""Names for the arrays of this package, and what is done with the gaps in them."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def filled(values: Array) -> Array:
    """Return the values with 0 for every gap (NaN)."""
    return np.where(np.isnan(values), 0.0, values)
