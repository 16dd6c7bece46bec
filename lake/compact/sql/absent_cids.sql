-- The files' rows. In compacted files a null cid follows from the row, and an event without a cid has ''.
SELECT * REPLACE (coalesce(cid, CASE WHEN NOT starts_with(parse_filename(filename), 'c-') THEN '' END) AS cid)
FROM full_lake_rows($files)
