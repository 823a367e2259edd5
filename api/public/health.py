"""Whether this process lives, and whether it can work."""

from typing import Literal

from fastapi import APIRouter
from sqlalchemy import text

from api.deps import Session
from api.openapi import problems
from api.types import Out
from models.db import execute

router = APIRouter(prefix="/health", tags=["public"])


class HealthOut(Out):
    """`ok`, or the answer is a problem."""

    status: Literal["ok"] = "ok"


@router.get("/live", summary="Is the process alive")
async def get_live() -> HealthOut:
    """Answers as long as the process turns; asks nothing of the database."""
    return HealthOut()


@router.get("/ready", summary="Can the process work", responses=problems())
async def get_ready(session: Session) -> HealthOut:
    """Answers when the database does."""
    await execute(session, text("SELECT 1"))
    return HealthOut()
