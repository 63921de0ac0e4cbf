"""Rewrites programs of 2018 to 2024 for this package. Pure: from texts to texts and remarks."""
