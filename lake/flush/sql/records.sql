SELECT n, seen, did, rkey, rev, cid, operation,
    CASE WHEN json_type(body, '/createdAt') = 'VARCHAR' THEN rfc3339(json_extract_string(body, '/createdAt')) END AS created_at,
    no_leftover(impossible_time_us) AS extra,
    collection, body::VARCHAR AS record
FROM event
