"""200 articles: of the head office, the region, each district, and some primary organisations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Final

from models.base import Language
from models.branches import Branch
from models.news import Article, ArticleState, ArticleTranslation
from services.demo.fixed import chance, days_ago, demo_id, moment
from services.demo.news_above import PRIMARY, REGION, REPUBLIC
from services.demo.news_district import DRAFT, SCHEDULED, STORIES, WITHDRAWN
from services.demo.organisation import REGION_PATH, ROOT, Organisation
from services.demo.texts import Story, filled
from services.news.markdown import render_markdown

PRIMARIES_WITH_NEWS: Final = ("kz.at.maqat.p1", "kz.at.maqat.p2", "kz.at.atyrau.p1", "kz.at.zhylyoi.p1")
LATEST_DAYS: Final = 400
KORISU: Final = date(2030, 3, 14)
"""Far away, so that the demo has something scheduled for years."""

SEVERAL: Final = (12, 48)
WITHDRAWN_REASON: Final = "Жәрмеңке күні ауысты"


@dataclass(frozen=True)
class Item:
    """A story of a branch, before it becomes rows."""

    branch: Branch
    story: Story
    state: ArticleState = ArticleState.published
    pinned: bool = False


def make_news(organisation: Organisation) -> tuple[list[Article], list[ArticleTranslation]]:
    """All articles and their texts."""
    luck = chance("news")
    articles: list[Article] = []
    texts: list[ArticleTranslation] = []
    for number, item in enumerate(items(organisation), 1):
        article = make_article(luck, number, item)
        articles.append(article)
        texts.extend(make_texts(luck, article, item, places(organisation, item.branch)))
    return articles, texts


def items(organisation: Organisation) -> Iterator[Item]:
    """What is told where."""
    branches = organisation.branches
    yield from (Item(branches[ROOT], story, pinned=story is REPUBLIC[0]) for story in REPUBLIC)
    yield from (Item(branches[REGION_PATH], story, pinned=story is REGION[0]) for story in REGION)
    for branch in organisation.districts:
        yield from (Item(branch, story) for story in STORIES)
        yield Item(branch, DRAFT, ArticleState.draft)
        yield Item(branch, WITHDRAWN, ArticleState.withdrawn)
        yield Item(branch, SCHEDULED, ArticleState.scheduled)
    yield from (Item(branches[path], PRIMARY) for path in PRIMARIES_WITH_NEWS)


def make_article(luck: Random, number: int, item: Item) -> Article:
    """The article itself."""
    day = days_ago(luck.randrange(1, LATEST_DAYS))
    published_at = moment(day, hour=9 + luck.randrange(9), minute=luck.randrange(60))
    shown = item.state in {ArticleState.published, ArticleState.withdrawn}
    return Article(
        id=demo_id("article", number),
        branch_id=item.branch.id,
        state=item.state,
        pinned=item.pinned,
        publish_at=moment(KORISU, hour=8) if item.state is ArticleState.scheduled else None,
        published_at=published_at if shown else None,
        withdrawn_reason=WITHDRAWN_REASON if item.state is ArticleState.withdrawn else None,
        created_at=published_at - timedelta(hours=luck.randrange(1, 48)),
        updated_at=published_at,
    )


def places(organisation: Organisation, branch: Branch) -> Sequence[dict[str, str]]:
    """Names of the settlements that a branch may tell of."""
    here = organisation.settlements.get(branch.path)
    return [settlement.name for settlement in here] if here else [branch.name]


def make_texts(
    luck: Random, article: Article, item: Item, where: Sequence[dict[str, str]]
) -> Iterator[ArticleTranslation]:
    """The article in Kazakh and in Russian, of the same place and with the same number."""
    place, n = luck.choice(where), luck.randint(*SEVERAL)
    for language, template in ((Language.kk, item.story.kk), (Language.ru, item.story.ru)):
        text = filled(template, place=place[language], branch=item.branch.name[language], n=n)
        yield ArticleTranslation(
            article_id=article.id,
            language=language,
            title=text.title,
            summary=text.summary,
            body_markdown=text.body,
            body_html=render_markdown(text.body),
        )
