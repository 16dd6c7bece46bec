-- Deletes and newer versions of one dataset's records, of one part of all accounts: those that a file's `state` does not
-- show yet, and those that are there since $young, which a version that comes late may still meet. {{known}}: from when on
-- a row exists.
WITH version AS MATERIALIZED (
    SELECT did, {collection} AS collection, rkey, rev, operation, state, seen::TIMESTAMP AS seen,
        {known}::TIMESTAMP AS known
    FROM ({versions}) WHERE hash(did) % $parts = $part
), lowest AS (
    SELECT did, collection, rkey, min(rev) FILTER (state IS DISTINCT FROM 'deleted') AS kept,
        min(rev) FILTER (state IS NULL) AS shown
    FROM version GROUP BY ALL
), later AS (
    SELECT did, collection, rkey, rev, true AS deleted, seen::TIMESTAMP AS seen, {known}::TIMESTAMP AS known,
        true AS late
    FROM ({deletes}) WHERE hash(did) % $parts = $part AND {condition}
    UNION ALL
    SELECT did, collection, rkey, rev, false, seen, known,
        operation = 'update' OR coalesce(abs(tid_us(rkey) - epoch_us(seen)) > 300000000, true)
    FROM version
)
SELECT did, collection, rkey, later.rev, later.deleted, epoch_us(min(later.known))
FROM later LEFT JOIN lowest USING (did, collection, rkey)
WHERE later.rev > CASE WHEN later.deleted THEN lowest.kept ELSE lowest.shown END
    OR later.late AND later.known >= make_timestamp($young)
GROUP BY ALL
