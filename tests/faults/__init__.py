"""Faults that are made on purpose, each proven to have happened, each with the lake equal to the log afterwards: power
loss, errors of the disk, a Redis and a socket that are slow or half open, clocks that step, a locked catalog.

docs/faults.md lists all faults and their tests, also those that other folders have.
"""
