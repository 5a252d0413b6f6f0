"""Structured logs: one JSON object a line, and no personal value in any of them.

Default-deny: a key that is not on `ALLOWED` is withheld, whoever logs it.  An exception is logged by its type and the
places it passed, never by its message, because messages quote what they choke on (`Key (email)=(…) already exists`).
"""

import logging
import sys
import threading
import traceback
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any, Final

import structlog

ALLOWED: Final = frozenset(
    """event level logger timestamp process pid port child code signal attempt delay_s seconds count size sequence
    stream epoch route method status duration_ms job task queue failure version path_kind reason exception state
    watermark lag check url_kind workers from_sequence messages events slates videos""".split()  # noqa: SIM905 - a list of quoted words would be harder to read.
)
WITHHELD: Final = "[withheld]"


def withhold_unlisted_keys(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace the value of every key that is not on the list."""
    for key in event:
        if key not in ALLOWED:
            event[key] = WITHHELD
    return event


def exception_without_message(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Turn `exc_info` into the exception's type and frames."""
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    elif isinstance(info, BaseException):
        info = (type(info), info, info.__traceback__)
    if info and info[0] is not None:
        frames = traceback.extract_tb(info[2])
        event["exception"] = {
            "type": info[0].__qualname__,
            "frames": [f"{frame.filename.rsplit('/', 3)[-1]}:{frame.lineno} {frame.name}" for frame in frames[-12:]],
        }
    return event


class _WithoutValues(logging.Filter):
    """Log lines of libraries are texts: where values were still to be put in, the template is kept without them.

    A text without arguments may have its values in it already ("Invalid HTTP_HOST header: …"), so it is withheld; the
    logger's name and the exception's frames say where to look.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        # A line of our own is a dictionary, which passes the list of keys instead.
        if isinstance(record.msg, str):
            record.msg = record.msg if record.args else WITHHELD
            record.args = ()
        return True


def _log_uncaught(kind: type[BaseException], error: BaseException, frames: TracebackType | None) -> None:
    """Log what ends a process, in place of Python's own way, which prints the exception's message."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, frames)
    else:
        structlog.get_logger("glaswerk").critical("uncaught exception", exc_info=(kind, error, frames))


def configure(level: str = "INFO") -> None:
    """Send the project's and the libraries' logs to standard error as JSON lines."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        exception_without_message,
        withhold_unlisted_keys,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    # At the handler and not at loggers, whose filters do not see what the loggers below them pass up.
    handler.addFilter(_WithoutValues())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda ended: _log_uncaught(
        ended.exc_type, ended.exc_value or ended.exc_type(), ended.exc_traceback
    )
    # Django writes a line for every 4xx, which is noise; a 5xx keeps its line, with the exception and without the path.
    logging.getLogger("django.request").setLevel("ERROR")
    logging.getLogger("django.security").setLevel("ERROR")
    logging.getLogger("procrastinate").setLevel("WARNING")
    logging.getLogger("httpx").setLevel("WARNING")
