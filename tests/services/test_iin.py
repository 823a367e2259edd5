"""The IIN: what it says, and what gives a wrong one away."""

from datetime import date

import pytest

from models.members import Sex
from services.iin import IinFacts, InvalidIinError, check_digit, make_iin, read_iin


@pytest.mark.parametrize(
    ("iin", "birth_on", "sex"),
    [
        # Worked by hand: 1·8 + 2·0 + 3·0 + 4·1 + 5·0 + 6·1 + 7·3 + 8·0 + 9·0 + 10·0 + 11·1 = 50, 50 mod 11 = 6.
        ("800101300016", date(1980, 1, 1), Sex.male),
        # 1·0 + 2·5 + 3·1 + 4·2 + 5·3 + 6·1 + 7·6 + 8·0 + 9·0 + 10·0 + 11·2 = 106, 106 mod 11 = 7.
        ("051231600027", date(2005, 12, 31), Sex.female),
        # 1·0 + 4·1 + 6·1 + 7·5 + 10·2 = 65, 65 mod 11 = 10; so again: 3·0 + 6·1 + 8·1 + 9·5 + 1·2 = 61, 61 mod 11 = 6.
        ("000101500206", date(2000, 1, 1), Sex.male),
    ],
)
def test_iin_says_birth_date_and_sex(iin: str, birth_on: date, sex: Sex) -> None:
    assert read_iin(iin) == IinFacts(birth_on, sex)


@pytest.mark.parametrize(
    ("iin", "reason"),
    [
        ("", "format"),
        ("80010130001", "format"),
        ("8001013000160", "format"),
        ("80010130001x", "format"),
        ("８００１０１３０００１６", "format"),
        ("800101000016", "century"),
        ("800101700016", "century"),
        ("800230300012", "date"),
        ("801301300012", "date"),
        ("800101300017", "check_digit"),
    ],
)
def test_wrong_iin_is_refused_with_its_reason(iin: str, reason: str) -> None:
    with pytest.raises(InvalidIinError) as refusal:
        read_iin(iin)
    assert refusal.value.data == {"reason": reason}


def test_a_wrong_digit_or_two_swapped_ones_are_noticed() -> None:
    iin = "840517403056"
    # The eleventh has the weight 11, which is none: the rule of the state cannot see it.
    seen = [i for i in range(12) if i != 10]
    mistyped = [iin[:i] + digit + iin[i + 1 :] for i in seen for digit in "0123456789" if digit != iin[i]]
    swapped = [iin[:i] + iin[i + 1] + iin[i] + iin[i + 2 :] for i in range(11) if iin[i] != iin[i + 1]]
    assert not [wrong for wrong in mistyped + swapped if passes(wrong)]


def passes(iin: str) -> bool:
    """Whether it is taken for an IIN."""
    try:
        read_iin(iin)
    except InvalidIinError:
        return False
    return True


def test_every_iin_made_reads_back_and_some_orders_have_none() -> None:
    born = date(1975, 6, 9)
    made = [make_iin(born, Sex.female, order) for order in range(2_000)]
    assert {read_iin(iin) for iin in made if iin is not None} == {IinFacts(born, Sex.female)}
    assert 0 < made.count(None) < 40


def test_the_second_weights_decide_when_the_first_give_ten() -> None:
    weights = range(1, 12)
    twice = [
        text
        for text in (f"9001013{order:04d}" for order in range(500))
        if sum(int(digit) * weight for digit, weight in zip(text, weights, strict=True)) % 11 == 10
    ]
    second = (3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2)
    sums = [sum(int(digit) * weight for digit, weight in zip(text, second, strict=True)) % 11 for text in twice]
    assert twice
    assert [check_digit(text) for text in twice] == [None if total == 10 else total for total in sums]
