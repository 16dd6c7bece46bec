"""The API: parameters in, calls to the lake, JSON and files out. Refuses to know SQL and files of the lake."""
