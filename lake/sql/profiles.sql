WITH parsed AS (
    SELECT *, json_type(body, ['/$type', '/createdAt', '/displayName', '/description']) AS t,
        json_extract_string(body, ['/$type', '/createdAt', '/displayName', '/description']) AS v
    FROM event WHERE dataset = 'profiles'
), typed AS (
    SELECT *, moment(if_text(t[2], v[2])) AS created_at FROM parsed
)
SELECT n, seen, did, rkey, rev, cid, operation, created_at,
    CAST(NULL AS VARCHAR) AS state,
    leftover(body, '$type', [
        CASE WHEN v[1] = 'app.bsky.actor.profile' THEN '$type' END,
        CASE WHEN usual_form(created_at) = v[2] THEN 'createdAt' END,
        held_text('displayName', t[3]), held_text('description', t[4])
    ], time_us, by_arrival) AS extra,
    if_text(t[3], v[3]) AS display_name, if_text(t[4], v[4]) AS description
FROM typed
