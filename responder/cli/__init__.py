"""The command line: one module per command or group of commands.

`main` finds them by name and imports the one that is called. Nothing here decides anything.
"""
