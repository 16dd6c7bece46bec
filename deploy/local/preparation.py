"""Prepares Redis, the catalog and an admin, and says which processes to start."""

import os
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local import environment
from deploy.local.child import ROOT, Child
from deploy.local.redis_process import RedisProcess

MANAGE = [sys.executable, "manage.py"]
REDIS_MEMORY = {"demo": "256mb", "run": "2gb"}
SIMULATED_EVENTS_PER_SECOND = 2000  # the real network has about 1,700 on a busy day
NEW_ADMIN = """
import os
from django.contrib.auth import get_user_model
admin, _ = get_user_model().objects.get_or_create(username="admin", defaults={"is_staff": True, "is_superuser": True})
admin.set_password(os.environ["NEW_PASSWORD"])
admin.save()
"""


class StackError(Exception):
    """Why the stack can't start, in one sentence for the terminal."""


def refuse_taken_port(port: str, name: str) -> None:
    if not port.isdigit() or not environment.port_is_free(int(port)):
        raise StackError(f"port {port} is in use or can't be opened. Choose another: WEB_PORT=8001 make {name}")


def start_redis(name: str, folder: Path) -> RedisProcess:
    script = ["bash", "deploy/local/redis.sh"]
    if subprocess.run(script, cwd=ROOT, check=False).returncode:
        raise StackError("no redis-server, see above.")
    redis = RedisProcess(folder / "redis", maxmemory=REDIS_MEMORY[name])
    redis.child.log = folder / "log" / "redis.log"  # beside the others
    redis.start()
    return redis


def make_children(name: str, folder: Path, chosen: Mapping[str, str], simulator_port: int) -> list[Child]:
    variables = {"GUNICORN_CMD_ARGS": f"--bind=127.0.0.1:{chosen['WEB_PORT']}", **os.environ, **chosen}
    return [
        Child(process, command, variables, folder / "log" / f"{process}.log")
        for process, command in commands(name, simulator_port).items()
    ]


def commands(name: str, simulator_port: int) -> dict[str, list[str]]:
    """In the order in which events pass through them, in which they start and stop."""
    words = f"simulate_jetstream --rate {SIMULATED_EVENTS_PER_SECOND} --seed 1 --port {simulator_port}".split()
    simulated = {"simulator": [*MANAGE, *words]} if name == "demo" else {}
    return {
        **simulated,
        "consumer": [*MANAGE, "consume_jetstream"],
        "flusher": [*MANAGE, "flush_buffer"],
        "compactor": [*MANAGE, "compact_lake"],
        "handles": [*MANAGE, "resolve_handles"],
        "maintenance": [*MANAGE, "maintain_lake"],
        "web": [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py"],
    }


def manage(chosen: Mapping[str, str], *arguments: str) -> None:
    """Runs a command in a session of its own: Ctrl-C must not interrupt a migration."""
    command = subprocess.run(
        [*MANAGE, *arguments],
        cwd=ROOT,
        env={**os.environ, **chosen},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        check=False,
    )
    if command.returncode:
        raise StackError(f"manage.py {arguments[0]} failed: {command.stdout.strip()[-2000:]}")


def new_admin(chosen: Mapping[str, str]) -> str:
    """Each start sets a new password, so that a lost one does not matter."""
    password = secrets.token_urlsafe(12)
    manage({**chosen, "NEW_PASSWORD": password}, "shell", "-c", NEW_ADMIN)
    return f"name: admin   password: {password}"
