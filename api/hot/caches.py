"""What the hot lane remembers, and until when it may be believed.

An entry is as fresh as the later of two moments: when its loading began, and when the channel of changes was last
proven to deliver (api.hot.changes), since a change would have dropped it. Without the channel, nothing is believed for
longer than `BELIEF_S`: that is how fast a revocation works in the worst case.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Final, Generic, TypeVar

BELIEF_S: Final = 1.5
LIFETIME_S: Final = 10.0
PEOPLE_LIFETIME_S: Final = 30.0
"""Long enough to read a poll before answering it."""
NEVER: Final = float("-inf")

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")


@dataclass
class Proof:
    """When the channel of changes was last known to deliver."""

    at: float = NEVER


class Cache(Generic[KeyT, ValueT]):
    """Values by key, at most `capacity`.

    Args:
        lifetime_s: how long a value is kept even while the channel delivers; 0 keeps nothing.
    """

    def __init__(self, proof: Proof, *, capacity: int, lifetime_s: float = LIFETIME_S) -> None:
        self.proof, self.capacity, self.lifetime_s = proof, capacity, lifetime_s
        self.entries: dict[KeyT, tuple[float, ValueT]] = {}
        self.dropped_at = NEVER

    def get(self, key: KeyT) -> ValueT | None:
        """What is remembered, if it may still be believed."""
        entry = self.entries.get(key)
        if entry is None:
            return None
        now, loaded_at = monotonic(), entry[0]
        if now < loaded_at + self.lifetime_s and now < max(loaded_at, self.proof.at) + BELIEF_S:
            return entry[1]
        del self.entries[key]
        return None

    def keep(self, key: KeyT, value: ValueT, *, since: float) -> None:
        """Remember a value whose loading began at `since`, unless something was dropped meanwhile: it may be that."""
        if since <= self.dropped_at or not self.lifetime_s:
            return
        if len(self.entries) >= self.capacity:
            self.entries.clear()
        self.entries[key] = (since, value)

    def drop(self, is_changed: Callable[[KeyT, ValueT], bool]) -> None:
        """Forget what changed, and whatever is being loaded just now."""
        self.dropped_at = monotonic()
        for key in [key for key, (_, value) in self.entries.items() if is_changed(key, value)]:
            del self.entries[key]

    def clear(self) -> None:
        """Forget everything."""
        self.dropped_at = monotonic()
        self.entries.clear()
