"""The store of handles: the newest claim wins whatever comes first, and no state of its file stops a page."""

import sqlite3
import threading
import time
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.handles import store as handles_store
from ingest.handles.appview import AppView, HandleServiceDown
from ingest.handles.lookup import STALE_US, Handles
from ingest.handles.store import FIRST, LATER, Claim, Store
from process.instants import now_us
from tests.builders import ALICE, BOB
from tests.ingest.handles.appview_server import appview_server, status

CAROL = "did:plc:carolccccccccccccccccccc"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "catalog.handles.sqlite3"


@pytest.fixture
def store(path):
    return Store(path, 5).create()


def claim(store, *claims):
    with store.transaction():
        return store.claim(Claim(*each) for each in claims)


def wait(store, dids, rank=FIRST, at=1):
    with store.transaction():
        store.wait(dids, rank, at)


# --- what was known when -------------------------------------------------------------------------------------------


def test_handles_that_came_later_were_not_known_before(store):
    claim(store, (ALICE, "a.example", 1))
    between = now_us()
    while now_us() < between + 2000:  # SQLite's clock has milliseconds
        pass
    claim(store, (BOB, "b.example", 1), (ALICE, "a.example", 2))  # the second one only confirms
    assert store.names_until([ALICE, BOB], between) == {ALICE: "a.example"}
    assert store.names_until([ALICE, BOB], now_us() + 2000) == {ALICE: "a.example", BOB: "b.example"}
    claim(store, (ALICE, "new.example", 3))
    assert store.names_until([ALICE], between) == {}


def test_a_file_of_before_counts_as_known_always_once_it_is_opened_by_its_writer(path):
    with closing(sqlite3.connect(path)) as old:
        old.execute("CREATE TABLE account (did TEXT PRIMARY KEY, handle TEXT, at INTEGER NOT NULL) WITHOUT ROWID")
        old.execute("INSERT INTO account VALUES (?, 'a.example', 5)", [ALICE])
        old.commit()
    assert Handles(path, None).names_until(1, [ALICE]) == {ALICE: "a.example"}
    store = Store(path, 5).create().create()
    assert store.names_until([ALICE], 1) == {ALICE: "a.example"}


# --- claims -------------------------------------------------------------------------------------------------------


def test_a_handle_that_moved_is_taken_from_the_old_account(store):
    assert claim(store, (ALICE, "a.example", 1)) == []
    assert claim(store, (BOB, "a.example", 2)) == [ALICE]
    assert store.names([ALICE, BOB]) == {BOB: "a.example"}
    assert store.did_of("a.example") == BOB


def test_an_account_that_took_another_handle_leaves_the_old_one(store):
    claim(store, (ALICE, "a.example", 1), (ALICE, "b.example", 2))
    assert store.names([ALICE]) == {ALICE: "b.example"}
    assert store.did_of("a.example") is None


def test_an_older_claim_that_comes_later_changes_nothing(store):
    claim(store, (ALICE, "a.example", 5), (BOB, "a.example", 3), (ALICE, "old.example", 2))
    assert store.names([ALICE, BOB]) == {ALICE: "a.example"}


def test_an_account_without_a_handle_is_known_as_such(store):
    claim(store, (ALICE, "a.example", 1), (ALICE, None, 2))
    assert store.names([ALICE]) == {}
    assert store.did_of("a.example") is None
    assert store.fresh([ALICE], 2) == {ALICE}


@st.composite
def histories(draw):
    """Claims of few accounts to few handles, each at a time of its own, in any order."""
    dids, handles = st.sampled_from([ALICE, BOB, CAROL]), st.sampled_from(["a.example", "b.example", None])
    pairs = draw(st.lists(st.tuples(dids, handles), max_size=12))
    return draw(st.permutations([Claim(did, handle, at) for at, (did, handle) in enumerate(pairs)]))


def truth(history):
    """Who shows which handle: his newest claim, if nobody has claimed the handle later."""
    in_order = sorted(history, key=lambda claim: claim.at)
    latest = {claim.did: claim.handle for claim in in_order}
    holder = {claim.handle: claim.did for claim in in_order}
    return {did: handle for did, handle in latest.items() if handle and holder[handle] == did}


def count(store, table, where="true"):
    return store._run(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()[0]


@given(history=histories())
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_newest_claim_wins_in_whatever_order_they_come(store, history):
    with store.transaction():
        for table in ("account", "claim"):
            store._run(f"DELETE FROM {table}")
        store._run("UPDATE tally SET number = 0")
    claim(store, *history)
    shown = truth(history)
    assert store.names([ALICE, BOB, CAROL]) == shown
    for handle in ("a.example", "b.example"):
        assert store.did_of(handle) == next((did for did, shown_ in shown.items() if shown_ == handle), None)
    assert store.figures().known == len(shown)


# --- who waits ----------------------------------------------------------------------------------------------------


def test_who_is_looked_at_comes_before_who_is_new(store):
    with store.transaction():
        store.wait_if_new([CAROL, ALICE], 1)
        store.wait([BOB, ALICE], FIRST, 2)
    assert store.due(now=9, count=5) == [ALICE, BOB, CAROL]
    assert store.figures()[1:3] == (3, 1)
    with store.transaction():
        store.answered([ALICE, CAROL])
    assert store.due(now=9, count=5) == [BOB]
    assert store.figures()[1:3] == (1, 2)


def test_nobody_is_asked_before_the_time(store):
    wait(store, [ALICE], at=10)
    assert store.due(now=9, count=5) == []
    wait(store, [ALICE], LATER, at=5)
    assert store.due(now=9, count=5) == [ALICE]


def test_only_who_is_not_known_at_all_is_new(store):
    claim(store, (ALICE, None, 1))
    with store.transaction():
        store.wait_if_new([ALICE, BOB], 1)
    assert store.due(9, 5) == [BOB]


def test_the_longest_silence_is_asked_first(store):
    claim(store, (ALICE, "a.example", 3), (BOB, None, 1), (CAROL, "c.example", 7))
    assert store.stale(before=5, count=9) == [BOB, ALICE]
    assert store.stale(before=5, count=1) == [BOB]


def test_those_who_wait_are_bounded(store, monkeypatch):
    monkeypatch.setattr(handles_store, "MAX_WAITING", 2)
    wait(store, [ALICE, BOB])
    wait(store, [CAROL])
    with store.transaction():
        store.wait_if_new([CAROL], 1)
    assert store.figures().waiting == 2


def test_the_tallies_are_true(store):
    claim(store, (ALICE, "a.example", 1), (BOB, "a.example", 2), (CAROL, None, 3), (CAROL, "c.example", 4))
    wait(store, [ALICE, BOB])
    wait(store, [ALICE], LATER)
    with store.transaction():
        store.answered([BOB, CAROL])
        store.count({"answered": 2})
        store.count({"answered": 1, "slow": 1})
    known, waiting, _, _, calls = store.figures()
    assert (known, waiting) == (count(store, "account", "handle IS NOT NULL"), count(store, "waiting")) == (2, 1)
    assert calls == {"answered": 3, "slow": 1}


def test_a_transaction_that_fails_leaves_nothing(store):
    claims = [Claim(ALICE, "a.example", 1), Claim(BOB, ["no text"], 2)]
    with pytest.raises(sqlite3.Error), store.transaction():
        store.claim(claims)
    assert store.names([ALICE]) == {}
    claim(store, (ALICE, "a.example", 1))


# --- Handles ------------------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    with appview_server() as server:
        server.handles = {ALICE: "alice.example"}
        yield server


@pytest.fixture
def handles(path, server):
    return Handles(path, AppView(server.url, seconds=0.3, per_second=1000))


def test_a_handle_is_found_however_it_is_written(path, store):
    claim(store, (ALICE, "alice.example", 1))
    handles = Handles(path, None)
    assert handles.did_of("@Alice.Example") == ALICE
    assert handles.did_of("\ud800") is None
    assert handles.resolve("ALICE.example") == ALICE
    assert handles.resolve("bob.example") is None, "without an AppView nobody is asked"


def test_an_unknown_handle_is_asked_for_once(handles, server, store):
    assert [handles.resolve("alice.example") for _ in range(3)] == [ALICE] * 3
    assert [handles.resolve("nobody.example") for _ in range(3)] == [None] * 3
    assert handles.resolve("no handle") is None
    assert server.asked == [["alice.example"], ["nobody.example"]]
    assert handles.figures().calls["answered"] == handles.figures().calls["refused"] == 1


def test_a_domain_that_names_an_account_is_not_yet_its_handle(handles, store, server):
    """Anybody's domain may name anybody's DID: only getProfiles looks whether the account names the domain too."""
    server.handles = {ALICE: "evil.example"}
    assert handles.resolve("evil.example") == ALICE
    assert handles.names([ALICE]) == {}
    assert store.due(now_us(), 5) == [ALICE], "the question is put at once"


def test_a_known_handle_needs_no_call(handles, store, server):
    claim(store, (BOB, "bob.example", 1))
    assert handles.resolve("bob.example") == BOB
    assert server.asked == []


def test_no_answer_is_said_so_and_not_remembered(handles, server, store):
    server.faults = [status(500)]
    with pytest.raises(HandleServiceDown):
        handles.resolve("alice.example")
    handles._appview._closed_until = 0.0
    assert handles.resolve("alice.example") == ALICE


def test_what_is_remembered_is_bounded(handles, store, monkeypatch):
    monkeypatch.setattr("ingest.handles.lookup.CACHED", 3)
    for number in range(9):
        handles.resolve(f"h{number}.example")
    assert len(handles._resolved) == 3


def test_those_looked_at_wait_unless_something_was_heard_lately(handles, store):
    now = now_us()
    claim(store, (ALICE, "a.example", now), (BOB, None, now - 2 * STALE_US))
    handles.want([ALICE, BOB, CAROL, "no did"])
    assert sorted(store.due(now_us(), 9)) == [BOB, CAROL]
    handles.want([BOB, CAROL])
    assert store.figures().waiting == 2


def test_whoever_looks_first_makes_the_file(handles, path):
    assert handles.names([ALICE]) == {}
    assert not path.exists(), "a reader makes none"
    handles.want([ALICE])
    assert Store(path, 1).due(now_us(), 9) == [ALICE]


def test_without_an_appview_nobody_waits(path):
    Handles(path, None).want([ALICE])
    assert not path.exists()


def test_a_missing_file_is_said_once_and_no_error(path, caplog):
    handles = Handles(path, None)
    for _ in range(3):
        assert handles.names([ALICE]) == {}
        assert handles.did_of("a.example") is None
    assert caplog.text.count("handles are not available") == 1
    claim(Store(path, 1).create(), (ALICE, "a.example", 1))
    assert handles.names([ALICE]) == {ALICE: "a.example"}
    assert handles.figures().known == 1


@pytest.mark.parametrize("content", [b"junk" * 500, b""])
def test_a_broken_file_is_no_error(path, handles, content):
    path.write_bytes(content)
    assert handles.names([ALICE]) == {}
    assert handles.resolve("alice.example") == ALICE
    handles.want([ALICE])
    assert handles.figures().known == 0


def test_a_locked_file_holds_nobody_up(path, store, handles):
    claim(store, (ALICE, "a.example", 1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert handles.names([ALICE]) == {ALICE: "a.example"}, "a writer does not keep readers out"
        began = time.monotonic()
        handles.want([BOB])
        assert time.monotonic() - began < 1
        other.execute("ROLLBACK")
    handles.want([BOB])
    assert store.due(now_us(), 9) == [BOB]


def test_a_file_that_is_kept_from_all_others_is_no_error(path, handles):
    Store(path, 5).create()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("INSERT INTO tally VALUES ('x', 1)")
        began = time.monotonic()
        assert handles.names([ALICE]) == {}
        handles.want([ALICE])
        assert time.monotonic() - began < 1.5
    handles.want([ALICE])
    assert Store(path, 1).due(now_us(), 9) == [ALICE]


def test_threads_may_share_it(path, handles, store):
    failures = []

    def work(number):
        try:
            did = f"did:plc:{number}"
            for at in range(30):
                claim(store, (did, f"h{number}.example", at))
                handles.want([f"{did}-{at}"])
                assert handles.names([did]) == {did: f"h{number}.example"}
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.figures()[:2] == (4, count(store, "waiting"))


def test_a_name_that_is_no_unicode_is_no_error(handles, store):
    assert handles.names(["\ud800"]) == {}
    handles.want(["\ud800"])
