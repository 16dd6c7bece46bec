"""The environment of the processes of `make demo` and `make run`."""

import os
import secrets
import shlex
import socket
from collections.abc import Mapping
from pathlib import Path

import environ

from deploy.local.child import ROOT
from process import secret_files

SECRETS = ("DJANGO_SECRET_KEY", "REDIS_URL")  # those that make run has defaults for
METRICS_PORTS = ("METRICS_PORT_CONSUMER", "METRICS_PORT_FLUSHER", "METRICS_PORT_COMPACTOR")


def choose(name: str, folder: Path, simulator_port: int) -> dict[str, str]:
    """The variables that differ from the shell's environment. REDIS_URL only if it is set somewhere."""
    example = dotenv(ROOT / ".env.example")
    if name == "demo":
        given = secret_files.resolved(SECRETS, os.environ)
        chosen = demo(folder, simulator_port)
    else:
        given = secret_files.resolved(SECRETS, changed(dotenv(ROOT / ".env"), example) | os.environ)
        chosen = run(given, folder)
    redis = {"REDIS_URL": given["REDIS_URL"]} if given.get("REDIS_URL") else {}
    redis |= {f"{name}_FILE": "" for name in SECRETS}  # read here: the processes get the values
    # The logs of the stack are files that people read; whoever collects them sets LOG_FORMAT=json.
    return chosen | {"LOG_FORMAT": given.get("LOG_FORMAT") or "text"} | ports(given, example) | redis


def demo(folder: Path, simulator_port: int) -> dict[str, str]:
    """Apart from all real data: of the shell and .env only ports, hosts and a Redis are used."""
    return {
        "DJANGO_DEBUG": "true",
        "DATABASE_PATH": str(folder / "catalog.sqlite3"),
        "LAKE_ROOT": str(folder / "lake"),
        "JETSTREAM_URLS": f"ws://127.0.0.1:{simulator_port}/subscribe",
        "JETSTREAM_COLLECTIONS": "",
        "FLUSH_INTERVAL_SECONDS": "5",
        "COMPACT_AFTER_SECONDS": "60",  # a visitor sees the last hour become one file
        "SWEEP_GRACE_SECONDS": "30",
        "BACKUP_DIR": "",
        "APPVIEW_URL": f"http://127.0.0.1:{simulator_port}",  # the simulator serves the handles of its people
    }


def run(given: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The given values, and defaults for one machine."""
    defaults = {
        "DJANGO_DEBUG": "false",
        "DATABASE_PATH": str(folder / "catalog.sqlite3"),
        "LAKE_ROOT": str(folder / "lake"),
    }
    own = {name: given.get(name) or value for name, value in defaults.items()}
    return own | {"DJANGO_SECRET_KEY": given.get("DJANGO_SECRET_KEY") or secret_key(folder / "secret_key")}


def ports(given: Mapping[str, str], example: Mapping[str, str]) -> dict[str, str]:
    """The given ports, or the defaults; for metrics a free port where the default is taken."""
    metrics = {name: given.get(name) or str(free_port(int(example.get(name, "0")))) for name in METRICS_PORTS}
    return metrics | {"WEB_PORT": given.get("WEB_PORT") or example.get("WEB_PORT", "8000")}


def allowed_host() -> str:
    """A name that the web process answers to."""
    names = os.environ.get("DJANGO_ALLOWED_HOSTS") or dotenv(ROOT / ".env").get("DJANGO_ALLOWED_HOSTS") or "localhost"
    return names.split(",")[0].strip().lstrip(".*") or "localhost"


class _Dotenv(environ.Env):  # type: ignore[misc]
    ENVIRON: dict[str, str] = {}  # read_env() fills it, in place of os.environ


def dotenv(path: Path) -> dict[str, str]:
    """The variables of a .env file; none if it is missing."""
    _Dotenv.ENVIRON = {}
    if path.is_file():
        _Dotenv.read_env(path)
    return _Dotenv.ENVIRON


def changed(file: Mapping[str, str], example: Mapping[str, str]) -> dict[str, str]:
    """The variables of .env that differ from .env.example."""
    return {name: value for name, value in file.items() if value and value != example.get(name)}


def secret_key(path: Path) -> str:
    """Created once: a new one would invalidate every session and token."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(48) + "\n")
    return path.read_text().strip()


def write_private(path: Path, content: str) -> None:
    """Writes a file that only its owner can read, from its first byte on."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(content)


def shell_lines(variables: Mapping[str, str]) -> str:
    """For `.` in a shell: manage.py commands then use the same data."""
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())


def port_is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: allows TIME_WAIT
        try:
            listener.bind(("", port))
        except OSError:
            return False
        return True


def free_port(preferred: int = 0) -> int:
    if preferred and port_is_free(preferred):
        return preferred
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
