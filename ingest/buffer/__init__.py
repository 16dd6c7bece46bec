"""The Redis stream between the consumer and the flusher, and the only doorway to Redis.

Knows neither websockets nor the contents of frames.
"""
