-- The files' rows. In compacted files a null cid is one that follows from the row: one that an event had not becomes ''.
SELECT * REPLACE (coalesce(cid, CASE WHEN NOT starts_with(parse_filename(filename), 'c-') THEN '' END) AS cid)
FROM read_parquet($files, hive_partitioning = false, filename = true)
