"""What `make` calls: installs what is missing, and runs the whole service from one terminal without Docker.

Starts our processes by their commands only: imports nothing of ingest, lake, api or explorer.
"""
