WITH parsed AS (
    SELECT *, json_type(body, ['/did', '/handle', '/active', '/status', '/seq', '/time']) AS t,
        json_extract_string(body, ['/did', '/handle', '/active', '/status', '/seq', '/time']) AS v
    FROM event
), typed AS (
    SELECT *, CASE WHEN t[5] IN ('BIGINT', 'UBIGINT') THEN TRY_CAST(v[5] AS BIGINT) END AS inner_seq,
        CASE WHEN t[6] = 'VARCHAR' THEN rfc3339(v[6]) END AS created_at
    FROM parsed
)
SELECT n, seen, did, rkey, rev, cid, operation, created_at,
    leftover(body, 'did', [
        CASE WHEN t[1] = 'VARCHAR' AND v[1] = did THEN 'did' END, held_text('handle', t[2]),
        CASE WHEN t[3] = 'BOOLEAN' THEN 'active' END, held_text('status', t[4]),
        CASE WHEN inner_seq IS NOT NULL THEN 'seq' END, held_text('time', t[6])
    ], impossible_time_us) AS extra,
    kind, if_text(t[2], v[2]) AS handle, CASE WHEN t[3] = 'BOOLEAN' THEN v[3]::BOOLEAN END AS active,
    if_text(t[4], v[4]) AS status, inner_seq AS seq, if_text(t[6], v[6]) AS time
FROM typed
