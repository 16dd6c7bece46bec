"""What is to be rewritten, decided from the catalog's rows."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lake.catalog.listing import ListedFile
from lake.compact.plan import Reason, plan
from lake.storage.layout import HOUR

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
HOURS = st.integers(0, 3).map(lambda number: NOON + number * HOUR)
DATASETS = st.sampled_from(["posts", "likes", "deletes"])


def file(dataset, hour, number, compacted, unpurged):
    path = f"{dataset}/hour={hour:%H}/{'c' if compacted else 'f'}-{number}.parquet"
    return ListedFile(dataset, hour, path, 10, 1000, 0, unpurged)


FILES = st.lists(
    st.builds(file, DATASETS, HOURS, st.integers(0, 99), st.booleans(), st.integers(0, 1)),
    max_size=12,
    unique_by=lambda listed: listed.path,
)
TOUCHED = st.frozensets(st.tuples(DATASETS, HOURS), max_size=4)
ASKED = {"files": FILES, "closed": HOURS, "daily": st.booleans(), "touched": TOUCHED, "purge": st.booleans()}


@given(**ASKED)
def test_a_partition_is_rewritten_once_and_whole(files, closed, daily, touched, purge):
    jobs = plan(files, closed, daily, touched, purge)
    assert len({(job.dataset, job.hour) for job in jobs}) == len(jobs)
    for job in jobs:
        own = [listed for listed in files if (listed.dataset, listed.hour) == (job.dataset, job.hour)]
        assert sorted(job.files) == sorted(own)
    assert [job.hour for job in jobs] == sorted((job.hour for job in jobs), reverse=True)


@given(**ASKED)
def test_what_is_not_compacted_is_when_its_hour_is_over_and_not_before(files, closed, daily, touched, purge):
    reasons = {(job.dataset, job.hour): job.reason for job in plan(files, closed, daily, touched, purge)}
    for partition in {(listed.dataset, listed.hour) for listed in files}:
        own = [listed for listed in files if (listed.dataset, listed.hour) == partition]
        if not any(listed.compacted for listed in own):
            assert reasons.get(partition) == (Reason.CLOSED if partition[1] + HOUR <= closed else None)
        elif not daily:
            assert partition not in reasons
        elif partition in touched or (purge and any(listed.unpurged for listed in own)):
            assert reasons[partition] == Reason.DELETED
        else:
            assert reasons.get(partition) == (Reason.LATE if partition[1] + HOUR <= closed and len(own) > 1 else None)


@given(**ASKED)
def test_a_pass_leaves_nothing_for_the_next_one(files, closed, daily, touched, purge):
    jobs = plan(files, closed, True, touched, purge)
    gone = {listed for job in jobs for listed in job.files}
    new = [file(job.dataset, job.hour, 100, True, 0 if purge else 1) for job in jobs]
    after = [listed for listed in files if listed not in gone] + new
    assert plan(after, closed, True, (), purge) == []


def test_an_hour_with_one_flush_file_is_rewritten_too():
    (job,) = plan([file("posts", NOON, 1, False, 0)], NOON + timedelta(hours=1), False, (), True)
    assert (job.reason, job.rows) == (Reason.CLOSED, 10)
