"""Reading YAML so that every problem can name its file, line and column.

`tree` turns a text into nodes with places, `fields` reads typed values from them; `settings`
and `ruleset` are their users. Nothing here knows what any key means.
"""
