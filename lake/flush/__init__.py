"""From the buffer to the lake: a batch of entries becomes typed rows, files, one commit; then the buffer is trimmed.

Refuses to know searches and compaction.
"""
