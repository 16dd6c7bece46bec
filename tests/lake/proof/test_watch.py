"""Whether a host is another one than the consumer's."""

from datetime import timedelta

import pytest

from ingest.models import Connection
from lake.proof import watch
from process.instants import utc
from tests.builders import NOON_US

NOON = utc(NOON_US)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("connections", "host", "expected"),
    [
        ([("one", -3600)], "two", False),
        ([("one", -3600)], "one", True),  # connected all the time
        ([("one", -3600), ("two", 30)], "two", True),  # it moved there within the sample
        ([("one", -3600), ("two", 30), ("one", 60)], "two", True),  # and back again
        ([("two", -7200), ("one", -3600)], "two", False),  # it left before
    ],
)
def test_a_host_that_the_consumer_was_at_is_no_other(connections, host, expected):
    for name, seconds in connections:
        moment = NOON + timedelta(seconds=seconds)
        Connection.objects.create(host=name, wire="v1", opened_at=moment, saved_at=moment)
    assert watch._has_used(host, NOON.timestamp()) is expected
