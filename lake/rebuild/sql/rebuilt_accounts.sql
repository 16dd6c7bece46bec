-- Accounts whose latest event says that they are not active. Latest as in latest_accounts.sql.
WITH known AS (
    SELECT did, active, status, coalesce(epoch_us(created_at), epoch_us(seen)) AS time_us, coalesce(seq, 0) AS seq
    FROM lake_rows($files)
    WHERE kind = 'account' AND active IS NOT NULL AND hash(did) % $parts = $part
), latest AS (
    SELECT did, max_by({active: active, status: status, time_us: time_us, seq: seq}, (time_us, seq)) AS state
    FROM known GROUP BY did
)
SELECT did, state.active, coalesce(state.status, ''), state.time_us, state.seq FROM latest WHERE NOT state.active
