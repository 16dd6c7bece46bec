-- late(did, collection, rkey, rev, ...) -> deletes, or newer versions, that these files hold of the same records.
SELECT newer.did, late.collection, newer.rkey, newer.rev, {deleted}, epoch_us(min({known}))
FROM {source}($files) AS newer JOIN late ON {same_uri} AND newer.rev > late.rev
GROUP BY ALL
