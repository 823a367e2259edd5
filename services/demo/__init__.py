"""The demo's data: one region with its districts, people, news, polls and petitions. All made up but the place names.

Everything follows from a fixed seed and a fixed day, so that two demos are alike, ids included (but for what is
encrypted, which differs with the keys).
"""
