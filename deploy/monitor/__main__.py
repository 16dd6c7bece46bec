"""`make monitor`: until Ctrl-C. It keeps its measurements, and the stack does not notice it."""

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local import environment
from deploy.local.child import ROOT, Child
from deploy.local.preparation import StackError
from deploy.local.screen import Screen
from deploy.local.stack import StopRequest, only_one
from deploy.local.supervisor import GaveUpError, Supervisor
from deploy.monitor import configuration, programs, receivers
from deploy.monitor.certificate import https_origins
from deploy.monitor.configuration import Ports
from process import secret_files
from process.locks import Locked, exclusive

STACKS = ("run", "demo")
REFUSALS = (programs.MissingError, receivers.IncompleteError, secret_files.SecretFileError)


def main() -> int:
    folder = ROOT / "var" / "monitor"
    try:
        stack = running_stack(ROOT / "var")
        with only_one(folder):
            programs.install()
            monitor(folder, environment.dotenv(stack / "env"), Screen())
    except (*REFUSALS, StackError, GaveUpError) as error:
        print(f"make monitor: {error}", file=sys.stderr)
        return 1
    return 0


def running_stack(var: Path) -> Path:
    """The folder of the stack that runs: of `make run` rather than of `make demo`."""
    for name in STACKS:
        if (var / name / "env").exists() and _locked(var / name / "lock"):
            return var / name
    raise StackError("no stack is running: start one in another terminal first, with make run or make demo.")


def _locked(path: Path) -> bool:
    try:
        with exclusive(path, mode="r"):
            return False
    except FileNotFoundError:
        return False
    except Locked:
        return True


def monitor(folder: Path, variables: Mapping[str, str], screen: Screen) -> None:
    stop, ports = StopRequest(), configuration.free_ports()
    given = secret_files.resolved(receivers.SECRETS, environment.dotenv(ROOT / ".env") | os.environ)
    configuration.write(folder, variables, given, ports)
    origins = https_origins(given.get("CSRF_TRUSTED_ORIGINS", ""))
    supervisor = Supervisor(programs.make_children(folder, variables["REDIS_URL"], ports, origins), screen.say)
    try:
        supervisor.start()
        screen.say(welcome(folder, ports, supervisor.children, told(given)))
        while not stop.made:
            supervisor.tend()
            time.sleep(0.2)
    finally:
        screen.say("Stopping: " + ", ".join(child.name for child in supervisor.children))
        supervisor.stop()
        kept = os.path.relpath(folder, ROOT)
        screen.say(f"Stopped. All measurements are kept in {kept}: rm -rf {kept} removes them.")


def told(given: Mapping[str, str]) -> str:
    """Who gets alerts, in words."""
    ways = [given.get(name, "") for name in ("ALERT_EMAIL_TO", "ALERT_WEBHOOK_URL")]
    return ", ".join(filter(None, ways)) or "nobody yet: set ALERT_EMAIL_TO or ALERT_WEBHOOK_URL in .env"


def welcome(folder: Path, ports: Ports, children: Sequence[Child], receivers: str) -> str:
    grafana = any(child.name == "grafana" for child in children)
    dashboards = f"http://localhost:{ports.grafana}/dashboards" if grafana else "Grafana is not installed"
    return f"""
  Dashboards  {dashboards}
  Targets     http://localhost:{ports.prometheus}/targets
  Alerts      http://localhost:{ports.prometheus}/alerts, sent ones: http://localhost:{ports.alertmanager}
  Sent to     {receivers}
  Logs        {os.path.relpath(folder, ROOT)}/log/
  Stop        Ctrl-C
"""


if __name__ == "__main__":
    sys.exit(main())
