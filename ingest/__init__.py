"""Ingest: from a Jetstream websocket to the buffer in Redis.

Knows frames, events, cursors and connections. Knows nothing of Parquet, SQL, files of the lake, or serving.
"""
