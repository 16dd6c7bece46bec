"""The JSON API: parses what is asked, calls the lake, shapes answers and errors. Refuses to know SQL and files."""
