"""From a Jetstream host to the buffer: connections, frames, the cursor.

Refuses to know how Redis keeps what it is given, and what becomes of an event afterwards.
"""
