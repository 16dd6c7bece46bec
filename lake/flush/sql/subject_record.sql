-- Likes and the like: a record whose subject is another record.
WITH parsed AS (
    SELECT *, json_transform(body, '{
        "createdAt": "VARCHAR", "subject": {"cid": "VARCHAR", "uri": "VARCHAR"}, "via": "JSON"}') AS r
    FROM event
), dated AS (
    SELECT *, rfc3339(r."createdAt") AS created FROM parsed
), proven AS MATERIALIZED (
    SELECT *, coalesce(usual_form(created) = r."createdAt" AND NOT contains(body, '\') AND body::VARCHAR = concat(
        '{"$type":"{collection}","createdAt":"', r."createdAt", '","subject":{"cid":"', r.subject.cid,
        '","uri":"', r.subject.uri, '"}', member('via', r.via), '}'), false) AS plain
    FROM dated
), odd AS (
    SELECT *, json_type(body, ['/$type', '/createdAt', '/subject/uri', '/subject/cid', '/via']) AS t
    FROM proven WHERE NOT plain
), odd_dated AS (
    SELECT *, CASE WHEN t[2] = 'VARCHAR' THEN created END AS created_at FROM odd
)
SELECT n, seen, did, rkey, rev, cid, operation, created AS created_at,
    no_leftover(impossible_time_us) AS extra,
    r.subject.uri AS subject_uri, r.subject.cid AS subject_cid, r.via::VARCHAR AS via
FROM proven WHERE plain
UNION ALL
SELECT n, seen, did, rkey, rev, cid, operation, created_at,
    leftover(body, '$type', [
        held_type(t[1], json_extract_string(body, '/$type'), '{collection}'), held_time(created_at, r."createdAt"),
        held_ref('subject', t[3], t[4], json_keys(body, '/subject')), held_json('via', t[5])
    ], impossible_time_us),
    if_text(t[3], r.subject.uri), if_text(t[4], r.subject.cid), r.via::VARCHAR
FROM odd_dated
