"""From Markdown pages to runbooks: what people read at 3 a.m., and the steps that stand in it.

`ruleset.load` reads a directory of pages here, or compiles those that were kept. A broken page is
reported and left out; nothing in a page is ever evaluated, and prose never runs.
"""

from responder.ruleset.runbooks.floors import risk_of
from responder.ruleset.runbooks.pages import Known, Pages, compile_pages, read_texts

__all__ = ["Known", "Pages", "compile_pages", "read_texts", "risk_of"]
