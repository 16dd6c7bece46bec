"""The tables of the handles' file."""

# account.handle is null if the account is known to have none. The tallies save counting millions of rows.
SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS account (did TEXT PRIMARY KEY, handle TEXT, at INTEGER NOT NULL, learned INTEGER)
    WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS account_at ON account (at);
CREATE TABLE IF NOT EXISTS claim (handle TEXT PRIMARY KEY, did TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS waiting (did TEXT PRIMARY KEY, rank INTEGER NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS waiting_rank ON waiting (rank, at);
CREATE TABLE IF NOT EXISTS tally (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO tally VALUES ('known', 0), ('waiting', 0);
CREATE TRIGGER IF NOT EXISTS account_added AFTER INSERT ON account WHEN new.handle IS NOT NULL
BEGIN UPDATE tally SET number = number + 1 WHERE name = 'known'; END;
CREATE TRIGGER IF NOT EXISTS account_changed AFTER UPDATE ON account WHEN (new.handle IS NULL) != (old.handle IS NULL)
BEGIN UPDATE tally SET number = number + iif(new.handle IS NULL, -1, 1) WHERE name = 'known'; END;
CREATE TRIGGER IF NOT EXISTS waiting_added AFTER INSERT ON waiting
BEGIN UPDATE tally SET number = number + 1 WHERE name = 'waiting'; END;
CREATE TRIGGER IF NOT EXISTS waiting_done AFTER DELETE ON waiting
BEGIN UPDATE tally SET number = number - 1 WHERE name = 'waiting'; END;
COMMIT;
"""
# account.learned: when its handle was stored, by the clock of this machine; null: before that was noted.
LEARNED = """
CREATE TRIGGER IF NOT EXISTS account_learned AFTER INSERT ON account WHEN new.handle IS NOT NULL
BEGIN UPDATE account SET learned = (julianday('now') - 2440587.5) * 86400000000 WHERE did = new.did; END;
CREATE TRIGGER IF NOT EXISTS account_learned_again AFTER UPDATE OF handle ON account
WHEN new.handle IS NOT NULL AND new.handle IS NOT old.handle
BEGIN UPDATE account SET learned = (julianday('now') - 2440587.5) * 86400000000 WHERE did = new.did; END;
"""
