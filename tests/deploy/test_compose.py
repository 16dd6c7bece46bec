"""What deploy/compose.yml promises of its containers: limits that fit, one open door, names that agree."""

import re
import stat
import subprocess

import pytest
import yaml

from deploy.local.child import ROOT
from deploy.monitor import receivers
from process.heartbeats import COMMANDS

COMPOSE = yaml.safe_load((ROOT / "deploy/compose.yml").read_text())
SERVICES = COMPOSE["services"]
FOR_CONTAINERS_MIB = 7600  # of a server with 8 GB; the rest is the system's
LASTING = sorted(name for name, service in SERVICES.items() if service["restart"] != "no")


def mib(size):
    return int(size.removesuffix("m"))


def internal(network):
    return (COMPOSE["networks"][network] or {}).get("internal", False)


def test_the_limits_fit_a_server_with_8_gb():
    assert sum(mib(SERVICES[name]["mem_limit"]) for name in LASTING) <= FOR_CONTAINERS_MIB


def test_redis_has_room_for_the_fork_that_saves():
    (gigabytes,) = re.findall(r"maxmemory (\d+)gb", SERVICES["redis"]["command"][-1])
    assert mib(SERVICES["redis"]["mem_limit"]) >= int(gigabytes) * 1024 * 1.5


@pytest.mark.parametrize("name", SERVICES)
def test_each_container_is_confined(name):
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cpus"] <= 2
    assert {"mem_limit", "pids_limit", "healthcheck"} <= service.keys()
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}


def test_a_process_that_ends_is_started_again():
    assert {SERVICES[name]["restart"] for name in LASTING} == {"unless-stopped"}
    assert sorted(SERVICES.keys() - set(LASTING)) == ["receivers", "setup"]


def test_only_caddy_has_ports():
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["caddy"]
    assert {port.rpartition(":")[2] for port in SERVICES["caddy"]["ports"]} == {"80", "443", "443/udp"}


@pytest.mark.parametrize("name", ["redis", "web", "prometheus", "grafana", "redis_exporter", "node_exporter"])
def test_what_only_others_ask_has_no_way_out(name):
    assert all(internal(network) for network in SERVICES[name]["networks"])


def test_web_reads_the_lake_and_does_not_write_it():
    assert "lake:/lake:ro" in SERVICES["web"]["volumes"]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_process_is_asked_for_its_own_health_and_shares_the_catalog(name):
    service = SERVICES[name]
    assert service["environment"]["PROCESS"] == name
    assert "catalog:/catalog" in service["volumes"]


def test_caddy_asks_web_under_two_names_of_which_one_is_there_at_the_start():
    caddyfile = (ROOT / "deploy/caddy/Caddyfile").read_text()
    (asked,) = re.findall(r"reverse_proxy (web.*) {", caddyfile)
    assert SERVICES["web"]["networks"]["front"]["aliases"] == ["web-a"]
    hosts = SERVICES["web"]["environment"]["DJANGO_ALLOWED_HOSTS"].split(",")
    assert {name.partition(":")[0] for name in asked.split()} == {"web-a", "web-b"} <= set(hosts)


def test_a_web_container_that_is_stopped_may_finish_an_export():
    web = SERVICES["web"]
    assert int(web["stop_grace_period"].removesuffix("s")) > int(web["command"][-1]) == 600


def test_a_connection_that_caddy_keeps_is_never_closed_by_gunicorn_first():
    (kept,) = re.findall(r"keepalive (\d+)s", (ROOT / "deploy/caddy/Caddyfile").read_text())
    (closed,) = re.findall(r"^keepalive = (\d+)", (ROOT / "deploy/gunicorn.conf.py").read_text(), re.MULTILINE)
    assert int(kept) < int(closed)


def test_upkeep_reads_the_lake_and_writes_backups_only_where_the_operator_says():
    service = SERVICES["maintenance"]
    assert "lake:/lake:ro" in service["volumes"]
    assert "${BACKUP_DIR:-backup}:/backup" in service["volumes"]
    assert service["environment"]["BACKUP_DIR"] == "${BACKUP_DIR:+/backup/explorer}"
    assert service["network_mode"] == "none"


def written_receivers(folder, **secrets):
    """What the container `receivers` hands to its program: its own script, with other folders and `env` for python."""
    for name in ("alert_smtp_password", "alert_webhook_url"):
        (folder / name).write_text(secrets.get(name, ""))
    script = SERVICES["receivers"]["command"][-1].replace("$$", "$").replace("/run/secrets", str(folder))
    script = re.sub(r"cp .*\n", "", script).replace("cd /app", "cd /")
    script = re.sub(r"exec python .*", "env", script)
    run = subprocess.run(
        ["sh", "-ec", script], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    return {line for line in run.stdout.splitlines() if line.startswith("ALERT_")}


def test_secrets_of_alerts_come_from_files_that_are_not_empty(tmp_path):
    assert written_receivers(tmp_path) == set()
    one = written_receivers(tmp_path, alert_webhook_url="https://hook.example.org/secret")
    assert one == {f"ALERT_WEBHOOK_URL_FILE={tmp_path}/alert_webhook_url"}
    both = written_receivers(tmp_path, alert_webhook_url="https://x/", alert_smtp_password="secret")
    assert {line.partition("=")[0] for line in both} == {f"{name}_FILE" for name in receivers.SECRETS}


def test_images_have_a_version():
    tags = {service["image"].rpartition(":")[2] for service in SERVICES.values() if "IMAGE" not in service["image"]}
    assert all(re.match(r"v?\d+\.\d+", tag) for tag in tags)


def test_prometheus_scrapes_what_it_scrapes_without_containers():
    def jobs(path):
        groups = yaml.safe_load((ROOT / path).read_text())
        return {group["labels"]["job"]: group["targets"][0].rpartition(":")[::2] for group in groups}

    here, contained = jobs("deploy/prometheus/targets/scraped.yml"), jobs("deploy/compose/targets/scraped.yml")
    assert {job: port for job, (_, port) in here.items()} == {job: port for job, (_, port) in contained.items()}
    assert all("watched" in SERVICES[host]["networks"] for host, _ in contained.values())


def test_caddy_is_given_each_variable_of_its_file():
    used = set(re.findall(r"\{\$([A-Z_]+)", (ROOT / "deploy/caddy/Caddyfile").read_text()))
    assert used == SERVICES["caddy"]["environment"].keys()


def prepare(folder, *arguments):
    script = (ROOT / "deploy/prepare.sh").read_text()
    (folder / "prepare.sh").write_text(script)
    return subprocess.run(["bash", str(folder / "prepare.sh"), *arguments], capture_output=True, text=True, check=False)


def test_prepare_makes_each_secret_once(tmp_path):
    first = prepare(tmp_path, "explorer.example.org", "you@example.org")
    assert first.returncode == 0, first.stderr
    made = {path: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    assert {f"./secrets/{path.name}" for path in made} == {secret["file"] for secret in COMPOSE["secrets"].values()}
    assert len((tmp_path / "secrets/django_secret_key").read_text()) >= 50
    assert (tmp_path / "secrets/redis_password").read_text() in (tmp_path / "secrets/redis_url").read_text()
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert "SITE=explorer.example.org" in (tmp_path / ".env").read_text()
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert "made" not in prepare(tmp_path, "other.example.org", "you@example.org").stdout
    assert {path: path.read_text() for path in made} == made


def test_prepare_makes_what_an_update_needs_besides(tmp_path):
    prepare(tmp_path, "explorer.example.org", "you@example.org")
    before = (tmp_path / ".env").read_text()
    (tmp_path / "secrets/grafana_password").unlink()
    again = prepare(tmp_path)
    assert again.returncode == 0
    assert [line for line in again.stdout.splitlines() if line.startswith("made")] == [
        "made: deploy/secrets/grafana_password"
    ]
    assert (tmp_path / ".env").read_text() == before


def test_prepare_says_what_it_needs(tmp_path):
    result = prepare(tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("usage: ")
    assert not (tmp_path / ".env").exists()
