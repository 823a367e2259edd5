"""The hot lane: the few operations that a launch of the app causes, as pure ASGI in front of FastAPI.

It knows the ordinary case of each and nothing else. Whatever is unusual (credentials that do not hold, a query or a
header it does not know, a body that does not fit, a refusal) goes to the plain lane untouched, so that every problem is
made in one place and nobody can tell the lanes apart. DESIGN.md 5 has the costs that it saves.
"""
