"""The series of the web process: what it counts itself, and the state of the whole, which it reads at each scrape."""

from collections.abc import Iterable

from ingest.handles.appview_replies import Outcome
from lake.catalog.figures import WINDOWS
from lake.export.formats import MEDIA_TYPES
from lake.models import BatchRun
from lake.schema import DATASETS
from process.heartbeats import COMMANDS
from process.metrics import Series, counter, histogram, series_of
from process.records import ERROR_TYPES, JOBS

PROCESSES = tuple(name for name in COMMANDS if name != "web")  # those beside the web process
QUERIES = (
    *("search", "count", "timeline", "top", "posts", "rows", "thread", "stats", "coverage", "manifest", "export"),
    "labels",
)
OUTCOMES = ("ok", "refused", "timeout", "error", "abandoned")
QUERY_BUCKETS = (0.03, 0.1, 0.3, 1, 2, 3, 5, 10, 30, 100, 300)

# --- counted in this process ---
RESPONSES = counter(
    "api_responses_total",
    "Answers by class of status, without those of /health/ and /metrics. 5xx above 1 % of all: the operator looks at "
    "the log and at /health/ready. Their share is the availability of answers.",
    status=["2xx", "3xx", "4xx", "5xx"],
)
QUERY_SECONDS = histogram(
    "api_query_seconds",
    "Duration of a query, from the request to its answer; of an export to its last byte; count: of the hits, beside a "
    "page. Outcomes: ok; refused (a wrong parameter, no key, too many requests); timeout (a limit of time or memory); "
    "error; abandoned (the client of an export went). 95 % of searches above 5 s, or timeouts rise: the operator looks "
    "at docs/performance.md and at what is asked.",
    QUERY_BUCKETS,
    kind=QUERIES,
    outcome=OUTCOMES,
)
ROWS_EXPORTED = counter(
    "api_rows_exported_total",
    "Rows sent in exports by HTTP, the unfinished ones too. For information: who takes how much.",
    format=MEDIA_TYPES,
)
HITS_HIDDEN = counter(
    "api_hits_hidden_total",
    "Rows that matched a search and were not shown, as they are deleted or superseded. Steep against the searches: the "
    "daily pass of the compactor is behind.",
)
# The part of api_unhandled_errors_total that is this process's own.
OWN_ERRORS = counter("api_unhandled_errors_total", "See STATE.", type=ERROR_TYPES)

OWN = (RESPONSES, QUERY_SECONDS, ROWS_EXPORTED, HITS_HIDDEN)


# --- read at each scrape ---
def _gauge(name: str, meaning: str, **labels: Iterable[str]) -> Series:
    return Series(name, "gauge", meaning, {label: tuple(values) for label, values in labels.items()})


def _counter(name: str, meaning: str, **labels: Iterable[str]) -> Series:
    return _gauge(name, meaning, **labels)._replace(kind="counter")


STATE = (
    _gauge(
        "api_lag_seconds",
        "Now minus the newest seen that is received (by the consumer) or searchable (in a listed file); buffered: "
        "the age of the oldest event in the buffer. Absent before the first. The operator looks at the first stage "
        "that rises.",
        stage=["received", "buffered", "searchable"],
    ),
    _gauge(
        "api_buffer_depth",
        "Events that wait in the buffer. Rising over several flush intervals: the flusher is down or too slow, the "
        "operator looks at its log.",
    ),
    _gauge(
        "api_buffer_fill_ratio",
        "Memory of Redis divided by its maxmemory. At BUFFER_HIGH_WATER the consumer pauses: the operator mends the "
        "flusher, or gives Redis more memory.",
    ),
    _gauge(
        "api_dead_letters",
        "Dead letters kept, at most 10,000; then the oldest go. They stay until the operator replays them with "
        "inspect_buffer --replay.",
    ),
    _gauge("api_lake_rows", "Rows in listed files. A fall is a purge, a retention or a restore.", dataset=DATASETS),
    _gauge("api_lake_bytes", "Bytes of listed files. The operator plans the disk by their growth.", dataset=DATASETS),
    _gauge(
        "api_lake_files",
        "Listed files. Rising by more than one an hour and dataset: the compactor does not follow, see its log.",
        dataset=DATASETS,
    ),
    _gauge(
        "api_compression_ratio",
        "Bytes of JSON per byte in listed files, by the mean size of the events of the last 30 days; absent while "
        "there are none. A fall over weeks: the network sends other content, the operator plans the disk anew.",
    ),
    _counter(
        "api_batches_total",
        "Batches in the catalog by outcome. Any failed one: the operator reads its error in the admin, at Batch runs.",
        state=BatchRun.State.values,
    ),
    _gauge(
        "api_flush_interval_seconds",
        "FLUSH_INTERVAL_SECONDS of the web process: what lags are measured by. For rules.",
    ),
    _gauge(
        "api_last_batch_seconds",
        "Duration of the last batch; 0: there was none. Near FLUSH_INTERVAL_SECONDS: the machine is too small, or its "
        "disk too busy.",
    ),
    _counter(
        "api_gaps_total",
        "Connections in the catalog that began with a gap. Any: data may be missing; the operator looks at Connections "
        "in the admin, and at /api/v1/coverage.",
    ),
    _gauge(
        "api_minutes_due",
        "Minutes of a window, back from two flush intervals and a minute ago, without those before the first batch.",
        window=WINDOWS,
    ),
    _gauge(
        "api_minutes_with_data",
        "Those of them with data in the lake, also when it was fetched later. Less than are due: /api/v1/coverage says "
        "which minutes are missing, and why. The quotient is the availability of data.",
        window=WINDOWS,
    ),
    _gauge(
        "api_disk_free_bytes",
        "Free bytes on the disk of LAKE_ROOT or of DATABASE_PATH. Below 15 %: the operator adds disk, or shortens a "
        "retention.",
        disk=["lake", "catalog"],
    ),
    _gauge("api_disk_size_bytes", "Size of these disks. For information.", disk=["lake", "catalog"]),
    _gauge(
        "api_disk_days_left",
        "Days until the disk of the lake is full at the growth of the last 7 days, retention not counted; at most "
        "3650. Below 7: the operator adds disk, or shortens a retention.",
        disk=["lake"],
    ),
    _gauge(
        "api_heartbeat_age_seconds",
        "Age of a process's last sign of life; of one that never gave any: the time since the web process started (of "
        "maintenance 0, as cron may run its jobs). Above 30: it is down, or hangs. The operator looks at its log and "
        "starts it.",
        process=PROCESSES,
    ),
    _counter(
        "api_unhandled_errors_total",
        "Errors that ended a process, and those that failed a request of the web process (counted since its start), by "
        "the first of these types that fits; Exception: a bug. Any: the operator looks at the log of the process.",
        process=["web", *PROCESSES],
        type=ERROR_TYPES,
    ),
    _gauge(
        "api_job_age_seconds",
        "Time since the last good run of backup, verify_lake --quick (catalog_check) or verify_lake (verification); "
        "without one, since the first batch. Above a day and some hours, or what was agreed: the operator looks why it "
        "was not started.",
        task=JOBS,
    ),
    _gauge(
        "api_job_failed",
        "1: the latest run failed. The operator reads what it printed (maintain_lake keeps it beside the records), and "
        "runs it again by hand.",
        task=JOBS,
    ),
    _gauge("api_handles_known", "Accounts whose handle is known. For information only."),
    _gauge(
        "api_handles_waiting",
        "Accounts whose handle is to be resolved. Rising for days: there are more new authors than 75 a second.",
    ),
    _gauge(
        "api_handles_lag_seconds",
        "How long the first of them has waited. Rising while calls fail: the operator looks at the log of "
        "resolve_handles.",
    ),
    _counter(
        "api_handles_asked_total",
        "Accounts about which the AppView has answered. Flat while accounts wait: resolve_handles is down or limited.",
    ),
    _counter(
        "api_handle_calls_total",
        "Calls to the AppView. Outcomes other than answered and refused rise: it is down, or limits this service.",
        outcome=Outcome,
    ),
)

WEB = (*map(series_of, OWN), *STATE)
