-- Macros of all datasets. They take JSON pointers: these name a key exactly, whatever characters it has.
--
-- Each dataset's SELECT proves for each row that its columns hold the whole record. A record is `plain` if the text put
-- together from its columns equals its own text (as DuckDB writes JSON: compact, with one way to escape). The others
-- (`odd`) are proven key by key, by their JSON types, which costs some 50 times as much.

-- The time of an RFC 3339 string, UTC; null if it is none or not between the years 1 and 9999.
-- Hours end with 23: DuckDB would take 24:00:00 for the next day.
CREATE OR REPLACE MACRO rfc3339(raw) AS (
    CASE
    WHEN len(raw) = 24 AND regexp_full_match(raw, '[12]\d{3}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\d\.\d{3}Z') THEN TRY_CAST(raw AS TIMESTAMP)
    WHEN regexp_full_match(raw, '\d{4}-\d\d-\d\dT([01]\d|2[0-3]):\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)')
        AND epoch_us(TRY_CAST(raw AS TIMESTAMPTZ)) BETWEEN -62135596800000000 AND 253402300799999999
    THEN make_timestamp(epoch_us(TRY_CAST(raw AS TIMESTAMPTZ)))
    END
);

-- A time as most clients write it. Only a string of this form can be rebuilt from the timestamp alone.
CREATE OR REPLACE MACRO usual_form(t) AS (strftime(t, '%Y-%m-%dT%H:%M:%S.%gZ'));

-- An optional member of a plain record's text: empty if the key is absent.
CREATE OR REPLACE MACRO member(key, json) AS (coalesce(',"' || key || '":' || json, ''));

-- JSON of what no column holds; null if columns hold everything. `held`: top-level keys that are proven to be held, and
-- nulls. `implied`: the key whose value the row implies, so that only its absence must be kept.
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
        -- A map, and h in place of `held`: both would else be made anew for each key, with the square of time and memory.
        ELSE list_transform([held], lambda h: list_transform(
            list_filter(map_entries(body::MAP(VARCHAR, JSON)), lambda e: NOT coalesce(list_contains(h, e.key), false)),
            lambda e: to_json(e.key) || ':' || coalesce(e.value, 'null')))[1]
        END,
        CASE WHEN impossible_time_us IS NULL THEN [] ELSE ['"$time_us":' || impossible_time_us] END
    ), ',') || '}', '{}')
);
-- The same for a plain record.
CREATE OR REPLACE MACRO no_leftover(impossible_time_us) AS ('{"$time_us":' || impossible_time_us || '}');

-- Whether extra has a key that has a column: its JSON type is not the column's.
CREATE OR REPLACE MACRO type_mismatch(extra, created_at) AS (
    extra IS NOT NULL AND (
        list_has_any(json_keys(extra), ['$record', 'text', 'langs', 'reply', 'subject', 'displayName', 'description',
            'handle', 'active', 'status', 'seq', 'time'])
        OR created_at IS NULL AND list_contains(json_keys(extra), 'createdAt'))
);

-- The key if the JSON type proves that a text column holds all of the value.
CREATE OR REPLACE MACRO held_text(key, type) AS (CASE WHEN type = 'VARCHAR' THEN key END);
-- The key if a column keeps the value's JSON.
CREATE OR REPLACE MACRO held_json(key, type) AS (CASE WHEN type <> 'NULL' THEN key END);
CREATE OR REPLACE MACRO if_text(type, value) AS (CASE WHEN type = 'VARCHAR' THEN value END);
CREATE OR REPLACE MACRO held_type(type, value, collection) AS (CASE WHEN type = 'VARCHAR' AND value = collection THEN '$type' END);
CREATE OR REPLACE MACRO held_time(t, raw) AS (CASE WHEN usual_form(t) = raw THEN 'createdAt' END);
-- The key if the value is {uri, cid} and nothing else, both texts. `uri`, `cid`: JSON types; `keys`: of the value.
CREATE OR REPLACE MACRO held_ref(key, uri, cid, keys) AS (
    CASE WHEN uri = 'VARCHAR' AND cid = 'VARCHAR' AND len(keys) = 2 THEN key END
);

-- From when on a row exists: late rows, seen until `passed`, from `learned` on.
CREATE OR REPLACE MACRO exists_us(seen, passed, learned) AS (
    CASE WHEN epoch_us(seen) <= passed THEN learned ELSE epoch_us(seen) END
);

-- The time of a TID (13 characters of sortable base 32) in microseconds since 1970; null if it is no TID.
CREATE OR REPLACE MACRO tid_us(tid) AS (
    CASE WHEN regexp_full_match(tid, '[2-7a-j][2-7a-z]{12}') THEN
        list_sum(list_transform(range(1, 12), lambda i:
            ((strpos('234567abcdefghijklmnopqrstuvwxyz', tid[i]) - 1)::BIGINT << (5 * (11 - i))::BIGINT)))::BIGINT
    END
);
