"""Announcing things to phones: campaigns, their audience, the delivery, the inbox."""
