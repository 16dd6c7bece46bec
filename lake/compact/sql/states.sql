-- The files' rows with the state that tombstones and deleted accounts give them. A state only ever goes on: from none to
-- superseded to deleted, each since the earliest time that is known. `purged`: the row loses its text now.
WITH source AS (
    SELECT * FROM read_parquet($files, hive_partitioning = false)
), mark AS (
    SELECT s.did, {collection} AS collection, s.rkey, s.rev,
        min(t.seen) FILTER (t.deleted) AS deleted_at, min(t.seen) FILTER (NOT t.deleted) AS newer_at
    FROM source AS s JOIN tombstone AS t
        ON t.did = s.did AND t.collection = {collection} AND t.rkey = s.rkey AND t.rev > s.rev
    GROUP BY ALL
), known AS (
    SELECT s.*, m.newer_at,
        least(CASE WHEN s.state = 'deleted' THEN s.state_seen::TIMESTAMP END, m.deleted_at, a.seen) AS dead_at
    FROM source AS s
    LEFT JOIN mark AS m ON m.did = s.did AND m.collection = {collection} AND m.rkey = s.rkey AND m.rev = s.rev
    LEFT JOIN deleted_account AS a ON a.did = s.did
)
SELECT * REPLACE (
    CASE WHEN dead_at IS NOT NULL THEN 'deleted' WHEN newer_at IS NOT NULL THEN 'superseded' ELSE state END AS state,
    coalesce(dead_at, least(state_seen::TIMESTAMP, newer_at)) AS state_seen
), dead_at IS NOT NULL AND $purge AS purged
FROM known
