WITH parsed AS (
    SELECT *, json_type(body, ['/$type', '/createdAt', '/subject/uri', '/subject/cid', '/via']) AS t,
        json_extract_string(body, ['/$type', '/createdAt', '/subject/uri', '/subject/cid', '/via']) AS v,
        json_keys(body, '/subject') AS subject_keys
    FROM event WHERE dataset = 'reposts'
), typed AS (
    SELECT *, moment(if_text(t[2], v[2])) AS created_at FROM parsed
)
SELECT n, seen, did, rkey, rev, cid, operation, created_at,
    CAST(NULL AS VARCHAR) AS state,
    leftover(body, '$type', [
        CASE WHEN v[1] = 'app.bsky.feed.repost' THEN '$type' END,
        CASE WHEN usual_form(created_at) = v[2] THEN 'createdAt' END,
        held_ref('subject', t[3], t[4], subject_keys), held_json('via', t[5])
    ], time_us, by_arrival) AS extra,
    if_text(t[3], v[3]) AS subject_uri, if_text(t[4], v[4]) AS subject_cid,
    CASE WHEN t[5] <> 'NULL' THEN json_extract(body, '/via')::VARCHAR END AS via
FROM typed
