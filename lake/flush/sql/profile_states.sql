-- Of each account the newest profile, or its delete. Reads the tables `profile` (did, rkey, rev, and body: JSON) and
-- `deletion` (did, collection, rkey, rev).
WITH version AS (
    SELECT did, rev, coalesce(list_contains(list_concat(
        json_extract_string(body, '$.labels.values[*].val'), json_extract_string(body, '$."$record".labels.values[*].val')
    ), '!no-unauthenticated'), false) AS asks
    FROM {profile} WHERE rkey = 'self'
    UNION ALL
    SELECT did, rev, false FROM {deletion} WHERE collection = 'app.bsky.actor.profile' AND rkey = 'self'
)
SELECT did, max(rev), max_by(asks, rev) FROM version GROUP BY did
