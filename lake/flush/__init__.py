"""From the buffer to the lake: a chunk of entries becomes typed rows, files, one commit, then the trim.

Refuses to know searches and compaction.
"""
