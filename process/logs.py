"""Log set-up: one line per event on stderr, as text or JSON. docs/operations.md has the levels and what they mean."""

import logging
import sys
import traceback
from types import TracebackType
from typing import Any, TextIO

import structlog

from process import error_tracker

SHOWN = 500  # characters of a value and of a line of a traceback: errors of the engine quote what they could not read

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def configure(log_format: str) -> dict[str, Any]:
    """Configures structlog, and returns Django's LOGGING, which formats both structlog's events and the standard
    library's records. `log_format`: "text", "json", which takes Python's warnings too, or "auto": text on a terminal,
    else JSON."""
    json = log_format == "json" or (log_format == "auto" and not sys.stderr.isatty())
    logging.captureWarnings(json)
    processors: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,  # the id of the request
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        error_tracker.processor,
        _shorten,
    ]
    structlog.configure(
        processors=[*processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderers: list[structlog.typing.Processor] = (
        [structlog.processors.ExceptionRenderer(_traceback), structlog.processors.JSONRenderer()]
        if json
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=_write_traceback)]
    )
    line = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": processors,
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
    }
    plain = {"handlers": [], "level": "INFO", "propagate": True}  # in place of the handlers that they bring
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": line},
        "filters": {"once": {"()": lambda: _is_told_once}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["once"]}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": dict.fromkeys(("django", "django.server", "gunicorn.error"), plain),
    }


def _is_told_once(record: logging.LogRecord) -> bool:
    """False for what Django says of a refused request: the API logs each with its id. Of other failures Django has the
    traceback."""
    if record.name == "django.server":  # the arguments of an access line: request, status, size
        return not (isinstance(record.args, tuple) and len(record.args) == 3 and str(record.args[1])[:1] in "45")
    return not (record.name.startswith("django.") and 400 <= getattr(record, "status_code", 0) < 500)


def _shorten(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {name: _cut(value) if isinstance(value, str) else value for name, value in event.items()}


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def _traceback(exc_info: ExcInfo) -> str:
    lines = "".join(traceback.format_exception(*exc_info)).splitlines()
    return "\n".join(map(_cut, lines))


def _write_traceback(file: TextIO, exc_info: ExcInfo) -> None:
    file.write("\n" + _traceback(exc_info))
