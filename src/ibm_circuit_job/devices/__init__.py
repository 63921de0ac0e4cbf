"""Devices, as pure functions: configuration, properties, target, fractional gates and the angles of ``rzz``."""
