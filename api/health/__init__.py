"""What works, what does not, and whose fault it is: readings in, one verdict per component out.

Refuses to know HTTP, and how anything is mended by itself.
"""
