-- event -> deletes, or newer versions, that the dataset's files hold of records whose version comes late.
SELECT d.did, {collection}, d.rkey, d.rev, {deleted}, epoch_us(min(d.seen))
FROM read_parquet($files, hive_partitioning = false) AS d JOIN event AS e
    ON e.did = d.did AND e.rkey = d.rkey AND e.collection = {collection} AND d.rev > e.rev
WHERE e.dataset IN ('posts', 'profiles', 'records') AND e.seen < make_timestamp($before)
GROUP BY ALL
