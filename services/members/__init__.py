"""Members: own.py (themselves), reading.py and writing.py (staff), moving.py (transfers, leaving)."""
