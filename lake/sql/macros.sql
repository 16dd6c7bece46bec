-- What all datasets share. JSON pointers name a key exactly, whatever characters it has.

-- The moment that an RFC 3339 string names, UTC; null when it names none between year 1 and 9999.
CREATE OR REPLACE MACRO moment(raw) AS (
    CASE WHEN regexp_full_match(raw, '\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)')
    THEN CASE WHEN epoch_us(TRY_CAST(raw AS TIMESTAMPTZ)) BETWEEN -62135596800000000 AND 253402300799999999
         THEN make_timestamp(epoch_us(TRY_CAST(raw AS TIMESTAMPTZ))) END
    END
);

-- How most clients write a moment. Only a string of this form can be rebuilt from the timestamp alone.
CREATE OR REPLACE MACRO usual_form(t) AS (strftime(t, '%Y-%m-%dT%H:%M:%S.%gZ'));

CREATE OR REPLACE MACRO member(body, key) AS (
    to_json(key) || ':' || json_extract(body, '/' || replace(replace(key, '~', '~0'), '/', '~1'))
);

-- JSON of what no column holds, null when columns hold all. `held`: the top-level keys proven to be held, and nulls;
-- `implied` is the key that the row itself holds, so that only its absence must be kept.
-- A body that is no object, lacks the implied key, has a key twice, or has a key of ours stays whole as $record.
CREATE OR REPLACE MACRO leftover(body, implied, held, time_us, by_arrival) AS (
    CASE WHEN NOT by_arrival AND (body IS NULL OR (
        json_type(body) = 'OBJECT' AND len(json_keys(body)) = len(list_filter(held, lambda k: k IS NOT NULL))
    )) THEN NULL
    ELSE '{' || array_to_string(list_concat(
        CASE
        WHEN body IS NULL THEN []
        WHEN json_type(body) <> 'OBJECT'
            OR coalesce(NOT list_contains(json_keys(body), implied), true)
            OR len(list_distinct(json_keys(body))) <> len(json_keys(body))
            OR list_has_any(json_keys(body), ['$record', '$time_us'])
        THEN ['"$record":' || body]
        ELSE list_transform(
            list_filter(json_keys(body), lambda k: NOT coalesce(list_contains(held, k), false)),
            lambda k: member(body, k))
        END,
        CASE WHEN by_arrival THEN ['"$time_us":' || time_us] ELSE [] END
    ), ',') || '}'
    END
);

-- The key when the JSON type proves that a text column holds all of the value.
CREATE OR REPLACE MACRO held_text(key, type) AS (CASE WHEN type = 'VARCHAR' THEN key END);
-- The key when a column keeps the value's JSON as it came.
CREATE OR REPLACE MACRO held_json(key, type) AS (CASE WHEN type <> 'NULL' THEN key END);
CREATE OR REPLACE MACRO if_text(type, value) AS (CASE WHEN type = 'VARCHAR' THEN value END);
-- {uri, cid} and nothing else, both texts: the types of /key, /key/uri, /key/cid and the keys of /key.
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
