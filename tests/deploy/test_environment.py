"""Demo is apart from all real data; run takes what was asked for, and defaults for the rest."""

import os
import socket
import stat
import subprocess

from deploy.local import environment

EXAMPLE = {"REDIS_URL": "redis://127.0.0.1:6379/0", "WEB_PORT": "8000", "METRICS_PORT_CONSUMER": "0"}


def test_demo_ignores_the_data_that_the_shell_names(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_PATH", "/srv/real.sqlite3")
    monkeypatch.setenv("LAKE_ROOT", "/srv/lake")
    monkeypatch.setenv("JETSTREAM_URLS", "wss://real/subscribe")
    chosen = environment.choose("demo", tmp_path, simulator_port=6008)
    assert chosen["DATABASE_PATH"] == str(tmp_path / "catalog.sqlite3")
    assert chosen["LAKE_ROOT"] == str(tmp_path / "lake")
    assert chosen["JETSTREAM_URLS"] == "ws://127.0.0.1:6008/subscribe"


def test_run_takes_what_was_given_and_is_no_debug_server(tmp_path):
    chosen = environment.run({"LAKE_ROOT": "/srv/lake"}, tmp_path)
    assert chosen["LAKE_ROOT"] == "/srv/lake"
    assert chosen["DATABASE_PATH"] == str(tmp_path / "catalog.sqlite3")
    assert chosen["DJANGO_DEBUG"] == "false"


def test_the_secret_key_is_made_once_and_private(tmp_path):
    first = environment.run({}, tmp_path)["DJANGO_SECRET_KEY"]
    assert len(first) >= 50
    assert environment.run({}, tmp_path)["DJANGO_SECRET_KEY"] == first
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600


def test_run_reads_secrets_from_files_and_hands_on_their_values(tmp_path, monkeypatch):
    (tmp_path / "url").write_text("redis://:password@redis:6379/0\n")
    (tmp_path / "key").write_text("k" * 60)
    monkeypatch.setenv("REDIS_URL_FILE", str(tmp_path / "url"))
    monkeypatch.setenv("DJANGO_SECRET_KEY_FILE", str(tmp_path / "key"))
    chosen = environment.choose("run", tmp_path, 6008)
    assert (chosen["REDIS_URL"], chosen["DJANGO_SECRET_KEY"]) == ("redis://:password@redis:6379/0", "k" * 60)
    assert (chosen["REDIS_URL_FILE"], chosen["DJANGO_SECRET_KEY_FILE"]) == ("", "")
    assert not (tmp_path / "secret_key").exists()


def test_an_untouched_copy_of_the_example_asks_for_nothing(tmp_path):
    (tmp_path / ".env").write_text("REDIS_URL=redis://127.0.0.1:6379/0\nWEB_PORT=9000\nDJANGO_SECRET_KEY=\n")
    assert environment.changed(environment.dotenv(tmp_path / ".env"), EXAMPLE) == {"WEB_PORT": "9000"}


def test_a_missing_file_has_no_variables(tmp_path):
    assert environment.dotenv(tmp_path / ".env") == {}


def test_reading_a_file_leaves_our_own_environment_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("ONLY_IN_THE_FILE", raising=False)
    (tmp_path / ".env").write_text("ONLY_IN_THE_FILE=1\n")
    assert environment.dotenv(tmp_path / ".env") == {"ONLY_IN_THE_FILE": "1"}
    assert "ONLY_IN_THE_FILE" not in os.environ


def test_a_taken_metrics_port_is_replaced_by_a_free_one():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert environment.ports({}, {**EXAMPLE, "METRICS_PORT_CONSUMER": port})["METRICS_PORT_CONSUMER"] != port
        assert not environment.port_is_free(int(port))


def test_a_port_that_was_asked_for_is_kept():
    assert environment.ports({"METRICS_PORT_FLUSHER": "0", "WEB_PORT": "8001"}, EXAMPLE)["METRICS_PORT_FLUSHER"] == "0"
    assert environment.ports({"WEB_PORT": "8001"}, EXAMPLE)["WEB_PORT"] == "8001"


def test_the_variables_can_be_sourced_whatever_is_in_them(tmp_path):
    environment.write_private(tmp_path / "env", environment.shell_lines({"NAME": "it's $HOME; rm *"}))
    shell = subprocess.run(["sh", "-c", f'. {tmp_path}/env && printf %s "$NAME"'], capture_output=True, text=True)
    assert shell.stdout == "it's $HOME; rm *"


def test_the_logs_of_the_stack_are_text_unless_json_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.delenv("LOG_FORMAT", raising=False)
    assert environment.choose("demo", tmp_path, 6008)["LOG_FORMAT"] == "text"
    monkeypatch.setenv("LOG_FORMAT", "json")
    assert environment.choose("run", tmp_path, 6008)["LOG_FORMAT"] == "json"


def test_a_host_that_the_web_process_answers_to(monkeypatch):
    for names, host in (("explorer.example.org,localhost", "explorer.example.org"), (".example.org", "example.org")):
        monkeypatch.setenv("DJANGO_ALLOWED_HOSTS", names)
        assert environment.allowed_host() == host
    monkeypatch.setenv("DJANGO_ALLOWED_HOSTS", "*")
    assert environment.allowed_host() == "localhost"
