"""Of the files on the disk: durable before they count, and never taken for what they are not."""

from tests.mutants.mutant import Mutant

_CATALOG = "lake/catalog"
_ORPHANS = "tests/lake/catalog/test_orphans.py"
_FLUSH = "tests/lake/flush/test_durable_steps.py::test_each_step_of_a_flush_is_durable_before_the_next"

LAKE_FILES = (
    Mutant(
        "file-not-synced",
        "lake/storage/parquet_writer.py",
        old="                os.fsync(file.fileno())\n",
        new="",
        means="after a power cut the catalog lists files that are empty, and their events have left the buffer",
        test=_FLUSH,
    ),
    Mutant(
        "name-not-synced",
        "lake/storage/parquet_writer.py",
        old="(folder / self.name)\n            sync_folder(folder)\n",
        new="(folder / self.name)\n",
        means="after a power cut the catalog lists files that have no name",
        test=_FLUSH,
    ),
    Mutant(
        "new-folder-not-synced",
        "lake/storage/disk.py",
        old="            path.mkdir(exist_ok=True)\n            sync_folder(parent)\n",
        new="            path.mkdir(exist_ok=True)\n",
        means="after a power cut the first hour of a day is gone with its folder",
        test=_FLUSH,
    ),
    Mutant(
        "marker-not-synced",
        "lake/storage/disk.py",
        old="        os.fsync(file.fileno())\n    temporary.rename(path)\n",
        new="    temporary.rename(path)\n",
        means="after a power cut the marker is empty, and nothing starts until somebody has removed it",
        test=_FLUSH,
    ),
    Mutant(
        "synced-before-it-is-written",
        "lake/storage/disk.py",
        old="        file.write(text)\n        file.flush()\n",
        new="        file.write(text)\n",
        means="after a power cut the marker is empty although it was synced",
        test=_FLUSH,
    ),
    Mutant(
        "older-catalog-accepted",
        f"{_CATALOG}/identity.py",
        old="if any(state.number(writer) < marker.number(writer) for writer in Writer):",
        new="if all(state.number(writer) < marker.number(writer) for writer in Writer):",
        means="beside a restored older catalog the flusher goes on, and removes files that were committed since",
        test="tests/lake/catalog/test_identity.py::TestWhatIsRefused::test_an_older_copy_of_the_catalog",
    ),
    Mutant(
        "orphan-removed-without-proof",
        f"{_CATALOG}/orphans.py",
        old="        if marked and _is_next(file.origin, state):\n",
        new="        if marked:\n",
        means="the start deletes files of another catalog that lie in the lake by mistake",
        test=f"{_ORPHANS}::test_files_of_another_catalog_are_moved",
    ),
    Mutant(
        "orphan-removed-without-the-marker",
        f"{_CATALOG}/orphans.py",
        old="        if marked and _is_next(file.origin, state):\n",
        new="        if _is_next(file.origin, state):\n",
        means="when the marker was lost with the disk's last writes, a start deletes files that were committed",
        test=f"{_ORPHANS}::test_without_the_marker_nothing_proves_that_they_were_never_committed",
    ),
    Mutant(
        "two-batches-of-orphans",
        f"{_CATALOG}/orphans.py",
        old="return strange if len(flushes) > 1 or",
        new="return strange if len(flushes) > 2 or",
        means="beside a catalog that lacks its last two batches the flusher starts, and sets their files aside",
        test=f"{_ORPHANS}::test_more_than_one_killed_batch_leaves",
    ),
    Mutant(
        "orphan-over-an-orphan",
        f"{_CATALOG}/orphans.py",
        old="while (root / (place := layout.orphan_place(path, attempt))).exists():",
        new="while not (place := layout.orphan_place(path, attempt)):",
        means="a second orphan of the same name replaces the first, which was to be kept",
        test=f"{_ORPHANS}::test_what_is_there_already_is_never_written_over",
    ),
    Mutant(
        "superseded-taken-for-orphans",
        f"{_CATALOG}/listing.py",
        old='return set(DataFile.objects.values_list("path", flat=True))',
        new='return set(DataFile.listed.values_list("path", flat=True))',
        means="after a kill between swap and move no writer starts: it finds files that it takes for another catalog's",
        test="tests/lake/compact/test_sweep.py::test_a_start_finishes_what_a_kill_has_cut_short",
    ),
    Mutant(
        "marker-not-required",
        f"{_CATALOG}/identity.py",
        old="            raise _replaced()\n        self._require_marker()\n        require_match(self._root)\n",
        new="            raise _replaced()\n        require_match(self._root)\n",
        means="when the lake's disk is unmounted while the flusher runs, it lists files that are not there",
        test="tests/lake/catalog/test_identity.py::TestTheOpenCatalogIsTheFileAtItsPath::test_so_does_a_lake_that_goes_before_the_commit",
    ),
    Mutant(
        "replaced-catalog-not-noticed",
        f"{_CATALOG}/identity.py",
        old="        if not same or _file() != self._file:\n",
        new="        if not same:\n",
        means="a catalog that was moved away still gets commits, and the one at its path never hears of them",
        test="tests/lake/catalog/test_identity.py::TestTheOpenCatalogIsTheFileAtItsPath::test_a_replaced_catalog_stops_the_flusher_before_its_commit",
    ),
    Mutant(
        "missing-root-made",
        "lake/storage/disk.py",
        old="    if not root.is_dir():\n        raise",
        new="    root.mkdir(parents=True, exist_ok=True)\n    if not root.is_dir():\n        raise",
        means="when the lake's disk is not mounted, files are written onto the system disk",
        test="tests/lake/storage/test_disk.py::test_a_root_that_is_missing_is_not_made",
    ),
)
