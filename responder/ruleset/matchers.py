"""Matchers as the rules write them: lists of texts, and the deprecated mappings beside them.

`routes` and `inhibit` read theirs here, with every problem at its place and a hint what the
deprecated keys would be in today's spelling. What a matcher means is the core's.
"""

from responder.core.matching import (
    Matcher,
    MatcherError,
    equality_matcher,
    parse_matchers,
    regex_matcher_anchored,
    sort_matchers,
)
from responder.document.fields import Fields
from responder.document.tree import ScalarNode


def read_matchers(fields: Fields, modern: str, equal: str, regex: str) -> tuple[Matcher, ...]:
    """The matchers under a key (`matchers`) and its deprecated forms (`match`, `match_re`), sorted."""
    found = list(read_list(fields, modern))
    for key in (equal, regex):
        old = _deprecated(fields, key, anchored=key == regex)
        if old:
            hint = ", ".join(f"'{matcher}'" for matcher in old)
            fields.problems.warning(fields.key_place(key), f"{key} is deprecated; write {modern}: [{hint}]")
        found += old
    return sort_matchers(found)


def read_list(fields: Fields, key: str) -> tuple[Matcher, ...]:
    """The matchers in a list of texts."""
    found: list[Matcher] = []
    for node in fields.items(key) or ():
        if isinstance(node, ScalarNode) and not node.null:
            found += _parse(fields, key, node)
        else:
            fields.problems.error(node.place, f"{key}: must be a text such as 'severity=\"critical\"'")
    return tuple(found)


def _parse(fields: Fields, key: str, node: ScalarNode) -> tuple[Matcher, ...]:
    try:
        parsed = parse_matchers(node.text)
    except MatcherError as error:
        fields.problems.error(node.place, f"{key}: {error}")
        return ()
    for warning in parsed.warnings:
        fields.problems.warning(node.place, f"{key}: {warning}")
    return parsed.matchers


def _deprecated(fields: Fields, key: str, anchored: bool) -> list[Matcher]:
    found: list[Matcher] = []
    for name, node in fields.pairs(key):
        if anchored and node.null:
            fields.problems.error(node.place, f"{key}: {name} needs a regular expression")
            continue
        try:
            build = regex_matcher_anchored if anchored else equality_matcher
            found.append(build(name, "" if node.null else node.text))
        except MatcherError as error:
            fields.problems.error(node.place, f"{key}: {error}")
    return found
