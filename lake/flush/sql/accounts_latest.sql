-- The latest account event of each account of which the chunk has news: of the chunk and of the files at hand.
-- Latest is by the event's own time, for seq begins anew when a host changes its relay; seq decides between equal times.
WITH new_accounts AS MATERIALIZED (
    {new}
), later_accounts AS (
    {later}
), known AS (
    SELECT did, active, status, coalesce(epoch_us(created_at), epoch_us(seen)) AS time_us, coalesce(seq, 0) AS seq
    FROM (
        SELECT did, kind, active, status, created_at::TIMESTAMP AS created_at, seen::TIMESTAMP AS seen, seq FROM new_accounts
        UNION ALL
        SELECT did, kind, active, status, created_at::TIMESTAMP, seen::TIMESTAMP, seq FROM later_accounts
        WHERE did IN (SELECT did FROM new_accounts WHERE kind = 'account')
    ) WHERE kind = 'account' AND active IS NOT NULL
), latest AS (
    SELECT did, max_by({{active: active, status: status, time_us: time_us, seq: seq}}, (time_us, seq)) AS state
    FROM known GROUP BY did
)
SELECT did, state.active, coalesce(state.status, ''), state.time_us, state.seq FROM latest
