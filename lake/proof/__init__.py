"""Proves a running service over days: gaps, lags, its rows against what another host sends, and a report.

Refuses to know how events are received and flushed: it looks on from beside.
"""
