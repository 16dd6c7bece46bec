-- Few profiles are plain (most have an avatar, which stays in extra): all are proven key by key.
WITH parsed AS (
    SELECT *, json_type(body, ['/$type', '/createdAt', '/displayName', '/description']) AS t,
        json_extract_string(body, ['/$type', '/createdAt', '/displayName', '/description']) AS v
    FROM event
), dated AS (
    SELECT *, CASE WHEN t[2] = 'VARCHAR' THEN rfc3339(v[2]) END AS created_at FROM parsed
)
SELECT n, seen, did, rkey, rev, cid, operation, created_at,
    leftover(body, '$type', [
        held_type(t[1], v[1], 'app.bsky.actor.profile'), held_time(created_at, v[2]),
        held_text('displayName', t[3]), held_text('description', t[4])
    ], impossible_time_us) AS extra,
    if_text(t[3], v[3]) AS display_name, if_text(t[4], v[4]) AS description
FROM dated
