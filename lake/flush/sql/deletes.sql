SELECT n, seen, did, rkey, rev, cid, operation, CAST(NULL AS TIMESTAMP) AS created_at,
    CASE WHEN body IS NULL THEN no_leftover(impossible_time_us) ELSE leftover(body, NULL, [], impossible_time_us) END AS extra,
    collection
FROM event
