"""Threads: locks that a fork has of its own, effects in the background, and the steps of a wait."""
