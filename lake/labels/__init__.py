"""Labels of posts, made by classifiers or people: read, joined to their posts, written; what waits for its post.

Refuses to know what a label means, and how posts are searched by it.
"""
