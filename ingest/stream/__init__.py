"""From a Jetstream host to the buffer: connections, frames, the cursor.

Knows neither how Redis stores events nor what becomes of them afterwards.
"""
