"""Flags as they are stored: one query, and no stored text is the reason why anything fails."""

import json
import math
import os
import subprocess
import sys

import pytest
from constance import config
from constance import settings as constance_settings
from constance.models import Constance
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.child import ROOT
from lake.flags.definitions import DEFINITIONS, Flags, validated
from lake.flags.store import _decoded, flags

pytestmark = pytest.mark.django_db


def wrapped(value):
    """As the library stores it."""
    return json.dumps({"__type__": "default", "__value__": value})


def stored(**texts):
    for name, text in texts.items():
        Constance.objects.update_or_create(key=name, defaults={"value": text})


# Texts that are no value of their flag.
BAD = {
    "page_size": [
        *("", "null", "{", "50.5", '"50"', wrapped("50"), wrapped(True), wrapped(1001), wrapped(0), wrapped(50.5)),
        *(wrapped(None), wrapped([50]), None),
    ],
    "result_limit": [
        *(wrapped(1), wrapped("false"), "gAOIAS4=", '{"__type__": "uuid", "__value__": "x"}', "[" * 99_999),
        *('{"__type__": "uuid", "__value__": 5}', '{"__type__": [], "__value__": 5}', '{"__type__": 1}'),
    ],
    "label_thresholds": [wrapped(0.5), wrapped("toxic"), wrapped("0.5, 0.6"), wrapped("toxic 2"), wrapped(None)],
    "query_timeout_seconds": [wrapped(math.nan), wrapped(math.inf), wrapped(1e9), wrapped(10**400), wrapped(True)],
}


def test_a_definition_for_each_flag_and_a_form_for_each_definition():
    assert tuple(DEFINITIONS) == Flags._fields == tuple(constance_settings.CONFIG)
    for name, flag in DEFINITIONS.items():
        kind = Flags.__annotations__[name]
        assert type(Flags._field_defaults[name]) is kind
        assert validated(name, Flags._field_defaults[name]) is not None
        assert flag.meaning.endswith(".")
        assert kind is bool or name in constance_settings.ADDITIONAL_FIELDS
        assert f"| `{name}` |" in (ROOT / "docs" / "operations.md").read_text()


def test_the_defaults():
    assert flags() == Flags() == Flags(True, 1000, 50, True, 0, 30.0, True, 1200, True, True, "0.5")


def test_the_time_limit_starts_as_the_setting():
    code = "import explorer.settings as s; print(s.CONSTANCE_CONFIG['query_timeout_seconds'][0])"
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=os.environ | {"QUERY_TIMEOUT_SECONDS": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == "7.0\n"


def test_one_query_reads_them_all_and_stores_nothing():
    with CaptureQueriesContext(connection) as queries:
        flags()
    assert len(queries) == 1
    assert config.page_size == 50
    assert not Constance.objects.exists()


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in BAD.items() for text in texts])
def test_a_stored_value_that_is_none_falls_back_and_can_be_overwritten(caplog, name, text):
    _decoded.cache_clear()
    stored(**{name: text})
    assert flags() == flags() == Flags()
    assert getattr(config, name) == getattr(Flags(), name)
    assert caplog.text.count(name) == 1, "logged once"
    other = {"result_limit": False, "label_thresholds": "0.9, toxic 0.7"}.get(name, 11)
    setattr(config, name, other)
    assert getattr(flags(), name) == other


def test_from_code_they_are_set_without_a_check_and_read_with_one():
    config.page_size = 5000
    assert flags().page_size == config.page_size == 50
    config.page_size = 100
    assert flags().page_size == config.page_size == 100
    config.query_timeout_seconds = 3  # a whole number is a number
    assert flags().query_timeout_seconds == 3.0
    assert isinstance(flags().query_timeout_seconds, float)


def test_a_flag_of_another_version_does_not_matter():
    stored(old_flag=wrapped(1))
    assert flags() == Flags()


@given(st.sampled_from(list(DEFINITIONS)), st.none() | st.text() | st.from_type(object).map(str))
def test_no_text_is_an_error(name, text):
    value = _decoded(name, text)
    assert value is None or value == validated(name, value)


@given(st.sampled_from(list(DEFINITIONS)), st.booleans() | st.integers() | st.floats())
def test_what_holds_is_always_of_its_type_and_within_its_bounds(name, value):
    value, flag = _decoded(name, wrapped(value)), DEFINITIONS[name]
    if value is not None:
        assert type(value) is Flags.__annotations__[name]
        assert flag.low <= value <= flag.high


def test_a_catalog_that_is_away_is_an_error_and_no_guess(monkeypatch):
    def fail(*_args, **_kwargs):
        raise OperationalError("database is locked")

    monkeypatch.setattr(Constance.objects, "filter", fail)
    with pytest.raises(OperationalError):
        flags()
