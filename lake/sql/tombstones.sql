-- event, nearby_posts(did, rkey, rev, ...) -> the highest rev known of each post that may have an older version: deletes;
-- updates; creates that share a URI with another version at hand; and creates whose key does not tell the present time,
-- so that an older version may lie anywhere. All others are the first of their URI, for a key is made from the clock.
WITH post AS (
    SELECT did, rkey, rev, epoch_us(seen) AS seen_us, operation = 'update' AS replaces,
        coalesce(abs(tid_us(rkey) - epoch_us(seen)) > 300000000, true) AS timeless
    FROM event WHERE dataset = 'posts'
), version AS (
    SELECT did, rkey, rev, seen_us FROM post WHERE replaces OR timeless
    UNION ALL
    SELECT did, rkey, rev, epoch_us(seen) FROM event WHERE dataset = 'deletes' AND collection = 'app.bsky.feed.post'
    UNION ALL
    SELECT did, rkey, max(rev), max(seen_us) FROM (
        SELECT did, rkey, rev, seen_us FROM post
        UNION ALL
        SELECT did, rkey, rev, 0 FROM nearby_posts SEMI JOIN post USING (did, rkey)
    ) GROUP BY did, rkey HAVING count(DISTINCT rev) > 1
)
SELECT did, 'app.bsky.feed.post', rkey, max(rev), max(seen_us) FROM version GROUP BY did, rkey
