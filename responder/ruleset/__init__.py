"""From files to compiled values: what people write in `rules/`, and what it comes to.

`service` and the commands load a Ruleset here; replay compiles one again from what was kept of it.
Nothing here decides anything, and nothing here is asked while alerts come in.
"""

from responder.ruleset.load import Loaded, compile_ruleset, load_ruleset

__all__ = ["Loaded", "compile_ruleset", "load_ruleset"]
