"""What stands in a message, and what does not."""

from datetime import timedelta
from uuid import uuid4

import pytest

from api.jobs.push import render, slices
from models.base import Language, new_id, utc_now
from models.push import AddressKind, Category, Cause, LinkKind, Platform, PushCampaign
from push import sender
from services.push.audience import Recipient
from services.push.campaigns import CATEGORY, LIFETIME
from services.push.messages import build_messages

NOW = utc_now()


def campaign(cause: Cause = Cause.poll_opened, link_kind: LinkKind = LinkKind.poll) -> PushCampaign:
    return PushCampaign(
        cause=cause,
        cause_id=uuid4(),
        category=CATEGORY[cause],
        link_kind=link_kind,
        link_id=uuid4(),
        branch_id=uuid4(),
        created_at=NOW,
        expires_at=NOW + LIFETIME[cause],
    )


def recipient(language: Language) -> Recipient:
    return Recipient(new_id(), f"address of {language}", AddressKind.fid, Platform.ios, language)


def test_each_device_is_spoken_to_in_its_language() -> None:
    languages = list(Language)
    messages = build_messages(campaign(), [recipient(language) for language in languages], render=render, now=NOW)
    assert [message.title for message in messages] == ["Жаңа сауалнама", "Новый опрос", "New poll"]
    assert [message.address for message in messages] == [f"address of {language}" for language in languages]


def test_payload_is_type_id_and_link_and_repeats_replace_each_other() -> None:
    poll = campaign()
    [message] = build_messages(poll, [recipient(Language.kk)], render=render, now=NOW)
    assert message.data == sender.Payload(type="poll_opened", id=str(poll.id), link=f"poll/{poll.link_id}")
    assert (message.collapse_key, message.channel) == (f"survey-{poll.link_id}", Category.polls)
    assert (message.address_kind, message.platform) == (sender.AddressKind.FID, sender.Platform.IOS)


@pytest.mark.parametrize(("after", "seconds"), [(0, 172_800), (172_799, 1), (200_000, 0)])
def test_message_lives_as_long_as_its_cause(after: int, seconds: int) -> None:
    [message] = build_messages(campaign(), [recipient(Language.kk)], render=render, now=NOW + timedelta(seconds=after))
    assert message.ttl_seconds == seconds


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("language", Language)
def test_every_cause_has_a_text_in_every_language(cause: Cause, language: Language) -> None:
    text = render(cause, language)
    assert not text.title.startswith("push.")
    assert not text.body.startswith("push.")


@pytest.mark.parametrize("kind", LinkKind)
def test_collapse_key_fits_what_apple_takes(kind: LinkKind) -> None:
    build_messages(campaign(Cause.admin_message, kind), [recipient(Language.kk)], render=render, now=NOW)


def test_tables_and_senders_use_the_same_words() -> None:
    assert set(AddressKind) == {kind.value for kind in sender.AddressKind}
    assert set(Platform) == {kind.value for kind in sender.Platform}


def test_slices_end_with_a_last_one_even_for_nobody() -> None:
    people = [recipient(Language.kk)] * 5
    assert [(len(part), last) for part, last in slices(people, 2)] == [(2, False), (2, False), (1, True)]
    assert [(len(part), last) for part, last in slices(people, 5)] == [(5, True)]
    assert [(len(part), last) for part, last in slices([], 2)] == [(0, True)]
