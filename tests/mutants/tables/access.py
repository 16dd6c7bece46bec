"""Of who may ask, how often, and what names nobody."""

from tests.mutants.mutant import Mutant

_KEYS = "tests/api/access/test_keys.py"
_RATES = "tests/api/access/test_throttling.py"

ACCESS = (
    Mutant(
        "revoked-key-accepted",
        "api/models.py",
        old='        if self.revoked_at is not None:\n            return "revoked"\n',
        new="",
        means="a key that was revoked as it had leaked opens the API",
        test=f"{_KEYS}::test_a_key_ends_at_its_time",
    ),
    Mutant(
        "anonymous-access-not-checked",
        "api/access/keys.py",
        old="        if request.auth is None and not view.flags.anonymous_access",
        new="        if request.auth is None and request.method != 'GET' and not view.flags.anonymous_access",
        means="with anonymous access off everybody can search all the same",
        test=f"{_KEYS}::test_anonymous_access_off_wants_a_key_and_says_how",
    ),
    Mutant(
        "any-key-may-label",
        "api/views/labels.py",
        old="        if not key.may_label:\n",
        new='        if key.state == "revoked":\n',
        means="every reader with a key can label all posts",
        test="tests/api/views/test_labels.py::test_labels_are_taken_from_keys_that_may_send_them",
    ),
    Mutant(
        "one-request-too-many",
        "api/access/throttling.py",
        old="            if used >= rate:\n",
        new="            if used > rate:\n",
        means="a rate of 1 lets two requests through",
        test=f"{_RATES}::test_never_more_than_the_rate_in_any_minute_and_right_about_when_to_come_back",
    ),
    Mutant(
        "slots-forgotten-too-early",
        "api/access/throttling.py",
        old="(counts[0][0] + 1) * SLOT_SECONDS + MINUTE <= now:",
        new="counts[0][0] * SLOT_SECONDS + MINUTE <= now:",
        means="nearly twice the rate is let through within a minute",
        test=f"{_RATES}::test_never_more_than_the_rate_in_any_minute_and_right_about_when_to_come_back",
    ),
    Mutant(
        "callers-without-a-bound",
        "api/access/throttling.py",
        old="if len(self._counts) > self._callers:",
        new="if not self._counts:",
        means="requests from many addresses take the machine's memory",
        test=f"{_RATES}::test_it_remembers_so_many_callers_and_forgets_who_was_longest_away",
    ),
    Mutant(
        "address-as-the-client-says",
        "api/access/throttling.py",
        old='meta.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2]',
        new='meta.get("HTTP_X_FORWARDED_FOR", "").partition(",")[0]',
        means="who sends an invented X-Forwarded-For has no rate limit, and opens the admin's door",
        test=f"{_RATES}::test_behind_a_proxy_each_reader_counts_alone_and_no_header_of_theirs_does",
    ),
    Mutant(
        "slot-not-given-back",
        "api/access/concurrency.py",
        old="        if kind is not None or not self._streams:\n",
        new="        if kind is None and not self._streams:\n",
        means="four failed exports, and none is answered until a restart",
        test="tests/api/access/test_concurrency.py::test_every_place_comes_back",
    ),
    Mutant(
        "metrics-for-everybody",
        "api/access/scrapers.py",
        old="peer.is_private and not any(name in meta for name in PROXIED)",
        new="peer.is_private",
        means="behind a proxy everybody can read the metrics",
        test="tests/api/access/test_scrapers.py::test_behind_a_proxy_a_private_address_says_nothing",
    ),
    Mutant(
        "pseudonym-without-a-key",
        "lake/pseudonyms/names.py",
        old='[hmac.digest(key, text.encode(errors="surrogatepass"), "sha256")[:CODE_BYTES] for text in texts]',
        new='[hmac.digest(b"", text.encode(errors="surrogatepass"), "sha256")[:CODE_BYTES] for text in texts]',
        means="whoever has a list of accounts can tell whose pseudonym is whose",
        test="tests/lake/pseudonyms/test_names.py::test_who_has_another_secret_has_other_pseudonyms",
    ),
    Mutant(
        "cid-beside-a-pseudonym",
        "lake/pseudonyms/rows.py",
        old='CIDS = ("cid", "subject_cid")',
        new='CIDS = ("subject_cid",)',
        means="a post without a name is found on the network by its CID",
        test="tests/api/views/test_pseudonyms.py::test_an_export_names_nobody",
    ),
    Mutant(
        "key-in-the-token",
        "api/answers/page.py",
        old="    if names is None or after is None:\n        return token\n",
        new="    if names is None or after is not None:\n        return token\n",
        means="the token of a page with pseudonyms names the last author",
        test="tests/api/views/test_pseudonyms.py::test_a_search_names_nobody_and_its_tokens_lead_to_the_end",
    ),
)
