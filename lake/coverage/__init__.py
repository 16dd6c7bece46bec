"""Whether the lake has data in each minute of the window that an answer is of: cheap enough for every answer.

Refuses to know what is asked of the data, and reads no file: the catalog alone says it.
"""
