"""The two ways to an answer."""

import pytest

PLAIN, HOT = "plain", "hot"

both_lanes = pytest.mark.parametrize("client", [PLAIN, HOT], indirect=True)
"""For a module whose operations the hot lane takes: each test runs through both. The lane remembers nothing here."""
