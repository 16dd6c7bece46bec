"""What any of our processes needs to run: signals, locks, heartbeats, records of errors and jobs, logs, metrics, a
progress bar, crash points, and instants.

Knows nothing of what the processes do.
"""
