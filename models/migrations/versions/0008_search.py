"""Search in Kazakh and Russian: folding of letters and endings, and the index of news.

Deploy order: migrate before the new code starts. Rows touched: one is added for each translation of an article.
Locks taken: article_translation cannot be written meanwhile. Way back: drop the trigger, the table and the functions.

PostgreSQL brings no stemmer for Kazakh. kk_fold() takes from the end of a word whatever could be an ending, so that a
word and all its inflections meet in the same stem. The stem is often shorter than the grammar's, which costs little:
both sides of a comparison are folded alike. Sources: DOMAIN.md 3 (look-alike letters).
"""

from typing import Final

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: Final = "0008"
down_revision: Final = "0007"

# Kazakh letters become the Russian ones that people without a Kazakh keyboard type, and Latin ones the Cyrillic ones
# they look like. The collation is named, so that the result is the same in every database.
LETTERS: Final = """
CREATE FUNCTION kk_letters(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN translate(lower(value COLLATE pg_c_utf8), 'әғқңөұүһіёəiıaeoycpxkmthb', 'агкноуухиеаииаеоусрхкмтхв')
"""

# 1. б and г at the end of a stem become voiced п and к (мектеп, мектебі): they are one letter here.
# 2. Short nouns of every day (су, ел, іс, ай, үй) get a third letter, since a stem has three at least.
# 3. A stem, as short as possible, then endings: plural, possession, case, and the single consonants that could be
#    either (қызмет-і or қызме-ті: nobody can tell without a dictionary, so т goes in both).
# A word is 25 letters at most for this, or made-up ones of thousands would cost seconds.
FOLD: Final = r"""
CREATE FUNCTION kk_fold(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(
    regexp_replace(translate(kk_letters(value), 'бг', 'пк') COLLATE pg_c_utf8,
                   '\m(су|ел|ис|ай|уй(?![ыа]))', '\1ъ', 'g'),
    '\m(\w{3,25}?)'
    '(?:[лдт][ае]р|[ндтс]?[ыи]|[дт][ае]к[ыи]|[ндтк][ае]|[мп]ен|[мн][ыи]з|[ыи]м|[ндтс])*\M', '\1', 'g')
"""

# pg_trgm asks the database's LC_CTYPE what a letter is, and with C it sees ASCII only: so it is given ASCII.
TRIGRAMS: Final = """
CREATE FUNCTION search_letters(value text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN translate(kk_letters(value), 'абвгдежзийклмнопрстуфхцчшщыэюяъь', 'abvgdejziiklmnoprstufhcqwwieyx')
"""

WORDS: Final = """
CREATE FUNCTION search_words(value text) RETURNS tsvector LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN to_tsvector('simple'::regconfig, kk_fold(value))
    || to_tsvector('russian'::regconfig, translate(lower(value COLLATE pg_c_utf8), 'ё', 'е'))
"""

QUERY: Final = """
CREATE FUNCTION search_query(value text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN plainto_tsquery('simple'::regconfig, kk_fold(value))
    || plainto_tsquery('russian'::regconfig, translate(lower(value COLLATE pg_c_utf8), 'ё', 'е'))
"""

INDEX_TRANSLATION: Final = """
CREATE FUNCTION index_article_translation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO article_search (article_id, language, title_letters, words)
    SELECT NEW.article_id, NEW.language, search_letters(NEW.title),
           array_to_tsvector(ARRAY[article.branch_id::text])
           || search_words(concat_ws(' ', NEW.title, NEW.summary, NEW.body_markdown))
      FROM article WHERE article.id = NEW.article_id
    ON CONFLICT (article_id, language)
    DO UPDATE SET title_letters = excluded.title_letters, words = excluded.words;
    RETURN NULL;
END $$
"""

TRIGGER: Final = """
CREATE TRIGGER article_translation_search
AFTER INSERT OR UPDATE OF title, summary, body_markdown ON article_translation
FOR EACH ROW EXECUTE FUNCTION index_article_translation()
"""


def upgrade() -> None:
    for statement in (LETTERS, FOLD, TRIGRAMS, WORDS, QUERY):
        op.execute(statement)
    op.create_table(
        "article_search",
        sa.Column("article_id", sa.Uuid(), nullable=False),
        sa.Column(
            "language",
            sa.Enum("kk", "ru", "en", name="language", native_enum=False, create_constraint=True, length=32),
            nullable=False,
        ),
        sa.Column("title_letters", sa.Text(), nullable=False),
        sa.Column("words", postgresql.TSVECTOR(), nullable=False),
        sa.ForeignKeyConstraint(
            ["article_id", "language"],
            ["article_translation.article_id", "article_translation.language"],
            name=op.f("article_search_article_id_language_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("article_id", "language", name=op.f("article_search_pkey")),
    )
    op.create_index("article_search_words_idx", "article_search", ["words"], postgresql_using="gin")
    op.create_index(
        "article_search_title_letters_idx",
        "article_search",
        ["title_letters"],
        postgresql_using="gin",
        postgresql_ops={"title_letters": "gin_trgm_ops"},
    )
    op.execute(INDEX_TRANSLATION)
    op.execute(TRIGGER)
    op.execute("UPDATE article_translation SET title = title")
    op.execute("GRANT SELECT, INSERT, UPDATE ON article_search TO unqatu_app")
