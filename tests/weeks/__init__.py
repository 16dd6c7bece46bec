"""The service over time: a week of the network through the real path in compressed time, and a month of files. Says
what grows, and whether the lake equals the log. Knows nothing of how the service does its work."""
