"""Petitions: filing them, handling them, reading them. The life of one is a table in `life`."""
