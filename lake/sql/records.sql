SELECT n, seen, did, rkey, rev, cid, operation,
    moment(if_text(json_type(body, '/createdAt'), json_extract_string(body, '/createdAt'))) AS created_at,
    CAST(NULL AS VARCHAR) AS state,
    leftover(NULL::JSON, NULL, [NULL::VARCHAR], time_us, by_arrival) AS extra,
    collection, body::VARCHAR AS record
FROM event WHERE dataset = 'records'
