-- The files' rows with the state that tombstones and deleted accounts give them. A state only advances: from none to
-- superseded to deleted, each since the earliest time that is known. `purged`: the row loses its text now.
WITH source AS (
    SELECT * FROM full_lake_rows($files)
), mark AS (
    SELECT s.did, t.collection, s.rkey, s.rev,
        min(t.seen) FILTER (t.deleted) AS deleted_since, min(t.seen) FILTER (NOT t.deleted) AS superseded_since
    FROM source AS s JOIN read_parquet($tombstones) AS t ON {tombstone} AND t.rev > s.rev
    GROUP BY ALL
), known AS (
    SELECT s.*, m.superseded_since,
        least(CASE WHEN s.state = 'deleted' THEN s.state_seen::TIMESTAMP END, m.deleted_since, a.learned_at)
            AS deleted_since
    FROM source AS s
    LEFT JOIN mark AS m ON {mark} AND m.rev = s.rev
    LEFT JOIN read_parquet($deleted_accounts) AS a ON a.did = s.did
)
SELECT * REPLACE (
    CASE WHEN deleted_since IS NOT NULL THEN 'deleted' WHEN superseded_since IS NOT NULL THEN 'superseded' ELSE state END
        AS state,
    coalesce(deleted_since, least(state_seen::TIMESTAMP, superseded_since)) AS state_seen
), deleted_since IS NOT NULL AND $purge AS purged
FROM known
