-- What all datasets share. JSON pointers name a key exactly, whatever characters it has.
--
-- Each dataset's SELECT proves for each row that its columns hold the whole record. The usual record is proven at once:
-- it is `plain` when the text put together from its columns is the record's own text (as DuckDB writes JSON: compact,
-- one way to escape). The odd ones are looked at key by key, by their JSON types, which costs some 50 times as much.

-- The moment that an RFC 3339 string names, UTC; null when it names none between year 1 and 9999.
CREATE OR REPLACE MACRO moment(raw) AS (
    CASE
    WHEN len(raw) = 24 AND regexp_full_match(raw, '[12]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z') THEN TRY_CAST(raw AS TIMESTAMP)
    WHEN regexp_full_match(raw, '\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)')
        AND epoch_us(TRY_CAST(raw AS TIMESTAMPTZ)) BETWEEN -62135596800000000 AND 253402300799999999
    THEN make_timestamp(epoch_us(TRY_CAST(raw AS TIMESTAMPTZ)))
    END
);

-- How most clients write a moment. Only a string of this form can be rebuilt from the timestamp alone.
CREATE OR REPLACE MACRO usual_form(t) AS (strftime(t, '%Y-%m-%dT%H:%M:%S.%gZ'));

-- A further member of a plain record's text: nothing when there is no such key.
CREATE OR REPLACE MACRO member(key, json) AS (coalesce(',"' || key || '":' || json, ''));

-- JSON of what no column holds, null when columns hold all. `held`: the top-level keys proven to be held, and nulls;
-- `implied` is the key that the row itself holds, so that only its absence must be kept.
-- A body that is no object, lacks the implied key, has a key twice, or has a key of ours stays whole as $record.
CREATE OR REPLACE MACRO leftover(body, implied, held, impossible_time_us) AS (nullif(
    '{' || array_to_string(list_concat(
        CASE
        WHEN body IS NULL THEN []
        WHEN json_type(body) <> 'OBJECT'
            OR coalesce(NOT list_contains(json_keys(body), implied), true)
            OR len(list_distinct(json_keys(body))) <> len(json_keys(body))
            OR list_has_any(json_keys(body), ['$record', '$time_us'])
        THEN ['"$record":' || body]
        ELSE list_transform(
            list_filter(json_keys(body), lambda k: NOT coalesce(list_contains(held, k), false)),
            lambda k: to_json(k) || ':' || json_extract(body, '/' || replace(replace(k, '~', '~0'), '/', '~1')))
        END,
        CASE WHEN impossible_time_us IS NULL THEN [] ELSE ['"$time_us":' || impossible_time_us] END
    ), ',') || '}', '{}')
);
-- The same for a plain row: nothing is left, but for an impossible time_us.
CREATE OR REPLACE MACRO no_leftover(impossible_time_us) AS ('{"$time_us":' || impossible_time_us || '}');

-- Whether a key that has a column is in extra, because its type is not the column's.
CREATE OR REPLACE MACRO type_mismatch(extra, created_at) AS (
    extra IS NOT NULL AND (
        list_has_any(json_keys(extra), ['$record', 'text', 'langs', 'reply', 'subject', 'displayName', 'description',
            'handle', 'active', 'status', 'seq', 'time'])
        OR created_at IS NULL AND list_contains(json_keys(extra), 'createdAt'))
);

-- The key when the JSON type proves that a text column holds all of the value.
CREATE OR REPLACE MACRO held_text(key, type) AS (CASE WHEN type = 'VARCHAR' THEN key END);
-- The key when a column keeps the value's JSON as it came.
CREATE OR REPLACE MACRO held_json(key, type) AS (CASE WHEN type <> 'NULL' THEN key END);
CREATE OR REPLACE MACRO if_text(type, value) AS (CASE WHEN type = 'VARCHAR' THEN value END);
CREATE OR REPLACE MACRO held_type(type, value, collection) AS (CASE WHEN type = 'VARCHAR' AND value = collection THEN '$type' END);
CREATE OR REPLACE MACRO held_moment(t, raw) AS (CASE WHEN usual_form(t) = raw THEN 'createdAt' END);
-- {uri, cid} and nothing else, both texts: the types of /key/uri and /key/cid, and the keys of /key.
CREATE OR REPLACE MACRO held_ref(key, uri, cid, keys) AS (
    CASE WHEN uri = 'VARCHAR' AND cid = 'VARCHAR' AND len(keys) = 2 THEN key END
);

-- The moment that a TID (13 characters of sortable base 32) carries, microseconds since 1970; null for what is no TID.
CREATE OR REPLACE MACRO tid_us(tid) AS (
    CASE WHEN regexp_full_match(tid, '[2-7a-j][2-7a-z]{12}') THEN
        list_sum(list_transform(range(1, 12), lambda i:
            ((strpos('234567abcdefghijklmnopqrstuvwxyz', tid[i]) - 1)::BIGINT << (5 * (11 - i))::BIGINT)))::BIGINT
    END
);
