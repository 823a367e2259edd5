"""Until when the hot lane believes what it remembers."""

import pytest

from api.hot import caches
from api.hot.caches import BELIEF_S, Cache, Proof


class Clock:
    """Seconds that the test counts."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The caches' clock."""
    made = Clock()
    monkeypatch.setattr(caches, "monotonic", made)
    return made


def make_cache(proof: Proof | None = None, **options: float) -> Cache[str, int]:
    """A small cache."""
    return Cache(proof or Proof(), capacity=3, **options)


def test_without_proof_a_value_is_believed_for_less_than_two_seconds(time: Clock) -> None:
    cache = make_cache()
    cache.keep("a", 1, since=time.now)
    time.now += BELIEF_S - 0.1
    assert cache.get("a") == 1
    time.now += 0.2
    assert cache.get("a") is None
    assert BELIEF_S < 2


def test_proof_prolongs_belief_up_to_the_lifetime(time: Clock) -> None:
    proof = Proof()
    cache = make_cache(proof, lifetime_s=10)
    cache.keep("a", 1, since=time.now)
    for _ in range(9):
        time.now += 1
        proof.at = time.now
        assert cache.get("a") == 1
    time.now += 1
    proof.at = time.now
    assert cache.get("a") is None


def test_belief_ends_soon_after_the_last_proof(time: Clock) -> None:
    proof = Proof(at=time.now)
    cache = make_cache(proof, lifetime_s=60)
    cache.keep("a", 1, since=time.now - 30)
    time.now += BELIEF_S - 0.1
    assert cache.get("a") == 1
    time.now += 0.2
    assert cache.get("a") is None


def test_what_was_loading_while_something_changed_is_not_kept(time: Clock) -> None:
    cache = make_cache()
    loading_since = time.now
    time.now += 0.1
    cache.drop(lambda key, value: False)
    cache.keep("a", 1, since=loading_since)
    assert cache.get("a") is None
    time.now += 0.1
    cache.keep("a", 2, since=time.now)
    assert cache.get("a") == 2


def test_only_what_changed_is_dropped(time: Clock) -> None:
    cache = make_cache()
    cache.keep("a", 1, since=time.now)
    cache.keep("b", 2, since=time.now)
    cache.drop(lambda key, value: value == 1)
    assert (cache.get("a"), cache.get("b")) == (None, 2)
    cache.clear()
    assert cache.get("b") is None


def test_memory_is_bounded_and_may_be_none(time: Clock) -> None:
    cache = make_cache()
    for key in "abcd":
        cache.keep(key, 1, since=time.now)
    assert len(cache.entries) <= 3
    none = make_cache(lifetime_s=0)
    none.keep("a", 1, since=time.now)
    assert none.entries == {}
