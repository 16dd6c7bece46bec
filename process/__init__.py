"""What any of our processes needs to run: signals, locks, logs, metrics port, progress bar, moments.

Refuses to know what the processes do.
"""
