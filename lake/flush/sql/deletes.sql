SELECT n, by_arrival, seen, did, rkey, rev, cid, operation, CAST(NULL AS TIMESTAMP) AS created_at,
    CASE WHEN body IS NULL THEN no_leftover(time_us, by_arrival) ELSE leftover(body, NULL, [], time_us, by_arrival) END AS extra,
    collection
FROM event WHERE dataset = 'deletes'
