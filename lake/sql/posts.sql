WITH parsed AS (
    SELECT *,
        json_type(body, ['/$type', '/text', '/createdAt', '/langs', '/embed', '/facets', '/labels', '/tags',
            '/reply/root/uri', '/reply/root/cid', '/reply/parent/uri', '/reply/parent/cid']) AS t,
        json_extract_string(body, ['/$type', '/text', '/createdAt', '/langs', '/embed', '/facets', '/labels', '/tags',
            '/reply/root/uri', '/reply/root/cid', '/reply/parent/uri', '/reply/parent/cid']) AS v,
        json_keys(body, ['/reply', '/reply/root', '/reply/parent']) AS reply_keys,
        json_type(body, '$.langs[*]') AS lang_types,
        json_extract_string(body, '$.langs[*]') AS lang_values
    FROM event WHERE dataset = 'posts'
), typed AS (
    SELECT *, moment(if_text(t[3], v[3])) AS created_at,
        t[4] = 'ARRAY' AND len(list_filter(lang_types, lambda x: x <> 'VARCHAR')) = 0 AS langs_held,
        CASE WHEN t[5] = 'OBJECT' THEN v[5]::JSON END AS embed_object,
        CASE WHEN t[6] = 'ARRAY' THEN v[6]::JSON END AS facet_list
    FROM parsed
), searched AS (
    SELECT *,
        CASE WHEN facet_list IS NULL THEN [] ELSE json_extract_string(facet_list, '$[*].features[*].uri') END AS facet_uris,
        CASE WHEN facet_list IS NULL THEN [] ELSE json_extract_string(facet_list, '$[*].features[*].did') END AS facet_dids,
        CASE WHEN facet_list IS NULL THEN [] ELSE json_extract_string(facet_list, '$[*].features[*].tag') END AS facet_tags,
        CASE WHEN embed_object IS NULL THEN [] ELSE json_extract_string(embed_object, [
            '/external/uri', '/media/external/uri', '/record/uri', '/record/record/uri', '/$type', '/media/$type']) END AS e,
        CASE WHEN embed_object IS NULL THEN [] ELSE list_filter(list_concat(
            json_extract_string(embed_object, '$.images[*].alt'), json_extract_string(embed_object, '$.items[*].alt'),
            json_extract_string(embed_object, '$.media.images[*].alt'), json_extract_string(embed_object, '$.media.items[*].alt'),
            json_extract_string(embed_object, ['/alt', '/media/alt'])), lambda x: x <> '') END AS alts
    FROM typed
), linked AS (
    SELECT *, list_distinct(list_filter(list_concat(facet_uris, e[1:2]), lambda x: x IS NOT NULL)) AS links FROM searched
)
SELECT n, seen, did, rkey, rev, cid, operation, created_at,
    CAST(NULL AS VARCHAR) AS state,
    leftover(body, '$type', [
        CASE WHEN v[1] = 'app.bsky.feed.post' THEN '$type' END, held_text('text', t[2]),
        CASE WHEN usual_form(created_at) = v[3] THEN 'createdAt' END, CASE WHEN langs_held THEN 'langs' END,
        held_json('embed', t[5]), held_json('facets', t[6]), held_json('labels', t[7]), held_json('tags', t[8]),
        CASE WHEN t[9] = 'VARCHAR' AND t[10] = 'VARCHAR' AND t[11] = 'VARCHAR' AND t[12] = 'VARCHAR'
            AND len(reply_keys[1]) = 2 AND len(reply_keys[2]) = 2 AND len(reply_keys[3]) = 2 THEN 'reply' END
    ], time_us, by_arrival) AS extra,
    if_text(t[2], v[2]) AS text,
    CASE WHEN langs_held THEN lang_values END AS langs,
    if_text(t[9], v[9]) AS reply_root_uri, if_text(t[10], v[10]) AS reply_root_cid,
    if_text(t[11], v[11]) AS reply_parent_uri, if_text(t[12], v[12]) AS reply_parent_cid,
    CASE WHEN t[5] <> 'NULL' THEN json_extract(body, '/embed')::VARCHAR END AS embed,
    CASE WHEN t[6] <> 'NULL' THEN json_extract(body, '/facets')::VARCHAR END AS facets,
    CASE WHEN t[7] <> 'NULL' THEN json_extract(body, '/labels')::VARCHAR END AS labels,
    CASE WHEN t[8] <> 'NULL' THEN json_extract(body, '/tags')::VARCHAR END AS tags,
    nullif(links, []) AS links,
    nullif(list_distinct(list_filter(
        list_transform(links, lambda x: lower(regexp_extract(x, '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:]+)', 1))),
        lambda x: x <> '')), []) AS domains,
    nullif(list_distinct(list_transform(list_filter(list_concat(
        facet_tags,
        CASE WHEN t[8] = 'ARRAY' THEN json_extract_string(body, '$.tags[*]') ELSE [] END,
        CASE WHEN contains(v[2], '#') OR contains(v[2], '＃') THEN regexp_extract_all(v[2],
            '(?:^|[^\p{L}\p{N}_#/&])[#＃]([\p{L}\p{M}\p{N}_]*[\p{L}\p{M}_][\p{L}\p{M}\p{N}_]*)', 1) ELSE [] END
        ), lambda x: x <> ''), lambda x: lower(x))), []) AS hashtags,
    nullif(list_distinct(list_filter(facet_dids, lambda x: x IS NOT NULL)), []) AS mentions,
    nullif(list_filter(['image', 'video'], lambda kind: CASE kind
        WHEN 'image' THEN list_has_any(e[5:6], ['app.bsky.embed.images', 'app.bsky.embed.gallery'])
        ELSE list_contains(e[5:6], 'app.bsky.embed.video') END), []) AS media,
    nullif(alts, []) AS alt,
    coalesce(e[4], e[3]) AS quote_uri
FROM linked
