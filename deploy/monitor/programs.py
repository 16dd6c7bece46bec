"""The programs of `make monitor`: where they are, and how they are started."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

from deploy.local.child import ROOT, Child
from deploy.monitor.configuration import HERE, Ports

NEEDED = ("prometheus", "prometheus-alertmanager", "prometheus-redis-exporter", "prometheus-node-exporter")
RETENTION = "30d"
TEXTFILES = "textfiles"  # the folder of what node_exporter serves as it is
GRAFANA_HOME = "/usr/share/grafana"


class MissingError(Exception):
    """A program is not here; the lines above say why."""


def install() -> None:
    script = ["bash", "deploy/monitor/packages.sh", *NEEDED]
    if subprocess.run(script, cwd=ROOT, check=False).returncode:
        raise MissingError("not all of its programs are here, see above.")


def find(name: str) -> str | None:
    """Of the system, or unpacked beside the virtual environment."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}{os.pathsep}{Path(sys.executable).parent}")


def make_children(folder: Path, redis_url: str, ports: Ports, origins: Sequence[str] = ()) -> list[Child]:
    """In the order in which they stop: what alerts ends first, so that the end of the others alerts nobody.

    `origins`: https ones, whose certificates are watched."""
    commands = {
        "prometheus": _prometheus(folder, ports.prometheus),
        "alertmanager": _alertmanager(folder, ports.alertmanager),
        "redis_exporter": _redis_exporter(redis_url, ports.redis_exporter),
        "node_exporter": _node_exporter(folder, ports.node_exporter),
        **({"certificate": _certificate(folder, origins)} if origins else {}),
    }
    children = [_child(name, command, folder, {}) for name, command in commands.items()]
    return children + ([_grafana(folder, ports)] if find("grafana-server") else [])


def _child(name: str, command: list[str], folder: Path, variables: Mapping[str, str]) -> Child:
    program = find(command[0]) or command[0]
    return Child(name, [program, *command[1:]], {**os.environ, **variables}, folder / "log" / f"{name}.log")


def _prometheus(folder: Path, port: int) -> list[str]:
    return [
        "prometheus",
        f"--config.file={folder / 'prometheus' / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data' / 'prometheus'}",
        f"--storage.tsdb.retention.time={RETENTION}",
        f"--web.listen-address={HERE}:{port}",
    ]


def _alertmanager(folder: Path, port: int) -> list[str]:
    return [
        "prometheus-alertmanager",
        f"--config.file={folder / 'alertmanager' / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data' / 'alertmanager'}",
        f"--web.listen-address={HERE}:{port}",
        f"--web.external-url=http://localhost:{port}",
        "--cluster.listen-address=",  # it has no peers
    ]


def _redis_exporter(redis_url: str, port: int) -> list[str]:
    """It takes the path of a socket as it is, not quoted as in an URL."""
    address = unquote(redis_url) if redis_url.startswith("unix://") else redis_url
    return ["prometheus-redis-exporter", f"-redis.addr={address}", f"-web.listen-address={HERE}:{port}"]


def _node_exporter(folder: Path, port: int) -> list[str]:
    textfiles = f"--collector.textfile.directory={folder / TEXTFILES}"
    return ["prometheus-node-exporter", f"--web.listen-address={HERE}:{port}", textfiles]


def _certificate(folder: Path, origins: Sequence[str]) -> list[str]:
    return [sys.executable, "-m", "deploy.monitor.certificate", str(folder / TEXTFILES), *origins]


def _grafana(folder: Path, ports: Ports) -> Child:
    """Anyone on this machine may look, nobody changes: the dashboards are files."""
    variables = {
        "GF_SERVER_HTTP_ADDR": HERE,
        "GF_SERVER_HTTP_PORT": str(ports.grafana),
        "GF_PATHS_DATA": str(folder / "data" / "grafana"),
        "GF_PATHS_LOGS": str(folder / "log"),
        "GF_PATHS_PROVISIONING": str(ROOT / "deploy" / "grafana" / "provisioning"),
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "PROMETHEUS_URL": f"http://{HERE}:{ports.prometheus}",
        "DASHBOARDS": str(ROOT / "deploy" / "grafana" / "dashboards"),
    }
    return _child("grafana", ["grafana-server", f"--homepath={GRAFANA_HOME}"], folder, variables)
