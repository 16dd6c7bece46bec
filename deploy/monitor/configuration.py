"""The files that Prometheus and Alertmanager are started with: those of deploy/, with the addresses of one stack."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from deploy.local import environment
from deploy.local.child import ROOT
from deploy.monitor import receivers

PROMETHEUS, ALERTMANAGER = ROOT / "deploy" / "prometheus", ROOT / "deploy" / "alertmanager"
HERE = "127.0.0.1"


class Ports(NamedTuple):
    """All on 127.0.0.1."""

    prometheus: int = 9090
    alertmanager: int = 9093
    redis_exporter: int = 9121
    node_exporter: int = 9100
    grafana: int = 3000


def free_ports() -> Ports:
    """The usual ones, or others where they are taken."""
    return Ports(*map(environment.free_port, Ports()))


def targets(variables: Mapping[str, str], ports: Ports) -> list[dict[str, Any]]:
    """What Prometheus scrapes, as groups of file_sd_configs. A process whose port is 0 exports nothing."""
    jobs = {
        "consumer": variables["METRICS_PORT_CONSUMER"],
        "flusher": variables["METRICS_PORT_FLUSHER"],
        "compactor": variables["METRICS_PORT_COMPACTOR"],
        "web": variables["WEB_PORT"],
        "redis": str(ports.redis_exporter),
        "node": str(ports.node_exporter),
        "prometheus": str(ports.prometheus),
        "alertmanager": str(ports.alertmanager),
    }
    return [_group(job, port) for job, port in jobs.items() if port != "0"]


def _group(job: str, port: str) -> dict[str, Any]:
    return {"labels": {"job": job}, "targets": [f"{HERE}:{port}"]}


def write(folder: Path, variables: Mapping[str, str], given: Mapping[str, str], ports: Ports) -> None:
    """`variables`: the stack's environment; `given`: what may name receivers of alerts."""
    for name in ("prometheus", "alertmanager"):
        shutil.rmtree(folder / name, ignore_errors=True)
    shutil.copytree(PROMETHEUS, folder / "prometheus")
    _dump(folder / "prometheus" / "targets" / "scraped.yml", targets(variables, ports))
    _dump(folder / "prometheus" / "targets" / "alertmanager.yml", [{"targets": [f"{HERE}:{ports.alertmanager}"]}])
    shutil.copytree(ALERTMANAGER, folder / "alertmanager")
    configuration = yaml.safe_load((ALERTMANAGER / "alertmanager.yml").read_text())
    _dump(folder / "alertmanager" / "alertmanager.yml", receivers.with_receivers(configuration, given))


def _dump(path: Path, content: Any) -> None:
    """Private: it may hold a password."""
    environment.write_private(path, yaml.safe_dump(content, sort_keys=False))
