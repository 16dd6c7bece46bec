"""The way in: from a Jetstream websocket to the buffer in Redis.

Knows frames, events, cursors and connections. Refuses to know Parquet, SQL, files of the lake, or how anything is
served.
"""
