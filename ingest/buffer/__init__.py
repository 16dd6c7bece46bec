"""The Redis stream between the consumer and the flusher, and the only doorway to Redis.

Refuses to know websockets, and what the frames say.
"""
