"""Signing in: a one-time code by phone, sessions with rotating refresh tokens, the second factor of admins."""
