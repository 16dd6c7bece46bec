SELECT n, seen, did, rkey, rev, cid, operation,
    CAST(NULL AS TIMESTAMP) AS created_at,
    CAST(NULL AS VARCHAR) AS state,
    leftover(body, NULL, [NULL::VARCHAR], time_us, by_arrival) AS extra,
    collection
FROM event WHERE dataset = 'deletes'
