WITH parsed AS (
    SELECT *, json_transform(body, '{
        "createdAt": "VARCHAR", "embed": "JSON", "facets": "JSON", "labels": "JSON", "langs": "JSON", "tags": "JSON",
        "text": "VARCHAR",
        "reply": {"parent": {"cid": "VARCHAR", "uri": "VARCHAR"}, "root": {"cid": "VARCHAR", "uri": "VARCHAR"}}
        }') AS r
    FROM event
), dated AS (
    SELECT *, rfc3339(r."createdAt") AS created, from_json(r.langs, '["VARCHAR"]') AS lang_list FROM parsed
), proven AS MATERIALIZED (
    SELECT *, coalesce(to_json(lang_list)::VARCHAR = r.langs, false) AS langs_held,
        coalesce(usual_form(created) = r."createdAt" AND body::VARCHAR = concat(
            '{"$type":"app.bsky.feed.post","createdAt":"', r."createdAt", '"', member('embed', r.embed),
            member('facets', r.facets), member('labels', r.labels), member('langs', to_json(lang_list)),
            member('reply', '{"parent":{"cid":' || to_json(r.reply.parent.cid) || ',"uri":' || to_json(r.reply.parent.uri)
                || '},"root":{"cid":' || to_json(r.reply.root.cid) || ',"uri":' || to_json(r.reply.root.uri) || '}}'),
            member('tags', r.tags), member('text', to_json(r.text)), '}'), false) AS plain
    FROM dated
), odd AS (
    SELECT *,
        json_type(body, ['/$type', '/text', '/createdAt', '/embed', '/facets', '/labels', '/tags',
            '/reply/root/uri', '/reply/root/cid', '/reply/parent/uri', '/reply/parent/cid']) AS t,
        json_keys(body, ['/reply', '/reply/root', '/reply/parent']) AS reply_keys
    FROM proven WHERE NOT plain
), odd_dated AS (
    SELECT *, CASE WHEN t[3] = 'VARCHAR' THEN created END AS created_at FROM odd
), typed AS (
    SELECT n, seen, did, rkey, rev, cid, operation, created AS created_at,
        no_leftover(impossible_time_us) AS extra,
        r.text AS text, lang_list AS langs,
        r.reply.root.uri AS reply_root_uri, r.reply.root.cid AS reply_root_cid,
        r.reply.parent.uri AS reply_parent_uri, r.reply.parent.cid AS reply_parent_cid,
        r.embed::VARCHAR AS embed, r.facets::VARCHAR AS facets, r.labels::VARCHAR AS labels, r.tags::VARCHAR AS tags
    FROM proven WHERE plain
    UNION ALL
    SELECT n, seen, did, rkey, rev, cid, operation, created_at,
        leftover(body, '$type', [
            held_type(t[1], json_extract_string(body, '/$type'), 'app.bsky.feed.post'), held_time(created_at, r."createdAt"),
            held_text('text', t[2]), CASE WHEN langs_held THEN 'langs' END, held_json('embed', t[4]),
            held_json('facets', t[5]), held_json('labels', t[6]), held_json('tags', t[7]),
            CASE WHEN t[8] = 'VARCHAR' AND t[9] = 'VARCHAR' AND t[10] = 'VARCHAR' AND t[11] = 'VARCHAR'
                AND len(reply_keys[1]) = 2 AND len(reply_keys[2]) = 2 AND len(reply_keys[3]) = 2 THEN 'reply' END
        ], impossible_time_us),
        if_text(t[2], r.text), CASE WHEN langs_held THEN lang_list END,
        if_text(t[8], r.reply.root.uri), if_text(t[9], r.reply.root.cid),
        if_text(t[10], r.reply.parent.uri), if_text(t[11], r.reply.parent.cid),
        r.embed::VARCHAR, r.facets::VARCHAR, r.labels::VARCHAR, r.tags::VARCHAR
    FROM odd_dated
), extracted AS (
    SELECT *,
        CASE WHEN contains(facets, '"uri":') THEN json_extract_string(facets, '$[*].features[*].uri') END AS facet_uris,
        CASE WHEN contains(facets, '"did":') THEN json_extract_string(facets, '$[*].features[*].did') END AS facet_dids,
        CASE WHEN contains(facets, '"tag":') THEN json_extract_string(facets, '$[*].features[*].tag') END AS facet_tags,
        CASE WHEN embed IS NOT NULL THEN json_extract_string(embed, [
            '/external/uri', '/media/external/uri', '/record/uri', '/record/record/uri', '/$type', '/media/$type']) END AS e,
        CASE WHEN contains(embed, '"alt":') THEN list_concat(
            json_extract_string(embed, '$.images[*].alt'), json_extract_string(embed, '$.items[*].alt'),
            json_extract_string(embed, '$.media.images[*].alt'), json_extract_string(embed, '$.media.items[*].alt'),
            json_extract_string(embed, ['/alt', '/media/alt'])) END AS alts,
        -- Files were written by this rule, and lake.query.filter_sql.has_hashtag reads texts by it: they change together.
        CASE WHEN contains(text, '#') OR contains(text, '＃') THEN regexp_extract_all(text,
            '(?:^|[^\p{L}\p{N}_#/&])[#＃]([\p{L}\p{M}\p{N}_]*[\p{L}_][\p{L}\p{M}\p{N}_]*)', 1) END AS words,
        CASE WHEN tags IS NOT NULL THEN json_extract_string(tags, '$[*]') END AS own_tags
    FROM typed
), linked AS (
    SELECT *, CASE WHEN facet_uris IS NOT NULL OR e[1] IS NOT NULL OR e[2] IS NOT NULL
        THEN list_distinct(list_filter(list_concat(facet_uris, e[1:2]), lambda x: x IS NOT NULL)) END AS all_links
    FROM extracted
)
SELECT n, seen, did, rkey, rev, cid, operation, created_at, extra, text, langs, reply_root_uri, reply_root_cid, reply_parent_uri, reply_parent_cid,
    embed, facets, labels, tags,
    nullif(all_links, []) AS links,
    CASE WHEN all_links IS NOT NULL THEN nullif(list_distinct(list_filter(
        list_transform(all_links, lambda x:
            lower(regexp_extract(x, '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:]+)', 1))),
        lambda x: x <> '')), []) END AS domains,
    CASE WHEN facet_tags IS NOT NULL OR own_tags IS NOT NULL OR words IS NOT NULL THEN nullif(list_distinct(list_transform(
        list_filter(list_concat(facet_tags, own_tags, words), lambda x: x <> ''), lambda x: lower(x))), []) END AS hashtags,
    CASE WHEN facet_dids IS NOT NULL
        THEN nullif(list_distinct(list_filter(facet_dids, lambda x: x IS NOT NULL)), []) END AS mentions,
    CASE WHEN list_has_any(e[5:6], ['app.bsky.embed.images', 'app.bsky.embed.gallery']) THEN ['image']
        WHEN list_contains(e[5:6], 'app.bsky.embed.video') THEN ['video'] END AS media,
    CASE WHEN alts IS NOT NULL THEN nullif(list_filter(alts, lambda x: x <> ''), []) END AS alt,
    coalesce(e[4], e[3]) AS quote_uri
FROM linked
