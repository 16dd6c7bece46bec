SELECT n, by_arrival, seen, did, rkey, rev, cid, operation,
    CASE WHEN json_type(body, '/createdAt') = 'VARCHAR' THEN moment(json_extract_string(body, '/createdAt')) END AS created_at,
    no_leftover(time_us, by_arrival) AS extra,
    collection, body::VARCHAR AS record
FROM event WHERE dataset = 'records'
