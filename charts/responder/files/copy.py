"""A copy of the running database that is whole in itself, for a backup that copies files.

Velero runs it in the container before a backup, with the volume's directory. A copy takes the place of the
one before it at once, so that a backup never finds half of one.
"""

import os
import sqlite3
import sys
from contextlib import closing

directory = sys.argv[1]
whole = f"{directory}/backup.db"
with (
    closing(sqlite3.connect(f"file:{directory}/responder.db?mode=ro", uri=True)) as source,
    closing(sqlite3.connect(f"{whole}.part")) as copy,
):
    source.backup(copy)
os.replace(f"{whole}.part", whole)
