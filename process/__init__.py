"""What any of our processes needs to run: signals, locks, heartbeats, logs, a metrics port, a progress bar, crash
points, and instants.

Knows nothing of what the processes do.
"""
