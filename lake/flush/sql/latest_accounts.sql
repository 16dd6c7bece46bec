-- account(did, active, status, created_at, seen, seq), several rows each -> the latest state of each account.
-- The event's own time decides, as seq restarts when a host changes its relay; seq decides between equal times.
WITH known AS (
    SELECT did, active, status, coalesce(epoch_us(created_at), epoch_us(seen)) AS time_us, coalesce(seq, 0) AS seq
    FROM account WHERE active IS NOT NULL
), latest AS (
    SELECT did, max_by({active: active, status: status, time_us: time_us, seq: seq}, (time_us, seq)) AS state
    FROM known GROUP BY did
)
SELECT did, state.active, coalesce(state.status, ''), state.time_us, state.seq FROM latest
