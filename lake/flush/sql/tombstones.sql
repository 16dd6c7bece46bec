-- version, deletion (did, collection, rkey, rev, operation, seen), nearby_post(did, rkey, rev) -> versions and deletes of
-- records of which the lake may hold an older version: deletes; updates; creates that share their URI with another
-- version here; and creates whose rkey is no TID of the present time, so that an older version may be anywhere. Any
-- other create is the first of its URI, as clients make the rkey from the clock. Likes, reposts, follows and blocks have
-- them only for what may have an older version, and for deletes whose rev is no time, or one that is ahead of their
-- seen: of all others, lookups subtract the deletes that were seen later.
WITH recent AS (
    SELECT did, collection, rkey, rev, exists_us(seen, $passed, $learned) AS seen_us, operation = 'update' AS replaces,
        coalesce(abs(tid_us(rkey) - epoch_us(seen)) > 300000000, true) AS timeless
    FROM version
), nearby AS (
    -- by the whole URI: a threadgate has the rkey of its post, and most profiles have `self`
    SELECT * FROM (SELECT did, 'app.bsky.feed.post' AS collection, rkey, rev, NULL AS seen_us FROM nearby_post)
    SEMI JOIN recent USING (did, collection, rkey)
), several AS (
    SELECT did, collection, rkey, max(seen_us) AS seen_us
    FROM (SELECT did, collection, rkey, rev, seen_us FROM recent UNION ALL FROM nearby)
    GROUP BY did, collection, rkey HAVING count(DISTINCT rev) > 1
), tombstone AS (
    SELECT did, collection, rkey, rev, exists_us(seen, $passed, $learned) AS seen_us, true AS deleted FROM deletion
    WHERE collection NOT IN
        ('app.bsky.feed.like', 'app.bsky.feed.repost', 'app.bsky.graph.follow', 'app.bsky.graph.block')
        OR coalesce(tid_us(rev) - epoch_us(seen) > 300000000, true)
    UNION ALL
    SELECT did, collection, rkey, rev, seen_us, false FROM recent
    WHERE replaces OR timeless OR (did, collection, rkey) IN (SELECT (did, collection, rkey) FROM several)
    UNION ALL
    SELECT did, collection, rkey, nearby.rev, several.seen_us, false
    FROM nearby JOIN several USING (did, collection, rkey)
)
SELECT did, collection, rkey, rev, deleted, min(seen_us) FROM tombstone GROUP BY ALL
