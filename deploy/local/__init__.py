"""What `make` calls: installs what is missing, and runs the whole service in one terminal without Docker.

Starts the processes by their commands: imports nothing of ingest, lake, api or explorer.
"""
