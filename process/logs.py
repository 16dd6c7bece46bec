"""Log set-up: one line per event on stderr, as text or JSON."""

import logging
from typing import Any

import structlog


def configure(log_format: str) -> dict[str, Any]:
    """Configures structlog, and returns Django's LOGGING, which formats both structlog's events and the standard
    library's records. `log_format`: "text" or "json", which takes Python's warnings too."""
    logging.captureWarnings(log_format == "json")
    processors: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderers: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if log_format == "json"
        else [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
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
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": dict.fromkeys(("django", "django.server", "gunicorn.error"), plain),
    }
