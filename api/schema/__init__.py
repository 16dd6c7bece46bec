"""/api/schema: parameters, answers and errors as OpenAPI.

Refuses to know how anything is answered.
"""
