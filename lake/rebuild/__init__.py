"""Makes a lost catalog anew from the files of the lake alone.

Does not bring back what only the old catalog held: admin accounts, flags, retentions, requests, exports.
"""
