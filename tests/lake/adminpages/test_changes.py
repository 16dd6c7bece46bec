"""Who changed what from which value to which."""

import json

import pytest
from django.contrib.admin.models import LogEntry

from lake.adminpages.changes import Change, changes_of, message, words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "on"),
        (False, "off"),
        (None, "empty"),
        ("", "empty"),
        (0, "0"),
        (12_000, "12,000"),
        (1.5, "1.5"),
        ("x", "x"),
    ],
)
def test_values_are_written_as_people_write_them(value, text):
    assert words(value) == text


def test_the_log_says_it_and_can_be_read_back():
    changes = [Change("page_size", 50, 20), Change("result_limit", True, False)]
    entry = LogEntry(change_message=json.dumps(message(changes)))
    assert entry.get_change_message() == "Changed page_size: 50 → 20 and result_limit: on → off."
    assert changes_of(entry) == {"page_size": ("50", "20"), "result_limit": ("on", "off")}


@pytest.mark.parametrize(
    "text", ["", "free text", "{}", "[1]", '[{"added": {}}]', '[{"changed": {"fields": ["Days"]}}]']
)
def test_entries_of_another_form_have_no_values(text):
    assert changes_of(LogEntry(change_message=text)) == {}
