-- frames(n, arrival_us, frame) -> event: the envelope, typed, one row a frame, and the dataset it belongs to.
CREATE OR REPLACE TEMP TABLE event AS
WITH parsed AS (
    SELECT n, arrival_us,
        json_extract_string(frame, [
            '/did', '/time_us', '/kind', '/commit/rev', '/commit/operation', '/commit/collection', '/commit/rkey',
            '/commit/cid']) AS v,
        json_extract(frame, ['/commit/record', '/identity', '/account']) AS body
    FROM frames
), typed AS (
    SELECT n, arrival_us, v[1] AS did, v[2] AS time_us, v[3] AS kind, v[4] AS rev, v[5] AS operation,
        v[6] AS collection, v[7] AS rkey, v[8] AS cid,
        CASE v[3] WHEN 'identity' THEN body[2] WHEN 'account' THEN body[3] ELSE body[1] END AS body,
        -- impossible: before 2022, more than an hour ahead of the arrival, or no number of 64 bits
        coalesce(TRY_CAST(v[2] AS BIGINT) NOT BETWEEN 1640995200000000 AND arrival_us + 3600000000, true) AS by_arrival
    FROM parsed
)
SELECT n, did, time_us, kind, rev, operation, collection, rkey, cid, body, by_arrival,
    make_timestamp(CASE WHEN by_arrival THEN arrival_us ELSE TRY_CAST(time_us AS BIGINT) END) AS seen,
    CASE
    WHEN kind <> 'commit' THEN 'accounts'
    WHEN operation = 'delete' THEN 'deletes'
    ELSE CASE collection
        WHEN 'app.bsky.feed.post' THEN 'posts'
        WHEN 'app.bsky.feed.like' THEN 'likes'
        WHEN 'app.bsky.feed.repost' THEN 'reposts'
        WHEN 'app.bsky.graph.follow' THEN 'follows'
        WHEN 'app.bsky.graph.block' THEN 'blocks'
        WHEN 'app.bsky.actor.profile' THEN 'profiles'
        ELSE 'records' END
    END AS dataset
FROM typed;
