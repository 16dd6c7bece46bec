"""Bugs of one edit, each with the failure that it means and the test that must see it: `make mutants`."""
