"""How bad an alert says it is."""

import pytest

from responder.core.model import Alert, labels_from
from responder.core.severity import severity_of


@pytest.mark.parametrize(
    ("value", "severity"),
    [
        ("critical", "critical"),
        ("CRITICAL", "critical"),
        ("page", "critical"),
        ("major", "error"),
        ("warn", "warning"),
        ("none", "info"),
        ("purple", "error"),
        ("", "error"),
    ],
)
def test_it_is_what_the_label_says_and_an_error_where_nobody_knows(value: str, severity: str) -> None:
    assert severity_of(Alert(1, labels_from({"severity": value}), (), 1, 0, 1)) == severity
