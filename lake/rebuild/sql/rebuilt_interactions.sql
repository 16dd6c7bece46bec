-- The tombstones of likes and the like, as sql/tombstones.sql of the flush makes them: what may have an older version,
-- deletes whose rev is no time or one ahead of their seen, and deletes of what is seen at its ingest time. {{known}}:
-- from when on a row exists.
WITH version AS (FROM ({versions})), deletion AS (FROM ({deletes}) WHERE {condition})
SELECT did, {collection}, rkey, rev, false, epoch_us({known}) FROM version
WHERE operation = 'update' OR strlen(rkey) <> 13
UNION ALL
SELECT did, collection, rkey, rev, true, epoch_us({known}) FROM deletion
WHERE coalesce(tid_us(rev) - epoch_us(seen) > 300000000, true)
    OR EXISTS (FROM version AS v WHERE contains(v.extra, '"$time_us"')
        AND v.did = deletion.did AND v.rkey = deletion.rkey AND v.rev < deletion.rev)
