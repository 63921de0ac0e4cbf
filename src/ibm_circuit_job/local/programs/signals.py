"""What a device measures before it says 0 or 1: a point in the plane for each bit, in arbitrary units.

A simulator has bits alone, so the points are drawn around them: those of 0 around +1, those of 1 around -1, with a
scatter of 0.3. A point whose real part has the other sign is reflected, so that the sign tells the bit.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

_SCATTER: Final = 0.3


def points(bits: Any, random: np.random.Generator) -> Any:
    """Return a complex number for each bit.

    Args:
        bits: An array of booleans.
        random: Where the scatter comes from.

    Example:
        >>> import numpy as np
        >>> found = points(np.array([False, True]), np.random.default_rng(1))
        >>> (found.real < 0).tolist()
        [False, True]
    """
    along = np.abs(1.0 + _SCATTER * random.standard_normal(bits.shape))
    return np.where(bits, -along, along) + 1j * _SCATTER * random.standard_normal(bits.shape)
