"""Arrow copies of the catalog's tombstones and inactive accounts."""

from datetime import UTC, datetime, timedelta

import pytest

from lake.catalog import tombstone_rows
from lake.catalog.commits import AccountState, NewTombstone, add_tombstones, set_accounts
from lake.models import InactiveAccount, Tombstone
from tests.builders import ALICE, BOB, NOON_US

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def fill(count):
    add_tombstones([NewTombstone(ALICE, "c", f"k{n}", "3a\0😀", n % 2 == 0, NOON_US + n) for n in range(count)])


def rows(tables):
    return [
        {**row, "seen": seen}
        for table in tables
        for row, seen in zip(
            table.drop_columns("seen").to_pylist(), table["seen"].cast("int64").to_pylist(), strict=True
        )
    ]


def test_every_tombstone_comes_as_it_is(db):
    fill(3)
    Tombstone.objects.filter(rkey="k1").update(applied_at=NOON)
    first = Tombstone.objects.order_by("pk").first().pk
    assert rows(tombstone_rows.tombstones(0, tombstone_rows.newest_id())) == [
        {"id": first + n, "did": ALICE, "collection": "c", "rkey": f"k{n}", "rev": "3a\0😀"}
        | {"deleted": n % 2 == 0, "seen": NOON_US + n, "applied": n == 1}
        for n in range(3)
    ]


@pytest.mark.parametrize("size", [1, 2, 5, 50])
def test_a_range_of_ids_comes_in_tables_of_a_bounded_size(db, monkeypatch, size):
    monkeypatch.setattr(tombstone_rows, "ROWS_AT_ONCE", size)
    fill(7)
    first = Tombstone.objects.order_by("pk").first().pk
    tables = list(tombstone_rows.tombstones(first, first + 5))
    assert [id_ for table in tables for id_ in table["id"].to_pylist()] == list(range(first + 1, first + 6))
    assert max(table.num_rows for table in tables) <= size
    assert all(table.schema == tombstone_rows.TOMBSTONE for table in tables)


def test_an_empty_catalog_has_no_tables(db):
    assert tombstone_rows.newest_id() == 0
    assert list(tombstone_rows.tombstones(0, 10**9)) == list(tombstone_rows.inactive_accounts()) == []


def test_accounts_come_with_their_status(db):
    set_accounts([AccountState(ALICE, False, "deleted", 1, 1), AccountState(BOB, False, "suspended", 1, 1)])
    InactiveAccount.objects.update(learned_at=NOON + timedelta(microseconds=5))
    InactiveAccount.objects.filter(did=ALICE).update(applied_at=NOON)
    (table,) = tombstone_rows.inactive_accounts()
    assert sorted(zip(*(table[name].to_pylist() for name in ("did", "status", "applied")), strict=True)) == [
        (ALICE, "deleted", True),
        (BOB, "suspended", False),
    ]
    assert table["learned_at"].cast("int64").to_pylist() == [NOON_US + 5] * 2
    (deleted,) = tombstone_rows.inactive_accounts("deleted")
    assert deleted["did"].to_pylist() == [ALICE]
