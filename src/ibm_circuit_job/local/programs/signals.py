"""Simulates the signals of a device: before a measurement becomes 0 or 1, it is a complex number, in arbitrary units.

A simulator has only bits, so the numbers are drawn for them: around +1 for 0 and around -1 for 1, with a standard
deviation of 0.3. If the real part of a number has the wrong sign, the sign is changed, so that it always gives the bit.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

_SCATTER: Final = 0.3


def points(bits: Any, random: np.random.Generator) -> Any:
    """Return a complex number for each bit.

    Args:
        bits: An array of booleans, of any shape.
        random: The source of the scatter.

    Example:
        >>> import numpy as np
        >>> found = points(np.array([False, True]), np.random.default_rng(1))
        >>> (found.real < 0).tolist()
        [False, True]
    """
    along = np.abs(1.0 + _SCATTER * random.standard_normal(bits.shape))
    return np.where(bits, -along, along) + 1j * _SCATTER * random.standard_normal(bits.shape)
