"""Adapters to the push services outside; nothing of ours is imported here."""
