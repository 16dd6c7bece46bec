"""Of what watches over the lake: coverage, backup, verification, rebuilding, figures."""

from tests.mutants.mutant import Mutant

_BACKUP = "tests/lake/recovery/test_backup.py"
_VERIFY = "tests/lake/verify"

UPKEEP = (
    Mutant(
        "gap-before-the-data-ignored",
        "lake/coverage/window.py",
        old="[Run(low, min(high, known.first), BEFORE)] if low < known.first else []",
        new="[]",
        means="a window that begins before the data is called complete",
        test="tests/lake/coverage/test_window.py::test_a_window_beyond_the_data_says_how_much_of_it_is_not_there",
    ),
    Mutant(
        "filled-later-counts-as-there",
        "lake/coverage/minutes.py",
        old="    own = np.maximum(new * MINUTE_US, learned)\n",
        new="    own = new * MINUTE_US\n",
        means="an answer for a moment is called complete although its gap was filled later",
        test="tests/lake/coverage/test_window.py::test_minutes_that_were_filled_later_are_missing_from_earlier_answers",
    ),
    Mutant(
        "backup-without-the-swapped-file",
        "lake/recovery/backup.py",
        old="            raise _Swapped(entry.path) from error\n",
        new="            return Outcome.KEPT\n",
        means="a backup that was made while compaction ran lacks files that its catalog lists",
        test=f"{_BACKUP}::TestWhileTheLakeChanges::test_files_that_were_swapped_and_swept_mean_another_look",
    ),
    Mutant(
        "copy-not-synced",
        "lake/recovery/transfer.py",
        old="        new.flush()\n        os.fsync(new.fileno())\n",
        new="        new.flush()\n",
        means="after a power cut the newest backup has a manifest, and files that are empty",
        test="tests/lake/recovery/test_transfer.py::test_a_copy_is_durable_before_it_has_its_name",
    ),
    Mutant(
        "manifest-before-the-files-are-durable",
        "lake/recovery/backup.py",
        old="                disk.sync_with_parents(self._changed, self._folder)\n",
        new="",
        means="after a power cut the newest backup names files that are not there",
        test=f"{_BACKUP}::test_folders_are_durable_before_the_manifest_names_their_files",
    ),
    Mutant(
        "damaged-copy-kept",
        "lake/recovery/transfer.py",
        old="    if digest != sha256:\n",
        new="    if not digest:\n",
        means="a file that is damaged in the lake replaces the good one in the backup",
        test="tests/lake/recovery/test_transfer.py::test_a_damaged_source_leaves_nothing",
    ),
    Mutant(
        "verification-of-sizes-alone",
        "lake/verify/files.py",
        old="if not self._quick and (digest := disk.sha256(path)) != file.sha256:",
        new="if self._quick and (digest := disk.sha256(path)) != file.sha256:",
        means="verify_lake calls a file with a flipped bit in order",
        test=f"{_VERIFY}/test_files.py::test_a_flipped_byte_is_named",
    ),
    Mutant(
        "cids-compared-with-themselves",
        "lake/verify/files.py",
        old='        if cid != row["cid"]:\n',
        new='        if row["cid"] != row["cid"]:\n',
        means="verify_lake --cids finds no record that was changed",
        test=f"{_VERIFY}/test_files.py::test_a_record_that_does_not_hash_to_its_cid_is_named",
    ),
    Mutant(
        "missing-rows-excused-by-any-retention",
        "lake/verify/batches.py",
        old="yield from _difference(dataset, counted, held, dataset in expiring)",
        new="yield from _difference(dataset, counted, held, True)",
        means="verify_lake does not miss rows that went missing",
        test=f"{_VERIFY}/test_batches.py::test_rows_that_went_missing_are_counted",
    ),
    Mutant(
        "orphan-moved-beside-a-writer",
        "lake/verify/repair.py",
        old="        if [name for name in WRITERS if not take(locks, name)]:\n",
        new="        if [name for name in WRITERS[:1] if not take(locks, name)]:\n",
        means="verify_lake --fix moves a file away that compaction is about to list",
        test=f"{_VERIFY}/test_repair.py::test_fix_does_nothing_while_a_writer_runs",
    ),
    Mutant(
        "second-copy-runs",
        "process/locks.py",
        old="fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB)",
        new="fcntl.LOCK_SH | (0 if wait else fcntl.LOCK_NB)",
        means="two flushers write the same events, and each trims what the other has read",
        test="tests/process/test_locks.py::test_a_lock_that_is_held_raises_and_is_free_after_its_holder_was_killed",
    ),
    Mutant(
        "events-counted-twice",
        "ingest/stream/connection_progress.py",
        old="        metrics.RECEIVED_BYTES.inc(size)\n",
        new="        metrics.RECEIVED_BYTES.inc(size)\n        metrics.RECEIVED.inc(events)\n",
        means="the dashboard shows twice the events that came",
        test="tests/ingest/stream/test_metrics.py::test_events_and_bytes_are_counted_by_kind",
    ),
    Mutant(
        "failed-night-not-made-up",
        "lake/upkeep/schedule.py",
        old="    good = began if run.good is None or run.good > now else run.good\n",
        new="    good = began if run.good is None else run.good\n",
        means="after the machine's clock was wrong for a day, there is no backup for a year",
        test="tests/lake/upkeep/test_schedule.py::test_a_job_is_due_once_in_its_time",
    ),
)
