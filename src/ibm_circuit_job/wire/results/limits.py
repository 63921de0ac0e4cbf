"""The limits of a result. A few bytes can declare any size, so sizes are checked before memory is allocated."""

from typing import Final

MOST_EXPERIMENTS: Final = 100_000
"""The most experiments of a result."""
MOST_SHOTS: Final = 30_000_000
"""The most shots of all experiments together: those of 300 circuits with 100,000 shots."""
MOST_BITS: Final = 100_000
"""The most bits of a register."""
MOST_ARRAY_BYTES: Final = 512 * 1024 * 1024
"""The most bytes of all arrays of one result together."""
