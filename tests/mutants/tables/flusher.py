"""Of the flusher: from the buffer to a commit, each event once."""

from tests.mutants.mutant import Mutant

_FLUSH = "lake/flush"
_TESTS = "tests/lake/flush"
_STEPS = f"{_TESTS}/test_durable_steps.py::test_each_step_of_a_flush_is_durable_before_the_next"

FLUSHER = (
    Mutant(
        "trimmed-before-the-commit",
        f"{_FLUSH}/flusher.py",
        old="            run = self._writer.write(entries, load(entries) if events is None else events, started)\n",
        new="            self._trim(entries.ids[-1])\n"
        "            run = self._writer.write(entries, load(entries) if events is None else events, started)\n",
        means="a crash between the trim and the commit loses the batch",
        test=_STEPS,
    ),
    Mutant(
        "committed-before-the-names",
        f"{_FLUSH}/batch_writer.py",
        old="""        batch_files.publish(self._root, change.files)
        crash_point("flush:renamed")
        self._claim.check()
        change.run.seconds = batch_run.seconds_since(change.run.started_at)
        try:
            commits.commit(change, self._claim.advance)
""",
        new="""        crash_point("flush:renamed")
        self._claim.check()
        change.run.seconds = batch_run.seconds_since(change.run.started_at)
        try:
            commits.commit(change, self._claim.advance)
            batch_files.publish(self._root, change.files)
""",
        means="a crash between commit and rename leaves a catalog that lists files which are not there",
        test=_STEPS,
    ),
    Mutant(
        "trimmed-before-the-marker",
        f"{_FLUSH}/batch_writer.py",
        old='        crash_point("flush:committed")\n        self._claim.mark()\n',
        new='        crash_point("flush:committed")\n',
        means="an older copy of the catalog is taken for the right one, and committed files are removed as orphans",
        test=_STEPS,
    ),
    Mutant(
        "key-without-operation",
        "lake/schema.py",
        old='"rkey", "rev", "operation")\n',
        new='"rkey", "rev")\n',
        means="an update that shares its rev with a create is dropped as a repetition",
        test=f"{_TESTS}/test_dedupe.py::test_events_that_differ_in_one_part_of_the_key_are_different_events",
    ),
    Mutant(
        "key-without-seq",
        f"{_FLUSH}/sql/repeats.sql",
        old="THEN json_extract_string(body, '/seq') ELSE json(body) END",
        new="THEN '' ELSE json(body) END",
        means="of two account events of a batch the second is dropped: a deactivation is never seen",
        test=f"{_TESTS}/test_dedupe.py::test_account_events_are_told_apart_by_inner_seq",
    ),
    Mutant(
        "repetitions-looked-for-in-the-batch-alone",
        f"{_FLUSH}/dedupe.py",
        old="return NewEvents(_without(once, known), ",
        new="return NewEvents(once, ",
        means="after each restart the rewound events are in the lake twice",
        test=f"{_TESTS}/test_dedupe.py::test_an_event_that_comes_again_is_dropped_in_the_batch_and_against_the_lake",
    ),
    Mutant(
        "repetitions-of-another-clock",
        "lake/catalog/listing.py",
        old="NEARBY = timedelta(minutes=10)",
        new="NEARBY = timedelta(minutes=1)",
        means="after a change of the host, events that both have stamped differently are in the lake twice",
        test=f"{_TESTS}/test_dedupe.py::test_an_event_of_another_host_is_dropped_although_its_clock_differs",
    ),
    Mutant(
        "repetitions-without-a-time",
        "lake/catalog/listing.py",
        old="    conditions = [Q(rows_by_arrival__gt=0)] if at_ingest_time else []\n",
        new="    conditions: list[Q] = []\n",
        means="an event without a possible time is in the lake again with each replay",
        test=f"{_TESTS}/test_dedupe.py::test_an_impossible_time_is_dropped_however_late_it_comes_again",
    ),
    Mutant(
        "disk-errors-taken-for-bad-events",
        f"{_FLUSH}/flusher.py",
        old="        except (LakeUnusable, DatabaseError) as error:  # our own state is at fault, not an event\n",
        new="        except DatabaseError as error:  # our own state is at fault, not an event\n",
        means="while the disk is full, events are set aside one by one and leave the buffer",
        test=f"{_TESTS}/test_flusher.py::test_a_disk_that_takes_no_file_makes_no_dead_letters",
    ),
    Mutant(
        "file-written-over",
        f"{_FLUSH}/batch_files.py",
        old="return next(name for name in names if not (folder / name).exists())",
        new="return next(names)",
        means="after Redis's clock stepped back, a new batch replaces an older file, and its rows are gone",
        test=f"{_TESTS}/test_flusher.py::test_a_file_whose_name_is_taken_gets_another_and_the_first_stays",
    ),
    Mutant(
        "files-of-a-failed-batch-stay",
        f"{_FLUSH}/batch_files.py",
        old="    except BaseException:\n        withdraw(root, files)\n        raise\n",
        new="    except BaseException:\n        raise\n",
        means="each failed batch leaves files that nobody lists, until the next start refuses the lake",
        test=f"{_TESTS}/test_flusher.py::test_files_of_a_batch_that_fails_before_its_commit_are_withdrawn",
    ),
    Mutant(
        "text-cut-off",
        f"{_FLUSH}/sql/posts.sql",
        old="        r.text AS text, lang_list AS langs,\n",
        new="        left(r.text, 300) AS text, lang_list AS langs,\n",
        means="long posts lose their end, which nobody can find or rebuild",
        test=f"{_TESTS}/test_hostile_input.py::test_a_frame_of_1_5_mb",
    ),
    Mutant(
        "rounded-to-the-nearest-hour",
        f"{_FLUSH}/dataset_rows.py",
        old="    hours = pc.divide(seen_us(table), HOUR_US)\n",
        new="    hours = pc.divide(pc.add(seen_us(table), HOUR_US // 2), HOUR_US)\n",
        means="events of the second half of an hour lie in the next one, and searches of that hour miss them",
        test=f"{_TESTS}/test_flusher.py::test_events_go_to_the_hour_in_which_they_were_seen",
    ),
    Mutant(
        "checkpoint-before-the-batch",
        f"{_FLUSH}/batch_writer.py",
        old="cursor = Cursor.decode(entries.cursors[-1])",
        new="cursor = Cursor.decode(entries.cursors[0])",
        means="after a loss of Redis a batch that is in the lake is fetched again",
        test=f"{_TESTS}/test_flusher.py::test_the_checkpoint_is_the_cursor_of_the_last_entry",
    ),
    Mutant(
        "bug-makes-dead-letters-of-everything",
        f"{_FLUSH}/flusher.py",
        old="            self._unexpected += 1\n",
        new="",
        means="after an upgrade with a bug the whole buffer becomes dead letters, of which the last 10,000 are kept",
        test=f"{_TESTS}/test_flusher.py::test_a_bug_of_ours_that_meets_every_event_stops_the_flusher_before_all_are_dead_letters",
    ),
    Mutant(
        "batch-without-a-bound-in-bytes",
        "ingest/buffer/redis_stream.py",
        old="        while size < max_bytes and (step := min(READ_STEP, max_entries - len(ids))):\n",
        new="        while step := min(READ_STEP, max_entries - len(ids)):\n",
        means="after an hour's outage the flusher takes more memory than there is, and is killed at each start",
        test=f"{_TESTS}/test_flusher.py::test_a_batch_is_limited_in_bytes",
    ),
)
