"""Folding of Kazakh words: a word and its inflections meet, different words do not."""

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from models.db import execute

FOLD = text("SELECT kk_fold(:value)")

FAMILIES = """
бала балалар балаларымыздың баласы балаға баланы балада
жол жолы жолдар жолды жолда жолдан жолдың жолымыз жолдары жолдарында жолдарынан жолына жолмен
мектеп мектебі мектебінде мектептер мектепте мектептен мектептердің мектепке
жаңалық жаңалықтар жаңалығы жаңалықты жаңалықтарымыз жаналык
азамат азаматтар азаматтардың азаматтарға азаматтармен aзамат
су суы суды суға судың сумен суда
ел елі елге елдің еліміз елінде
үй үйі үйге үйлер үйде үйден
қала қалада қаланың қалалар қалаға қаладағы қаласы қаласында қaлa
Атырау Атырауда Атыраудың Атырауға Атыраудағы
Мақат Мақатта Мақаттың Мақатқа Мақаттағы
Құрманғазы Құрманғазыда Құрманғазының
дәрігер дәрігерлер дәрігері дəрігер дәрігерге
депутат депутаттар депутаттың депутатпен
сауалнама сауалнамасы сауалнамаға сауалнамалар сауалнамада
өтініш өтініштер өтінішті өтінішім өтінішіңіз өтініші өтiнiш
жұмыс жұмысы жұмысқа жұмыстар жұмыста
төраға төрағасы төрағаның төрағалар
ұйым ұйымы ұйымдар ұйымның ұйымында
кеңес кеңесі кеңестің кеңесте
аудан ауданы ауданда ауданның аудандар ауданымыз
қызмет қызметі қызметінің қызметтер
партия партияның партиясы партияға
басшы басшысы басшылар басшысының
көмек көмегі көмекке көмегімен
""".strip().splitlines()


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.split()[0])
async def test_inflections_meet_in_one_stem(session: AsyncSession, family: str) -> None:
    stems = {(await execute(session, FOLD, value=word)).scalar_one() for word in family.split()}
    assert len(stems) == 1, stems


async def test_words_of_different_meaning_stay_apart(session: AsyncSession) -> None:
    stems = [(await execute(session, FOLD, value=family.split()[0])).scalar_one() for family in FAMILIES]
    assert len(set(stems)) == len(FAMILIES)
    assert (await execute(session, FOLD, value="жаңа")).scalar_one() != (
        await execute(session, FOLD, value="жаға")
    ).scalar_one()


@pytest.mark.parametrize("value", ["", "!?", "да" * 10_000 + "ч", "дада " * 4_000, "\U0001f600 жол"])
async def test_odd_text_is_folded_too(session: AsyncSession, value: str) -> None:
    assert (await execute(session, FOLD, value=value)).scalar_one() is not None
