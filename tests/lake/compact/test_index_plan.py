"""Which text indexes there should be."""

from datetime import UTC, datetime

from lake.catalog.listing import ListedFile
from lake.compact.index_plan import PART_ROWS, plan_flushed, plan_indexes
from lake.storage.layout import HOUR

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def listed(hour, name="c-1", rows=10):
    return ListedFile("posts", hour, f"{hour:%d-%H}/{name}.parquet", rows, 1000, 0, 0)


def spans(files, now):
    return [(plan.start, (plan.end - plan.start) // HOUR, len(plan.files)) for plan in plan_indexes(files, now)]


def test_hours_have_their_own_index_until_their_day_is_over_and_whole():
    files = [listed(NOON), listed(NOON + HOUR), listed(NOON + 12 * HOUR)]
    midnight = datetime(2026, 7, 2, tzinfo=UTC)
    assert [span[1] for span in spans(files, midnight + 5 * HOUR)] == [1, 1, 1]
    assert spans(files, midnight + 6 * HOUR) == [(NOON, 2, 2), (midnight, 1, 1)]
    late = [*files, listed(NOON, "f-1")]
    assert [span[1] for span in spans(late, midnight + 6 * HOUR)] == [1, 1, 1]
    assert spans([listed(NOON, "f-1")], midnight) == []


def test_flushed_files_of_an_hour_have_an_index_as_soon_as_they_are_large_together():
    half = PART_ROWS // 2
    noon = [listed(NOON, f"f-{number}", half) for number in range(5)]
    one = listed(NOON + HOUR, "f-9", PART_ROWS)
    plans = plan_flushed([listed(NOON), *noon, one])
    paths = [file.path for file in noon]
    assert [plan.paths for plan in plans] == [tuple(paths[:2]), tuple(paths[2:4]), (one.path,)]
    assert [(plan.start, plan.end) for plan in plans] == 2 * [(NOON, NOON + HOUR)] + [(NOON + HOUR, NOON + 2 * HOUR)]
    assert set(plans) < set(plan_indexes([listed(NOON), *noon, one], NOON))
    assert set(plan_flushed(noon[:4])) < set(plans), "those that there are stay as they are"
