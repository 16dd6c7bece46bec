"""Of what shows: deletes, newer versions, accounts, and who has opted out."""

from tests.mutants.mutant import Mutant

_RULE = "lake/scan/visibility.py"
_TESTS = "tests/lake/scan/test_visibility.py"
_READER = "tests/lake/search/test_reader.py"
_WITHHELD = "tests/lake/scan/test_withheld.py"

VISIBILITY = (
    Mutant(
        "version-hides-itself",
        _RULE,
        old="AND t.rev > candidate.rev AND (t.deleted OR t.seen <= %s))",
        new="AND t.rev >= candidate.rev AND (t.deleted OR t.seen <= %s))",
        means="a post that was edited disappears: its newest version hides itself",
        test=f"{_READER}::test_of_an_updated_post_only_the_newest_version_shows",
    ),
    Mutant(
        "rev-compared-as-a-number",
        _RULE,
        old="AND t.rev > candidate.rev AND (t.deleted OR t.seen <= %s))",
        new="AND t.rev + 0 > candidate.rev + 0 AND (t.deleted OR t.seen <= %s))",
        means="deleted posts stay on the pages, as no rev is a number",
        test=f"{_READER}::test_a_deleted_post_is_gone_in_whatever_order_both_come",
    ),
    Mutant(
        "delete-of-an-earlier-life",
        _RULE,
        old="AND t.rev > candidate.rev AND (t.deleted OR t.seen <= %s))",
        new="AND (t.deleted AND t.rev <> candidate.rev OR t.rev > candidate.rev AND t.seen <= %s))",
        means="a delete wins over a newer version: a post that was made again stays hidden",
        test=f"{_READER}::test_a_post_that_was_deleted_and_made_again_shows_its_new_version",
    ),
    Mutant(
        "collection-not-compared",
        _RULE,
        old="AND t.collection = candidate.collection\n            AND t.rkey",
        new="AND t.rkey",
        means="who deletes a threadgate loses the post of the same key",
        test=f"{_TESTS}::test_a_record_of_another_collection_with_the_same_key_hides_nothing",
    ),
    Mutant(
        "inactive-accounts-on-pages",
        _RULE,
        old="        OR EXISTS (SELECT 1 FROM {inactive} AS i WHERE i.did = candidate.did)\n",
        new="",
        means="posts of deactivated and suspended accounts stay on the pages",
        test=f"{_READER}::test_posts_of_a_deactivated_account_show_again_when_it_is_reactivated",
    ),
    Mutant(
        "inactive-accounts-in-exports",
        _RULE,
        old='''    AND row.did NOT IN (SELECT did FROM inactive_account)"""''',
        new='''    AND row.did IS NOT NULL"""''',
        means="exports and counts have the posts of deactivated accounts that pages leave out",
        test=f"{_TESTS}::test_the_rule_for_a_page_and_the_sql_for_a_whole_agree",
    ),
    Mutant(
        "taken-back-likes-of-another-clock",
        _RULE,
        old="BEFORE_US = 4_200_000_000",
        new="BEFORE_US = 0",
        means="a like that was taken back is counted if the delete came from a host whose clock is behind",
        test="tests/lake/search/test_pages.py::test_a_like_that_came_before_its_time_can_be_taken_back",
    ),
    Mutant(
        "newer-version-of-the-moment-itself",
        _RULE,
        old='(hit.state == "superseded" and (hit.state_us or 0) <= snapshot_us)',
        new='(hit.state == "superseded" and (hit.state_us or 0) < snapshot_us)',
        means="a walk that begins at the very moment of an edit shows the old text beside the new one",
        test="tests/lake/compact/test_index_upkeep.py::test_an_older_version_stays_hidden_when_its_tombstone_is_gone",
    ),
    Mutant(
        "read-on-after-a-swap",
        "lake/catalog/read_guard.py",
        old="    if not all_listed(paths):\n        raise Superseded\n",
        new="",
        means="a deleted post shows when compaction applies its tombstone while the old file is read",
        test=f"{_READER}::test_a_deleted_post_does_not_show_when_its_tombstone_goes_while_its_old_file_is_read",
    ),
    Mutant(
        "copy-of-the-tombstones-not-renewed",
        "lake/scan/tombstone_cache.py",
        old="            if newest != self._last:\n",
        new="            if self._last is None:\n",
        means="exports and counts have posts that were deleted after the process's start",
        test="tests/lake/search/test_pages.py::test_a_post_deleted_during_the_walk_is_gone_at_once",
    ),
    Mutant(
        "accounts-noticed-by-their-number",
        "lake/scan/tombstone_cache.py",
        old='InactiveAccount.objects.aggregate(Count("pk"), Max("learned_at"))',
        new='InactiveAccount.objects.aggregate(Count("pk"))',
        means="when one account goes as another comes back, exports show the one and lack the other",
        test="tests/lake/search/test_pages.py::test_counts_follow_accounts_that_go_and_come_back",
    ),
    Mutant(
        "opt-out-not-on-pages",
        _RULE,
        old="    return kept_back | by_state | deleted | _hidden_by_catalog(hits, search.snapshot_us)\n",
        new="    return by_state | deleted | _hidden_by_catalog(hits, search.snapshot_us)\n",
        means="who has opted out is still found on pages",
        test=f"{_WITHHELD}::test_all_rows_of_a_withheld_account_are_left_out_of_all_answers",
    ),
    Mutant(
        "opt-out-not-in-exports-of-deletes",
        _RULE,
        old="        return VisibleSql(shown_sql(search), {}, [])\n",
        new='        return VisibleSql("true", {}, [])\n',
        means="who has opted out is still in exports of deletes and account events",
        test=f"{_WITHHELD}::test_all_rows_of_a_withheld_account_are_left_out_of_all_answers",
    ),
    Mutant(
        "opt-out-not-in-lists-of-posts",
        "lake/search/by_uri.py",
        old="self.inactive = _inactive(accounts) | withheld(self._search.withhold, accounts)",
        new="self.inactive = _inactive(accounts)",
        means="a list of posts calls those of an account that has opted out unknown, and not hidden",
        test=f"{_WITHHELD}::test_a_list_of_posts_and_a_thread_say_why_one_does_not_show",
    ),
    Mutant(
        "withdrawn-wish-still-holds",
        "lake/withheld/lists.py",
        old="WHERE asks AND did IN",
        new="WHERE did IN",
        means="an account that no longer asks to be shown to known readers only stays hidden from all others",
        test=f"{_WITHHELD}::test_pages_and_the_copy_in_memory_follow_each_change",
    ),
)
