"""Pages around a post: its thread, who liked and reposted it, its author.

Refuses to know how posts are found, and the parameters of a search.
"""
