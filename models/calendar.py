"""Days on which the state's own calendar is overruled."""

from datetime import date
from uuid import UUID

from sqlmodel import Field, SQLModel

from models.base import id_field


class CalendarDay(SQLModel, table=True):
    """An exception that head office entered: the government swaps days, and announces Qurban ait late.

    Days without a row follow the weekends and the holidays of the law.
    """

    __tablename__ = "calendar_day"

    id: UUID = id_field()
    falls_on: date = Field(unique=True)
    working: bool
    note: str
    version: int = 1
