WITH parsed AS (
    SELECT *, json_type(body, ['/$type', '/createdAt', '/subject', '/via']) AS t,
        json_extract_string(body, ['/$type', '/createdAt', '/subject', '/via']) AS v
    FROM event WHERE dataset = 'blocks'
), typed AS (
    SELECT *, moment(if_text(t[2], v[2])) AS created_at FROM parsed
)
SELECT n, seen, did, rkey, rev, cid, operation, created_at,
    CAST(NULL AS VARCHAR) AS state,
    leftover(body, '$type', [
        CASE WHEN v[1] = 'app.bsky.graph.block' THEN '$type' END,
        CASE WHEN usual_form(created_at) = v[2] THEN 'createdAt' END,
        held_text('subject', t[3]), held_json('via', t[4])
    ], time_us, by_arrival) AS extra,
    if_text(t[3], v[3]) AS subject,
    CASE WHEN t[4] <> 'NULL' THEN json_extract(body, '/via')::VARCHAR END AS via
FROM typed
