"""API keys, rate limits, and how many queries run at once.

Refuses to know what a request is for.
"""
