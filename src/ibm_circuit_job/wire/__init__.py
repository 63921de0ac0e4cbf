"""Bytes <-> facts and results: every reply and body, of both channels. Pure."""
