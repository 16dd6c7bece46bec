"""What a request may say: parameters in, one Search out, every fault at once.

Refuses to know how it is answered.
"""
