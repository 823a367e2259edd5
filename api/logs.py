"""Logs as JSON lines, or readable ones on a terminal. Never personal data: ids, codes and templates only."""

import logging
import sys
import traceback
from typing import Final, TextIO

import structlog

LONGEST_EVENT: Final = 300


def name_exception(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Of an error its type and its places, not its message: those of databases quote values."""
    given = event.pop("exc_info", None)
    error = given[1] if isinstance(given, tuple) else sys.exception() if given is True else given
    if isinstance(error, BaseException):
        event["error"], event["at"] = type(error).__qualname__, places(error)
    return event


def shorten(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """Of what libraries say the first line: in later ones, asyncio shows values and tracebacks their messages."""
    event["event"] = str(event["event"]).partition("\n")[0][:LONGEST_EVENT]
    return event


def configure(stream: TextIO) -> None:
    """Write the logs of all libraries and of ours to `stream`."""
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer() if stream.isatty() else structlog.processors.JSONRenderer()
    )
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_exception,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        logger_factory=structlog.WriteLoggerFactory(stream),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    foreign = [structlog.stdlib.add_logger_name, *shared, shorten]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=foreign))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)


def places(error: BaseException) -> list[str]:
    """Where an error came from, innermost last: what may be logged of it besides its type, unlike its message."""
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    return [f"{frame.filename.rsplit('/', 3)[-1]}:{frame.lineno} {frame.name}" for frame in frames]
