-- event -> n of those that repeat an earlier event of the batch. A rev is of one commit: only events that share one can.
-- An identity or account event has none: its inner seq identifies it, or, without one, the whole body.
SELECT unnest(list_sort(list(n))[2:]) AS n FROM event
WHERE kind IS NOT NULL OR rev IN (SELECT rev FROM event GROUP BY rev HAVING count(*) > 1)
GROUP BY did, kind, collection, rkey, rev, operation,
    CASE WHEN kind IS NOT NULL THEN
        CASE WHEN json_type(body, '/seq') IN ('BIGINT', 'UBIGINT') THEN json_extract_string(body, '/seq') ELSE json(body) END
    END
HAVING count(*) > 1
