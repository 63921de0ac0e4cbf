"""Pure functions of what a device offers: its fractional gates, the angles of ``rzz``, the circuits that it runs."""
