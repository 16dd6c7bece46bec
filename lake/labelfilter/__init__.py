"""What a filter says of a post's labels: its values, the default thresholds, and SQL over label rows. Pure.

Refuses to know how labels are stored, and the rest of a query.
"""
