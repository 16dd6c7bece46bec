"""What a lake must hold and show of the frames that it was given: a second opinion, in plain Python.

Imports the standard library alone, and nothing of the product: an error in the product's reading of an event can't be
repeated here. Refuses to know files, catalogs and SQL.

`wire` reads frames of Jetstream, `visibility` says which rows exist and show, `cids` derives the CID of a record.
"""
