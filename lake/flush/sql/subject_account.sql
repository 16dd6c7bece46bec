-- Follows and the like: a record whose subject is an account.
WITH parsed AS (
    SELECT *, json_transform(body, '{"createdAt": "VARCHAR", "subject": "VARCHAR", "via": "JSON"}') AS r
    FROM event
), dated AS (
    SELECT *, rfc3339(r."createdAt") AS created FROM parsed
), proven AS MATERIALIZED (
    SELECT *, coalesce(usual_form(created) = r."createdAt" AND NOT contains(body, '\') AND body::VARCHAR = concat(
        '{"$type":"{collection}","createdAt":"', r."createdAt", '","subject":"', r.subject, '"',
        member('via', r.via), '}'), false) AS plain
    FROM dated
), odd AS (
    SELECT *, json_type(body, ['/$type', '/createdAt', '/subject', '/via']) AS t FROM proven WHERE NOT plain
), odd_dated AS (
    SELECT *, CASE WHEN t[2] = 'VARCHAR' THEN created END AS created_at FROM odd
)
SELECT n, seen, did, rkey, rev, cid, operation, created AS created_at,
    no_leftover(impossible_time_us) AS extra,
    r.subject AS subject, r.via::VARCHAR AS via
FROM proven WHERE plain
UNION ALL
SELECT n, seen, did, rkey, rev, cid, operation, created_at,
    leftover(body, '$type', [
        held_type(t[1], json_extract_string(body, '/$type'), '{collection}'), held_time(created_at, r."createdAt"),
        held_text('subject', t[3]), held_json('via', t[4])
    ], impossible_time_us),
    if_text(t[3], r.subject), r.via::VARCHAR
FROM odd_dated
