"""Structured logs: one JSON object a line on standard error.

What belongs to people (numbers, SIP addresses, digits, sentences, URLs, what a peer wrote) goes into fields whose names
begin with `pii_`, and nowhere else: whoever keeps or ships logs can drop those fields by that name. So an event's text
is a constant, the message of an exception is apart from its traceback, and what libraries write counts as personal as
a whole, because nobody knows what they put into it. Secrets are not logged at all.
"""

import logging
import sys
import traceback
from collections.abc import Iterator

import structlog
from structlog.typing import EventDict, WrappedLogger

LEVEL = logging.INFO
MAX_MESSAGES = 10
"""Exceptions of one chain whose messages are kept: beyond it a log line only grows."""


def configure_logs() -> None:
    """Send our own logs and those of the libraries to standard error, in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        split_exception,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(LEVEL),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, mark_foreign, *shared],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def mark_foreign(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """A library's text becomes a marked field."""
    event["pii_message"] = str(event.get("event", ""))
    event["event"] = "a library has something to say"
    return event


def split_exception(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The traceback with the classes of its exceptions into `exception`, their messages into `pii_exception`."""
    error = _find_error(event.pop("exc_info", None))
    if error is None:
        return event
    chain = list(_chain(traceback.TracebackException.from_exception(error, limit=None)))
    event["exception"] = "".join(_traceback(each) for each in chain)
    event["pii_exception"] = [str(each) for each in chain[-MAX_MESSAGES:]]
    return event


def _find_error(info: object) -> BaseException | None:
    if isinstance(info, BaseException):
        return info
    found = info if isinstance(info, tuple) else sys.exc_info() if info else (None, None, None)
    return found[1] if isinstance(found[1], BaseException) else None


def _chain(error: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """Causes first, as Python shows them; then those of a group."""
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        yield from _chain(earlier)
    yield error
    for member in error.exceptions or ():
        yield from _chain(member)


def _traceback(error: traceback.TracebackException) -> str:
    name = error.exc_type.__qualname__ if error.exc_type is not None else "?"
    return "Traceback (most recent call last):\n" + "".join(error.stack.format()) + f"{name}\n"
