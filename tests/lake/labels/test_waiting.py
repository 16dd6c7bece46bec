"""Labels that wait: joined when their post comes, wherever it lies, and given up after a day."""

from datetime import timedelta

import pytest
from django.utils import timezone

from lake import metrics
from lake.label_models import WaitingLabel
from lake.labels.waiting import KEPT, WAIT, Joiner, accept_labels
from lake.labels.writer import LOCK
from lake.management.commands.compact_lake import join_labels
from process.locks import exclusive, lock_path
from tests.builders import ALICE, BOB, NOON_US, post, tid

HOUR_US = 3_600_000_000


def uri(rkey, did=ALICE):
    return f"at://{did}/app.bsky.feed.post/{rkey}"


def joined(lake):
    return [(row["rkey"], row["name"], row["score"], row["value"]) for row in lake.rows("labels")]


@pytest.fixture
def joiner(lake):
    return Joiner(lake.engine, lake.root)


def test_what_is_wrong_is_said_and_the_rest_is_taken(lake, joiner):
    lake.flush(post(rkey=tid(NOON_US), time_us=NOON_US))
    wrong = accept_labels(
        [
            {"uri": uri(tid(NOON_US)), "label": "toxic", "score": 0.5},
            {"uri": 3, "label": None},
            {"uri": uri("x"), "label": "toxic", "sure": 1},
            {"uri": uri("x"), "label": "toxic", "score": True},
            {"uri": uri("x"), "label": "toxic", "value": {"a": 1}},
            {"uri": uri(tid(NOON_US)), "label": "lang", "value": "\ud800"},
        ]
    )
    assert [index for index, _ in wrong] == [1, 2, 3, 4]
    assert wrong[1][1].startswith("sure is none of uri, label")
    assert wrong[2][1] == "score is no number"
    assert wrong[3][1] == "value is no text or number"
    assert joiner.due()
    assert joiner.run() == 2
    assert sorted(joined(lake)) == [(tid(NOON_US), "lang", None, "?"), (tid(NOON_US), "toxic", 0.5, None)]
    assert not joiner.due()
    assert not WaitingLabel.objects.exists()


@pytest.mark.parametrize("rkey", [tid(NOON_US), "mine", tid(NOON_US - 9000 * HOUR_US)])
def test_a_post_is_found_wherever_it_lies(lake, joiner, rkey):
    """At the time of its key, without one, and long after it; when it comes later, too."""
    accept_labels([{"uri": uri(rkey), "label": "toxic"}, {"uri": uri(rkey, BOB), "label": "toxic"}])
    lake.flush(post(rkey=rkey, time_us=NOON_US))
    assert joiner.run() == 1
    lake.flush(post(rkey=rkey, did=BOB, time_us=NOON_US + HOUR_US))
    assert joiner.due()
    assert joiner.run() == 1
    assert len(joined(lake)) == 2
    assert not joiner.due()


def test_a_label_without_a_post_is_given_up_after_a_day_and_forgotten_in_the_end(lake, joiner):
    accept_labels([{"uri": uri("none"), "label": "toxic"}])
    before = metrics.LABELS_UNKNOWN._value.get()
    assert joiner.run() == 0
    assert not joiner.due()
    WaitingLabel.objects.update(received_at=timezone.now() - WAIT - timedelta(seconds=1))
    assert joiner.due()
    joiner.run()
    assert WaitingLabel.objects.get().unknown_at is not None
    assert metrics.LABELS_UNKNOWN._value.get() == before + 1
    lake.flush(post(rkey="none", time_us=NOON_US))
    assert not joiner.due()
    WaitingLabel.objects.update(unknown_at=timezone.now() - KEPT - timedelta(seconds=1))
    joiner.run()
    assert not WaitingLabel.objects.exists()


def test_one_joiner_at_a_time(lake, joiner):
    accept_labels([{"uri": uri("one"), "label": "toxic"}])
    lake.flush(post(rkey="one", time_us=NOON_US))
    with exclusive(lock_path(LOCK)):
        join_labels(joiner)
    assert joined(lake) == []
    join_labels(joiner)
    assert len(joined(lake)) == 1
