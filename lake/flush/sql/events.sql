-- frames(n, arrival_us, frame) -> event: the envelope, typed, one row a frame, and the dataset it belongs to.
WITH parsed AS (
    SELECT n, arrival_us, json_transform(frame, '{
        "did": "VARCHAR", "time_us": "VARCHAR", "kind": "VARCHAR", "identity": "JSON", "account": "JSON",
        "commit": {"rev": "VARCHAR", "operation": "VARCHAR", "collection": "VARCHAR", "rkey": "VARCHAR", "cid": "VARCHAR"}
        }') AS e, json_extract(frame, '/commit/record') AS record
    FROM frames
), typed AS (
    SELECT n, arrival_us, e.did, e.time_us, e.kind, e.commit.rev, e.commit.operation, e.commit.collection, e.commit.rkey,
        e.commit.cid, CASE e.kind WHEN 'identity' THEN e.identity WHEN 'account' THEN e.account ELSE record END AS body,
        -- impossible: before 2022, more than an hour ahead of the arrival, or no number of 64 bits
        coalesce(TRY_CAST(e.time_us AS BIGINT) NOT BETWEEN 1640995200000000 AND arrival_us + 3600000000, true) AS by_arrival
    FROM parsed
)
SELECT n, did, time_us, kind, rev, operation, collection, rkey, cid, body, by_arrival,
    make_timestamp(CASE WHEN by_arrival THEN arrival_us ELSE TRY_CAST(time_us AS BIGINT) END) AS seen,
    CASE
    -- events.read lets no such frame pass; one with a key twice can mean another thing to DuckDB than to it
    WHEN did IS NULL OR kind IS NULL OR body IS NULL AND operation IS DISTINCT FROM 'delete'
        OR kind NOT IN ('commit', 'identity', 'account')
        OR kind = 'commit' AND (rev IS NULL OR operation IS NULL OR collection IS NULL OR rkey IS NULL)
    THEN error('an event without a whole envelope')
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
FROM typed
