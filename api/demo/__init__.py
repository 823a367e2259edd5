"""The demo: everything on one machine, for a person who wants to see it work."""
