"""docs/writing-runbooks.md: its example works, and it names everything that a page may say."""

import re
from pathlib import Path
from typing import Final

from responder.core.actioncatalogue import ACTIONS
from responder.core.guardrules import GuardRules
from responder.core.runbook import MODES, RISKS, Tightening
from responder.ruleset.runbooks import Known, compile_pages
from responder.ruleset.runbooks.markdown import KINDS

PAGE: Final = (Path(__file__).parents[1] / "docs" / "writing-runbooks.md").read_text()


def test_the_example_has_nothing_wrong() -> None:
    [example] = re.findall(r"^````markdown\n(.*?)^````$", PAGE, re.MULTILINE | re.DOTALL)
    pages = compile_pages({"worker-stuck.md": example}, Known(["pagerduty-critical"], GuardRules()))
    assert (pages.broken, pages.warnings, list(pages.runbooks)) == ([], [], ["worker-stuck"])


def test_every_word_that_a_page_may_use_is_explained() -> None:
    words = {
        *KINDS,
        *MODES,
        *RISKS,
        *ACTIONS,
        *Tightening.__struct_fields__,
        *("runbook", "title", "match", "parameters", "target", "mode", "risk", "guards", "hold"),
        *("dns_label", "dns_subdomain", "int(MIN,MAX)", "duration", "enum(A,B)", "uid", "text"),
    }
    assert {word for word in words if f"`{word}`" not in PAGE} == set()
