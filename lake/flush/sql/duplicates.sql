-- event -> n of those that repeat an earlier event of the chunk.
SELECT unnest(list_sort(list(n))[2:]) FROM event
GROUP BY did, kind, collection, rkey, rev, operation,
    -- an identity or account event is told by its inner seq; one without by all that it says
    CASE WHEN kind <> 'commit' THEN
        CASE WHEN json_type(body, '/seq') IN ('BIGINT', 'UBIGINT') THEN json_extract_string(body, '/seq') ELSE body END
    END
HAVING count(*) > 1
