"""How much of a result is read: a few bytes can claim any number."""

from typing import Final

MOST_EXPERIMENTS: Final = 100_000
"""How many experiments a result may hold."""
MOST_SHOTS: Final = 30_000_000
"""How many shots they may hold together: 300 circuits of 100,000 shots."""
MOST_BITS: Final = 100_000
"""How many bits a register may have."""
MOST_ARRAY_BYTES: Final = 512 * 1024 * 1024
"""How many bytes the arrays of one result may have together."""
