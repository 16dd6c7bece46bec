"""API keys, rate limits, the admin's door, and how many queries run at once.

Refuses to know what a request is for.
"""
