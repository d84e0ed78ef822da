"""From files to compiled values: what people write in `rules/`, and what it comes to.

`load` is the way in; `document` and `schema` also read the settings file.
Importing this package loads none of them.
"""
