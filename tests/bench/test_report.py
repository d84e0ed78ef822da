"""How figures become tables and verdicts."""

from tests.bench.cases import Bound, Case, Figures, Row, Stage
from tests.bench.report import Measured, report
from tests.bench.subjects import Name


def nothing(_stage: Stage, _name: Name) -> Figures:
    return {}


RATES = Case("rates", nothing, (Row("alerts/s", "alerts", "/s", 1.2, at_least=True),))
TIMES = Case("times", nothing, (Row("time", "seconds", "s", 0.9, at_least=False),))
PLAIN = Case("plain", nothing, bounds=(Bound("start", "seconds", "s", 0.5), Bound("seen", "n", "", None)))


def test_medians_are_compared_and_misses_named() -> None:
    rates: Measured = {
        "responder": [
            {"alerts": rate, "decided": rate / 2, "late": late, "refused": 0.0, "fdatasync": 0.5}
            for rate, late in ((60_000.0, 0.5), (10.0, 2.5), (50_000.0, 0.1))
        ],
        "alertmanager": [{"alerts": 40_000.0, "refused": 0.0, "fdatasync": 0.5}],
    }
    times: Measured = {
        "responder": [{"seconds": 1.0, "fdatasync": 0.25}],
        "alertmanager": [{"seconds": 1.0, "fdatasync": 0.25}],
    }
    plain: Measured = {"responder": [{"seconds": 0.25, "n": 7.0, "fdatasync": 0.5}]}
    text, missed = report([(RATES, rates), (TIMES, times), (PLAIN, plain)])
    assert text.splitlines() == [
        "ratio to Alertmanager  target  ratio        responder  alertmanager  fdatasync",
        "alerts/s               >= 1.2   1.25  pass  50,000 /s     40,000 /s    0.50 ms",
        "time                   <= 0.9   1.00  MISS        1 s           1 s    0.25 ms",
        "",
        "accepted and decided   accepted    decided  met after (<= 2)        refused",
        "rates                 50,000 /s  25,000 /s            2.50 s  MISS        0",
        "",
        "plain figures   bound        responder  alertmanager  fdatasync",
        "start          <= 0.5  pass     0.25 s                  0.50 ms",
        "seen                                 7                  0.50 ms",
    ]
    assert missed == ["rates: accepted and decided meet", "time"]
