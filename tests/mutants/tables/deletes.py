"""Of deletes and accounts on their way into the catalog and the files."""

from tests.mutants.mutant import Mutant

_FLUSH = "tests/lake/flush/test_deletions.py"
_COMPACTOR = "tests/lake/compact/test_compactor.py"
_TOMBSTONES = "tests/lake/compact/test_tombstones.py"

DELETES = (
    Mutant(
        "create-over-an-older-version",
        "lake/flush/sql/tombstones.sql",
        old="WHERE replaces OR timeless OR (did,",
        new="WHERE replaces OR (did,",
        means="a profile that is made anew shows beside its older version",
        test=f"{_FLUSH}::test_a_create_over_an_older_version_hides_it",
    ),
    Mutant(
        "key-without-its-collection",
        "lake/schema.py",
        old="AND {other}.collection = {collection} AND {other}.rkey",
        new="AND {other}.rkey",
        means="who deletes a threadgate loses the text of the post of the same key",
        test=f"{_TOMBSTONES}::test_a_tombstone_touches_the_partition_of_an_older_version_of_its_uri",
    ),
    Mutant(
        "updates-of-likes-forgotten",
        "lake/flush/deletions.py",
        old='pc.or_(pc.equal(interactions["operation"], "update"), no_time)',
        new="no_time",
        means="a like that was changed counts twice",
        test=f"{_FLUSH}::test_of_likes_and_the_like_only_what_is_odd_leaves_tombstones",
    ),
    Mutant(
        "state-by-seq-before-time",
        "lake/flush/sql/latest_accounts.sql",
        old="time_us: time_us, seq: seq}, (time_us, seq)) AS state",
        new="time_us: time_us, seq: seq}, (seq, time_us)) AS state",
        means="after its host changed the relay, an account's older state counts: it stays hidden, or shows",
        test=f"{_FLUSH}::test_an_account_event_s_own_time_counts_as_seq_restarts_with_another_relay",
    ),
    Mutant(
        "older-state-replaces-a-later-one",
        "lake/catalog/commits.py",
        old="return stored is not None and (stored.time_us, stored.seq) > (state.time_us, state.seq)",
        new="return stored is not None and stored.seq > state.seq",
        means="a replay of yesterday's account events makes deactivated accounts show",
        test=f"{_FLUSH}::test_an_account_event_s_own_time_counts_as_seq_restarts_with_another_relay",
    ),
    Mutant(
        "only-deleted-accounts-hidden",
        "lake/catalog/commits.py",
        old="        if not state.active\n",
        new='        if state.status == "deleted"\n',
        means="posts of deactivated and suspended accounts show",
        test="tests/lake/search/test_reader.py::test_posts_of_a_deactivated_account_show_again_when_it_is_reactivated",
    ),
    Mutant(
        "older-profile-wins",
        "lake/catalog/commits.py",
        old="AND collection = %s AND rkey = %s AND rev > %s)\n",
        new="AND collection = %s AND rkey = %s AND rev < %s)\n",
        means="an older profile that comes late says whether an account asks for known readers only",
        test="tests/lake/scan/test_withheld.py::test_a_profile_that_comes_after_a_newer_one_says_nothing",
    ),
    Mutant(
        "any-record-taken-for-the-profile",
        "lake/flush/sql/profile_states.sql",
        old="FROM {profile} WHERE rkey = 'self'\n",
        new="FROM {profile}\n",
        means="a stray record beside the profile withdraws the wish to be shown to known readers only",
        test="tests/lake/scan/test_withheld.py::test_another_record_of_that_collection_says_nothing",
    ),
    Mutant(
        "tombstones-that-came-meanwhile-applied",
        "lake/compact/tombstones.py",
        old="        last = min(start + ROWS_AT_ONCE - 1, deletions.newest_id)\n",
        new="        last = start + ROWS_AT_ONCE - 1\n",
        means="a delete that comes during the daily pass is called applied, and its text stays for ever",
        test=f"{_TOMBSTONES}::test_only_what_the_snapshot_holds_is_set_applied",
    ),
    Mutant(
        "tombstone-removed-too-early",
        "lake/compact/tombstones.py",
        old="KEPT = listing.LATE + timedelta(days=2)",
        new="KEPT = timedelta(days=1)",
        means="a post that a host replays a day and a half after its delete shows again",
        test=f"{_TOMBSTONES}::test_a_tombstone_outlives_a_host_s_replay_and_the_pass_after_it",
    ),
    Mutant(
        "tombstone-of-a-like-removed",
        "lake/compact/tombstones.py",
        old=".exclude(collection__in=stateless)",
        new="",
        means="days after it was taken back, an odd like counts again: its file has no states",
        test=f"{_TOMBSTONES}::test_the_tombstones_of_likes_stay_as_their_files_have_no_states",
    ),
    Mutant(
        "late-versions-without-tombstones",
        "lake/flush/deletions.py",
        old="for row in rows] + _known_to_the_lake(engine, root, _late(versions, new))",
        new="for row in rows]",
        means="a deleted post that is replayed after days shows again, as its tombstone is gone",
        test=f"{_COMPACTOR}::test_tombstones_are_removed_some_days_after_and_made_anew_for_what_comes_later_still",
    ),
    Mutant(
        "opted-out-accounts-not-purged",
        "lake/compact/tombstones.py",
        old="tombstone_rows.gone_accounts(DELETED_ACCOUNT)",
        new="tombstone_rows.inactive_accounts(DELETED_ACCOUNT)",
        means="the texts of an account that has opted out, and wished them gone, stay in the files",
        test=f"{_COMPACTOR}::test_an_account_that_has_opted_out_is_purged_if_that_is_wished_and_so_is_what_comes_later",
    ),
)
