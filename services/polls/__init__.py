"""Polls: questions.py (what fits a question), reading.py, writing.py, life.py (states), voting.py, results.py."""
