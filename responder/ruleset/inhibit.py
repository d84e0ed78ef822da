"""Inhibit rules as a file writes them, and what is odd about them.

`load` reads them here; what they do is the core's.
"""

from responder.core.inhibition import InhibitRule
from responder.document.fields import Fields, name, text
from responder.ruleset.matchers import read_matchers


def read_inhibit_rules(root: Fields) -> tuple[InhibitRule, ...]:
    """Every rule, in order."""
    return tuple(_rule(fields) for fields in root.each("inhibit_rules", "an inhibit rule"))


def _rule(fields: Fields) -> InhibitRule:
    source = read_matchers(fields, "source_matchers", "source_match", "source_match_re")
    target = read_matchers(fields, "target_matchers", "target_match", "target_match_re")
    equal = fields.list_of("equal", name) or ()
    called = fields.read("name", text, "")
    fields.close()
    if not source and not target:
        fields.problems.warning(fields.where, "an inhibit rule without matchers inhibits nothing")
    elif not equal:
        fields.problems.warning(
            fields.where,
            "an inhibit rule without equal: any source inhibits every target, whatever they are about",
        )
    return InhibitRule(source, target, tuple(label for label, _ in equal), called, fields.where.short)
