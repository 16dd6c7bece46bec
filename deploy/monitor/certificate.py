"""`python -m deploy.monitor.certificate FOLDER ORIGIN...` writes when the certificates of these https origins end,
every five minutes, for node_exporter's textfile collector. Caddy exports no metric of it."""

import socket
import ssl
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

NAME = "certificate_expires_timestamp_seconds"
HELP = "When the certificate that a visitor gets ends; 0: it is refused. Within 14 days: look at Caddy's log."
PERIOD_SECONDS = 300
ANSWER_SECONDS = 10.0


def expiry(origin: str) -> float | None:
    """Unix time; 0 if a visitor's browser would refuse it, None if nobody answers, of which other alerts tell."""
    address = urlsplit(origin)
    name, port = address.hostname or "", address.port or 443
    try:
        with (
            socket.create_connection((name, port), ANSWER_SECONDS) as connection,
            ssl.create_default_context().wrap_socket(connection, server_hostname=name) as secure,
        ):
            certificate = secure.getpeercert() or {}
            return float(ssl.cert_time_to_seconds(str(certificate["notAfter"])))
    except ssl.SSLCertVerificationError:
        return 0.0
    except OSError:
        return None


def exposition(expiries: dict[str, float | None]) -> str:
    samples = [f'{NAME}{{origin="{origin}"}} {value:.0f}' for origin, value in expiries.items() if value is not None]
    return "\n".join([f"# HELP {NAME} {HELP}", f"# TYPE {NAME} gauge", *samples, ""])


def write(folder: Path, origins: Sequence[str]) -> None:
    """At once or not at all: it may be read at any time."""
    folder.mkdir(parents=True, exist_ok=True)
    growing = folder / "certificate.prom.tmp"
    growing.write_text(exposition({origin: expiry(origin) for origin in origins}))
    growing.replace(folder / "certificate.prom")


def https_origins(text: str) -> list[str]:
    """Of a comma list such as CSRF_TRUSTED_ORIGINS; a wildcard names no host to ask."""
    origins = [origin.strip() for origin in text.split(",")]
    return [origin for origin in origins if origin.startswith("https://") and "*" not in origin]


if __name__ == "__main__":
    while True:
        write(Path(sys.argv[1]), sys.argv[2:])
        time.sleep(PERIOD_SECONDS)
