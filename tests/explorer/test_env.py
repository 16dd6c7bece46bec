"""The environment: readers that are loud, and an example that is true."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from deploy.monitor import receivers
from explorer import env

ROOT = django_settings.BASE_DIR


def example():
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z_]+=", line))


def test_the_example_has_every_variable_with_its_default_and_no_other():
    read = {name: default for name, default in env.DEFAULTS.items() if not name.startswith("X_")}
    assert example() == read | receivers.DEFAULTS


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("WEB_PORT", "eighty", "a whole number from 1 to 65535"),
        ("WEB_PORT", "70000", "a whole number from 1 to 65535"),
        ("DJANGO_DEBUG", "maybe", "true or false"),
        ("JETSTREAM_URLS", "http://x/subscribe", "ws:// or wss:// URLs"),
        ("JETSTREAM_COLLECTIONS", "posts", "collections such as"),
        ("BUFFER_HIGH_WATER", "2", "a number from 0.05 to 0.95"),
        ("BUFFER_HIGH_WATER", "nan", "a number from 0.05 to 0.95"),
        ("QUERY_MEMORY_LIMIT", "lots", "a size such as"),
        ("LOG_FORMAT", "xml", "one of text, json, auto"),
        ("CRASH_AT", "somewhere", "one of"),
        ("ADMIN_ADDRESSES", "10.0.0.1/8", "addresses and networks such as"),
        ("ADMIN_ADDRESSES", "example.org", "addresses and networks such as"),
        ("RETENTION_DAYS", "0", "days, for all datasets or for one"),
        ("RETENTION_DAYS", "letters:7", "days, for all datasets or for one"),
        ("METRICS_HOST", "here and there", "an address or a host name"),
    ],
)
def test_a_wrong_value_stops_every_command_with_one_sentence(variable, value, allowed):
    result = manage("check", **{variable: value})
    assert result.returncode != 0
    assert f"{variable}={value!r} is not allowed" in result.stderr
    assert allowed in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("variable", "allowed"),
    [
        ("METRICS_TOKEN", "16 or more"),
        ("REDIS_URL", "an URL that begins with"),
        ("SENTRY_DSN", "empty, or the URL of a project"),
    ],
)
def test_a_refused_secret_is_not_repeated(tmp_path, variable, allowed):
    (tmp_path / "secret").write_text("tooshort\n")
    for given in ({variable: "tooshort"}, {f"{variable}_FILE": str(tmp_path / "secret")}):
        result = manage("check", **given)
        assert f"{variable}='...' is not allowed: it takes {allowed}" in result.stderr
        assert "tooshort" not in result.stderr


def test_secrets_may_be_in_files(tmp_path):
    values = {
        "DJANGO_SECRET_KEY": "$a key that begins as a variable, of more than fifty characters",
        "REDIS_URL": "redis://:password@redis:6379/0",
        "METRICS_TOKEN": "0123456789abcdef",
        "SENTRY_DSN": "https://key@sentry.example.org/1",
    }
    for name, value in values.items():
        (tmp_path / name).write_text(value + "\n")
    show = "from django.conf import settings as s; print([s.SECRET_KEY, s.REDIS_URL, s.METRICS_TOKEN, s.SENTRY_DSN])"
    files = {f"{name}_FILE": str(tmp_path / name) for name in values}
    result = manage("shell", "--no-imports", "-c", show, DJANGO_DEBUG="false", **files)
    assert result.stdout.strip() == str([*values.values()])


@pytest.mark.parametrize("more", [{}, {"DJANGO_SECRET_KEY": "x" * 60}], ids=["unreadable", "both"])
def test_a_secret_that_cannot_be_had_stops_every_command_with_one_sentence(tmp_path, more):
    result = manage("check", DJANGO_DEBUG="false", DJANGO_SECRET_KEY_FILE=str(tmp_path / "none"), **more)
    assert result.returncode == 1
    (sentence,) = result.stderr.strip().splitlines()
    assert "DJANGO_SECRET_KEY_FILE" in sentence
    assert ("are both set: set one of them." in sentence) == bool(more)


def test_the_example_has_a_file_for_each_secret():
    of_files = {name for name in example() if name.endswith("_FILE")}
    assert of_files == {
        f"{name}_FILE" for name in ("DJANGO_SECRET_KEY", "REDIS_URL", "METRICS_TOKEN", "SENTRY_DSN", *receivers.SECRETS)
    }


@pytest.mark.parametrize("command", ["consume_jetstream", "resolve_handles", "migrate"])
def test_a_folder_of_the_catalog_that_is_not_there_is_a_sentence(tmp_path, command):
    result = manage(command, DATABASE_PATH=str(tmp_path / "none" / "catalog.sqlite3"), REDIS_URL="redis://127.0.0.1:1")
    assert result.returncode == 1
    assert f"Mount or create {tmp_path / 'none'}." in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", [["flush_buffer", "--once"], ["verify_lake"]])
def test_a_catalog_that_was_never_made_is_one_sentence_that_says_what_to_do(tmp_path, command):
    (tmp_path / "lake").mkdir()
    result = manage(*command, DATABASE_PATH=str(tmp_path / "new.sqlite3"), LAKE_ROOT=str(tmp_path / "lake"))
    assert result.returncode == 1
    (sentence,) = result.stderr.strip().splitlines()
    assert "no such table" in sentence
    assert "run manage.py migrate" in sentence


def test_outside_debug_the_secret_key_has_no_default():
    result = manage("check", DJANGO_DEBUG="false", DJANGO_SECRET_KEY="")
    assert result.returncode != 0
    assert "DJANGO_SECRET_KEY is empty" in result.stderr


def test_crash_at_is_refused_outside_debug():
    result = manage("check", DJANGO_DEBUG="false", DJANGO_SECRET_KEY="x" * 60, CRASH_AT="flush:read")
    assert "CRASH_AT='flush:read' is not allowed" in result.stderr


def test_a_bug_of_a_command_is_one_line_with_an_id():
    result = manage("shell", "--no-imports", "-c", "1 / 0")
    assert result.returncode == 1
    (line,) = map(json.loads, result.stderr.splitlines())
    assert (line["event"], line["level"]) == ("unhandled error", "error")
    assert len(line["error_id"]) == 32
    assert line["exception"].endswith("ZeroDivisionError: division by zero")


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("off", False), ("No", False)])
def test_flags_have_the_usual_spellings(monkeypatch, text, value):
    monkeypatch.setenv("X_FLAG", text)
    assert env.flag("X_FLAG", not value) is value


def test_a_list_drops_blanks_and_names_the_wrong_item(monkeypatch):
    monkeypatch.setenv("X_LIST", " a , ,b")
    assert env.items("X_LIST", "") == ["a", "b"]
    with pytest.raises(ImproperlyConfigured, match="X_LIST='a'"):
        env.items("X_LIST", "", "capitals", str.isupper)


def manage(*words, **environment):
    """Runs manage.py with this environment and none of ours."""
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_fresh_clone_has_the_folder_of_static_files_without_which_the_web_server_warns(tmp_path):
    shutil.copytree(ROOT / "explorer", tmp_path / "explorer")
    code = "import django.conf; print(django.conf.settings.STATIC_ROOT)"
    variables = {**os.environ, "DJANGO_SETTINGS_MODULE": "explorer.settings", "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=variables, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == str(tmp_path / "var" / "static")
    assert (tmp_path / "var" / "static").is_dir()


@pytest.mark.parametrize(
    ("value", "days"),
    [
        ("", {}),
        ("30", {"posts": 30, "likes": 30}),
        ("30,likes:7", {"posts": 30, "likes": 7}),
        ("likes:7", {"likes": 7}),
    ],
)
def test_days_are_for_all_datasets_or_for_one(monkeypatch, value, days):
    monkeypatch.setenv("X_DAYS", value)
    assert env.days("X_DAYS", "", ("posts", "likes")) == days
