"""What /api/schema says of parameters, answers and errors.

Refuses to know how anything is answered.
"""
