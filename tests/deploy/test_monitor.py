"""make monitor as a person meets it, and whom it tells."""

import os
import shlex
import signal
import subprocess
import sys

import pytest
import yaml

from deploy.local.child import ROOT
from deploy.local.preparation import StackError
from deploy.local.redis_process import redis_process
from deploy.monitor import __main__ as monitor
from deploy.monitor.configuration import ALERTMANAGER, Ports
from deploy.monitor.programs import NEEDED, find, make_children
from deploy.monitor.receivers import IncompleteError, with_receivers
from process.locks import exclusive

SHIPPED = yaml.safe_load((ALERTMANAGER / "alertmanager.yml").read_text())
MAIL = {"ALERT_EMAIL_TO": "a@example.org", "ALERT_EMAIL_FROM": "b@example.org", "ALERT_SMTP": "mail.example.org:587"}


def operator(**given):
    return next(one for one in with_receivers(SHIPPED, given)["receivers"] if one["name"] == "operator")


def test_without_variables_nobody_is_told():
    assert operator() == {"name": "operator"}


def test_a_mail_is_sent_over_tls_except_on_this_machine():
    (mail,) = operator(**MAIL)["email_configs"]
    assert (mail["to"], mail["from"], mail["smarthost"]) == tuple(MAIL.values())
    assert mail["require_tls"]
    assert "auth_username" not in mail
    (local,) = operator(**MAIL | {"ALERT_SMTP": "127.0.0.1:25"})["email_configs"]
    assert not local["require_tls"]


def test_a_mail_server_may_want_a_login():
    (mail,) = operator(**MAIL, ALERT_SMTP_USER="me", ALERT_SMTP_PASSWORD="secret")["email_configs"]
    assert (mail["auth_username"], mail["auth_password"]) == ("me", "secret")


def test_a_webhook_is_told_the_end_too():
    assert operator(ALERT_WEBHOOK_URL="http://x/")["webhook_configs"] == [{"url": "http://x/", "send_resolved": True}]


@pytest.mark.parametrize("missing", ["ALERT_EMAIL_FROM", "ALERT_SMTP"])
def test_half_of_an_address_is_refused_with_what_is_missing(missing):
    with pytest.raises(IncompleteError, match=f"{missing} is not"):
        operator(**MAIL | {missing: ""})


def test_receivers_are_written_for_a_container(tmp_path):
    file, password = tmp_path / "alertmanager.yml", tmp_path / "password"
    password.write_text("secret\n")

    def written(given):
        command = [sys.executable, "-m", "deploy.monitor.receivers", str(file)]
        return subprocess.run(command, cwd=ROOT, env=given, capture_output=True, text=True, check=False)

    given = {**os.environ, **MAIL, "ALERT_SMTP_USER": "me", "ALERT_SMTP_PASSWORD_FILE": str(password)}
    assert written(given).returncode == 0
    (mail,) = yaml.safe_load(file.read_text())["receivers"][0]["email_configs"]
    assert (mail["to"], mail["auth_password"]) == (MAIL["ALERT_EMAIL_TO"], "secret")
    refused = written({**given, "ALERT_SMTP": ""})
    assert (refused.returncode, refused.stderr) == (
        1,
        "Configuration: ALERT_EMAIL_TO is set, and ALERT_SMTP is not: set it too, or neither.\n",
    )


def test_the_exporter_gets_the_path_of_a_socket_unquoted(tmp_path):
    children = make_children(tmp_path, "unix:///a%20b/redis.sock", Ports())
    assert "-redis.addr=unix:///a b/redis.sock" in children[2].command


def stack_folder(var, name):
    folder = var / name
    folder.mkdir(parents=True)
    (folder / "env").write_text("")
    (folder / "lock").write_text("")
    return folder


def test_the_stack_that_runs_is_watched(tmp_path):
    stack_folder(tmp_path, "run")
    demo = stack_folder(tmp_path, "demo")
    with pytest.raises(StackError, match="no stack is running: start one"):
        monitor.running_stack(tmp_path)
    with exclusive(demo / "lock"):
        assert monitor.running_stack(tmp_path) == demo


# The real main in a folder of its own.
ELSEWHERE = """
import sys
from pathlib import Path
from deploy.monitor import __main__ as monitor
monitor.ROOT = Path(sys.argv[1])
sys.exit(monitor.main())
"""


@pytest.mark.skipif(not all(map(find, NEEDED)), reason=f"needs {' '.join(NEEDED)}: make monitor unpacks them")
def test_it_says_where_to_look_and_leaves_nothing_running(tmp_path):
    stack = stack_folder(tmp_path / "var", "run")
    with redis_process(tmp_path / "redis") as redis, exclusive(stack / "lock"):
        ports = dict.fromkeys(("METRICS_PORT_CONSUMER", "METRICS_PORT_FLUSHER", "METRICS_PORT_COMPACTOR"), "0")
        variables = {"REDIS_URL": redis.url, "WEB_PORT": "8000", **ports}
        (stack / "env").write_text(
            "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items())
        )
        command = [sys.executable, "-c", ELSEWHERE, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=dict(os.environ)) as process:
            lines = iter(process.stdout.readline, "")
            shown = [next(lines) for _ in range(7)]
            process.send_signal(signal.SIGINT)
            rest = process.stdout.read()
    assert any("http://localhost:" in line and "/targets" in line for line in shown)
    assert any("nobody yet: set ALERT_EMAIL_TO" in line for line in shown)
    assert process.returncode == 0, rest
    assert "was killed" not in rest
    assert "prometheus, alertmanager, redis_exporter, node_exporter" in rest
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True).stdout
    assert str(tmp_path) not in left
