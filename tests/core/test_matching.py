import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from responder.core.matching import (
    Matcher,
    MatcherError,
    Mode,
    Op,
    all_match,
    equality_matcher,
    parse_matcher,
    parse_matchers,
    refusal,
    regex_matcher_anchored,
    sort_matchers,
)

Triples = list[tuple[str, str, str]]


def read(text: str, mode: Mode = "fallback") -> Triples:
    return [(m.name, m.op, m.value) for m in parse_matchers(text, mode).matchers]


# -- matching ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "value", "label", "holds"),
    [
        ("=", "bar", "bar", True),
        ("=", "bar", "foo-bar", False),
        ("!=", "bar", "bar", False),
        ("!=", "bar", "foo-bar", True),
        ("=~", "bar", "bar", True),
        ("=~", "bar", "foo-bar", False),
        ("=~", ".*bar", "foo-bar", True),
        ("!~", "bar", "bar", False),
        ("!~", "bar", "foo-bar", True),
        ("!~", ".*bar", "foo-bar", False),
        ("=~", "foo.bar", "foo-bar", True),
        ("=~", r"foo\.bar", "foo-bar", False),
        ("=~", r"foo\.bar", "foo.bar", True),
        ("=", "foo\nbar", "foo\nbar", True),
        ("=~", "foo.bar", "foo\nbar", False),
        ("=~", "(?s)foo.bar", "foo\nbar", True),
        ("=", '~!="', '~!="', True),
        # a missing label equals the empty string
        ("=", "", "", True),
        ("!=", "x", "", True),
        ("=~", ".*", "", True),
        ("=~", ".+", "", False),
        ("!~", ".+", "", True),
        # anchored as a whole, at both ends, without Python's leave to end in a newline
        ("=~", "a|b", "a", True),
        ("=~", "a|b", "b", True),
        ("=~", "a|b", "ab", False),
        ("=~", "ab|c.", "abx", False),
        ("=~", "a.", "ab\n", False),
        ("=~", "a$", "a\n", False),
        ("=~", "[^x]a", "\na", True),
        # lists of plain values, which never reach the engine
        ("=~", "a|", "", True),
        ("=~", "a|b c|d-e", "d-e", True),
        ("!~", "a|b", "b", False),
        ("!~", "a|b", "", True),
        ("=~", r"api\.v1|web", "api.v1", True),
        ("=~", r"api\.v1|web", "apixv1", False),
        ("=~", r"a\\.", r"a\b", True),
        ("=~", r"a\\.", "a.", False),
        # the wrapper is text around the pattern, as in Alertmanager, odd as it is
        ("=~", "a)|(b", "axx", True),
        ("=~", "a)|(b", "xxb", True),
        ("=~", "a)|(b", "xx", False),
        # RE2's dialect
        ("=~", r"\pL", "é", True),
        ("=~", r"\pL", "1", False),
        ("=~", "(?<n>x)", "x", True),
        ("=~", "(?P<n>x)", "x", True),
        ("=~", r"\Qa.b\E", "a.b", True),
        ("=~", r"\Qa.b\E", "axb", False),
        ("=~", r"\Q\C\E", r"\C", True),
        ("=~", r"\\C", r"\C", True),
        ("=~", "(?U)a+", "aaa", True),
        ("=~", r"\x{263a}", "☺", True),
        ("=~", r"a\z", "a", True),
        ("=~", "(?i)PROD", "prod", True),
        ("=~", "[[:alpha:]]", "a", True),
        ("=~", "[[:alpha:]]", ":", False),
        ("=~", r"\d", "3", True),
        ("=~", r"\d", "٣", False),
        ("=~", ".", "🙂", True),
        ("=~", r"\8?", "8", None),
        ("=~", "(?=a)a", "a", None),
        ("=~", "a(?!b)", "a", None),
        ("=~", "(?<=a)b", "b", None),
        ("=~", r"(a)\1", "aa", None),
        ("=~", "(?P=n)", "", None),
        ("=~", r"\C", "a", None),
        ("=~", r"[\C]", "C", None),
        ("!~", r"x\C", "a", None),
        ("=~", r"a\Z", "a", None),
        ("=~", "(?P<é>x)", "x", None),
        ("=~", "[regexp", "", None),
        ("=~", "(", "", None),
        ("=~", "a**", "", None),
        ("=~", "a{1001}", "", None),
        ("=~", "(a{100}){100}", "", None),
        ("=~", r"\Qa", "a", None),
    ],
)
def test_what_holds(op: Op, value: str, label: str, holds: bool | None) -> None:
    if holds is None:
        with pytest.raises(MatcherError, match="is not RE2"):
            Matcher("foo", op, value)
    else:
        matcher = Matcher("foo", op, value)
        assert (matcher.matches(label), matcher.matches(label)) == (holds, holds)  # and when remembered


def holds(op: Op, value: str, label: str) -> bool:
    return Matcher("foo", op, value).matches(label)


def test_s40_a_regex_must_match_all_of_the_value_and_alternatives_as_a_whole() -> None:
    assert [holds("=~", "bar", label) for label in ("bar", "foobar", "barfoo", "bar\n")] == [
        True,
        False,
        False,
        False,
    ]
    assert [holds("=~", "ab|c.", label) for label in ("ab", "cd", "abx", "xcd")] == [True, True, False, False]
    assert [holds("!~", "bar", label) for label in ("bar", "foobar")] == [False, True]


def test_s41_a_dot_is_no_line_feed_unless_the_pattern_says_so() -> None:
    assert [holds("=~", pattern, "foo\nbar") for pattern in ("foo.bar", "(?s)foo.bar")] == [False, True]


def test_s42_the_dialect_is_re2_without_looking_around_and_references_back() -> None:
    for pattern in ("(?=a)a", "a(?!b)", "(?<=a)b", "(?<!a)b", r"(a)\1", "(?P=n)"):
        with pytest.raises(MatcherError, match="is not RE2"):
            Matcher("foo", "=~", pattern)
    known = [
        (r"\pL", "é"),
        ("(?<n>x)", "x"),
        (r"\Qa.b\E", "a.b"),
        ("(?U)a+", "aa"),
        (r"\x{263a}", "☺"),
        (r"a\z", "a"),
    ]
    assert [pattern for pattern, label in [*known, ("(?i)A", "a")] if not holds("=~", pattern, label)] == []
    assert [holds("=~", r"\d", label) for label in ("3", "٣")] == [True, False]


def test_a_value_too_long_to_remember_is_matched_too() -> None:
    matcher = Matcher("foo", "=~", "a+b?")
    assert [matcher.matches("a" * 5000), matcher.matches("a" * 5000 + "c")] == [True, False]


def test_a_hostile_pattern_takes_linear_time() -> None:
    # With Python's re this comparison takes longer than the age of the universe.
    assert not Matcher("foo", "=~", "(a+)+").matches("a" * 50_000 + "!")


def test_a_value_that_is_not_unicode_is_no_crash() -> None:
    assert not Matcher("foo", "=~", "[a-z]+").matches("\ud800")


@pytest.mark.parametrize(
    ("op", "value", "accepts"),
    [
        ("=", "a", {"a"}),
        ("=", "", {""}),
        ("=~", "a|b", {"a", "b"}),
        ("=~", "^(?:a|b)$", {"a", "b"}),
        ("=~", r"a\.b|", {"a.b", ""}),
        ("=~", "", {""}),
        ("=~", "a.|b", None),
        ("=~", "(?i)a", None),
        ("=~", r"\d", None),
        ("=~", "a{2}", None),
        ("!=", "a", None),
        ("!~", "a|b", None),
    ],
)
def test_values_that_can_be_listed(op: Op, value: str, accepts: set[str] | None) -> None:
    assert Matcher("foo", op, value).accepts == (None if accepts is None else frozenset(accepts))


@settings(deadline=None)
@given(
    pattern=st.text(alphabet="ab.|^$()[]\\?*", max_size=6),
    value=st.text(alphabet="ab.|^$()\n", max_size=3),
)
@example("^a|b$", "a")
@example("^(?:a|b)$", "b")
@example("^(?:a)|(?:b)$", "ax")
def test_a_list_of_values_says_what_the_engine_says(pattern: str, value: str) -> None:
    try:
        plain, engine = Matcher("x", "=~", pattern), Matcher("x", "=~", f"(?:{pattern}){{1}}")
    except MatcherError:
        assume(False)
    assume(plain.accepts is not None)
    assert engine.accepts is None
    assert plain.matches(value) == engine.matches(value)


def test_all_match() -> None:
    matchers = parse_matchers('a="1",b!="2"').matchers
    assert [
        all_match(matchers, {"a": "1"}),
        all_match(matchers, {"a": "1", "b": "2"}),
        all_match(matchers, {}),
        all_match((), {}),
    ] == [True, False, False, True]


def test_refusal_names_the_first_matcher_that_does_not_hold() -> None:
    matchers = parse_matchers('a="1",b!="2",c=~"x.+"').matchers
    assert [
        refusal(matchers, {"a": "1", "b": "2"}),
        refusal(matchers, {"a": "1", "b": "3"}),
        refusal(matchers, {"a": "1", "c": "xy"}),
    ] == ['b!="2" does not hold: b is "2"', 'c=~"x.+" does not hold: there is no c', None]


# -- values -----------------------------------------------------------------------------------


def test_equality_and_hash_are_by_what_it_says() -> None:
    one, same, other = Matcher("a", "=~", "b|c"), Matcher("a", "=~", "b|c"), Matcher("a", "!~", "b|c")
    assert (one == same, hash(one) == hash(same), one == other) == (True, True, False)
    assert repr(one) == "Matcher(name='a', op='=~', value='b|c')"


@pytest.mark.parametrize(
    ("name", "op", "value", "message"),
    [
        ("", "=", "x", "needs a label name"),
        ("a", "==", "x", "'==' is not one of the operators =, !=, =~, !~"),
        ("a\ud800", "=", "x", "is not valid UTF-8"),
        ("a", "=", "\ud800", "is not valid UTF-8"),
        ("a", "=~", "\ud800", "is not valid UTF-8"),
    ],
)
def test_what_cannot_be_a_matcher(name: str, op: Op, value: str, message: str) -> None:
    with pytest.raises(MatcherError, match=message):
        Matcher(name, op, value)


@pytest.mark.parametrize(
    ("name", "op", "value", "printed"),
    [
        ("foo", "=", "bar", 'foo="bar"'),
        ("foo", "!=", "bar", 'foo!="bar"'),
        ("foo", "=~", "bar", 'foo=~"bar"'),
        ("foo", "!~", "bar", 'foo!~"bar"'),
        ("foo", "=", "", 'foo=""'),
        ("foo", "=", "back\\slash", 'foo="back\\\\slash"'),
        ("foo", "=", 'double"quote', 'foo="double\\"quote"'),
        ("foo", "=", "new\nline", 'foo="new\\nline"'),
        ("foo", "=", "tab\tstop", 'foo="tab\tstop"'),
        ("foo", "=", "🙂", 'foo="🙂"'),
        ("foo!", "!=", "bar", '"foo!"!="bar"'),
        ("foo🙂", "=", "bar", 'foo🙂="bar"'),
        ("foo bar", "=", "baz", '"foo bar"="baz"'),
        ("foo bar", "=", "tab\tstop", '"foo bar"="tab\\tstop"'),
        ("foo-bar", "=", "baz", 'foo-bar="baz"'),
    ],
)
def test_it_prints_as_alertmanager_prints_it(name: str, op: Op, value: str, printed: str) -> None:
    assert str(Matcher(name, op, value)) == printed


def test_sorting_is_by_name_value_and_operator() -> None:
    matchers = parse_matchers('b="1",a!="2",a="2",a!~"1",a=~"2",a="10"').matchers
    assert list(map(str, sort_matchers(matchers))) == [
        'a!~"1"',
        'a="10"',
        'a="2"',
        'a!="2"',
        'a=~"2"',
        'b="1"',
    ]


@settings(deadline=None)
@given(
    name=st.text(min_size=1),
    op=st.sampled_from(["=", "!=", "=~", "!~"]),
    value=st.text() | st.text(alphabet='a,{}="\\n \n!~'),
)
@example("a", "=", '\\",')
@example("}", "=", "}")
@example("{", "=", "{")
@example("\x1c", "=", "\x85")
def test_print_then_parse_is_the_identity(name: str, op: Op, value: str) -> None:
    try:
        matcher = Matcher(name, op, value)
    except MatcherError:
        assume(False)
    assert parse_matchers(str(matcher)).matchers == (matcher,)
    assert parse_matchers(str(matcher), "utf8").matchers == (matcher,)
    assert parse_matchers("{" + str(matcher) + ',x="y"}').matchers == (matcher, Matcher("x", "=", "y"))
    assert parse_matcher(str(matcher)) == matcher


# -- the UTF-8 grammar ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "triples"),
    [
        ("", []),
        ("  ", []),
        ("{}", []),
        ("{ }", []),
        ("{foo=bar}", [("foo", "=", "bar")]),
        ("{foo=bar,}", [("foo", "=", "bar")]),
        ("foo=bar,", [("foo", "=", "bar")]),
        ("{foo!=bar}", [("foo", "!=", "bar")]),
        ("{foo=~[a-z]+}", [("foo", "=~", "[a-z]+")]),
        ("foo!~[a-z]+", [("foo", "!~", "[a-z]+")]),
        ("{foo=🙂bar}", [("foo", "=", "🙂bar")]),
        ("foo🙂=bar", [("foo🙂", "=", "bar")]),
        ('{"foo"="bar"}', [("foo", "=", "bar")]),
        ('"foo"!~"[a-z]+",', [("foo", "!~", "[a-z]+")]),
        ('"foo bar" = "b a z" , x = y', [("foo bar", "=", "b a z"), ("x", "=", "y")]),
        (r'{"foo"="\xf0\x9f\x99\x82"}', [("foo", "=", "🙂")]),
        (r'{"foo"="\360\237\231\202"}', [("foo", "=", "🙂")]),
        (r'{"foo"="\U0001f642"}', [("foo", "=", "🙂")]),
        (r'{"foo"="\u263a"}', [("foo", "=", "☺")]),
        (r'{"foo"="\a\b\f\n\r\t\v"}', [("foo", "=", "\a\b\f\n\r\t\v")]),
        (r'{"foo"="\"bar\""}', [("foo", "=", '"bar"')]),
        (r'{"foo"="bar\\"}', [("foo", "=", "bar\\")]),
        ('foo=""', [("foo", "=", "")]),
        ("{foo=bar,bar!=baz}", [("foo", "=", "bar"), ("bar", "!=", "baz")]),
        ("\u3000foo\u2003=\u00a0bar\x85", [("foo", "=", "bar")]),
        ("a\x1cb=c", [("a\x1cb", "=", "c")]),
        ("0a:b-c.d/e=f", [("0a:b-c.d/e", "=", "f")]),
        (",", None),
        ("{,}", None),
        ("{,foo=bar}", None),
        ("foo=bar,,", None),
        ("{", None),
        ("}", None),
        ("{{foo=bar}}", None),
        ("foo=bar}", None),
        ("{foo=bar", None),
        ("{foo=bar,", None),
        ("{foo=bar}}", None),
        ("{foo=bar},", None),
        ("{foo=bar} x", None),
        ("foo", None),
        ("foo=", None),
        ("{foo=}", None),
        ("=bar", None),
        ("foo bar=baz", None),
        ("foo=bar baz", None),
        ("foo==bar", None),
        ("foo=!bar", None),
        ("foo!bar", None),
        ("foo~bar", None),
        ('{foo=:"bar"}', None),
        (r'{foo="bar\w"}', None),
        (r'{foo="bar\'"}', None),
        (r"{foo=bar\n}", None),
        (r"foo=~\d+", None),
        ("foo=b'ar", None),
        ("foo=`bar`", None),
        ('foo="bar', None),
        ('foo="bar\\"', None),
        ('foo="b\nar"', None),
        (r'{"foo"="\xf0\x9f"}', None),
        (r'foo="\xf"', None),
        (r'foo="\400"', None),
        (r'foo="\ud800"', None),
        (r'foo="\U00110000"', None),
        ('""="bar"', None),
        ("foo=\ud800", None),
    ],
)
def test_the_utf8_grammar(text: str, triples: Triples | None) -> None:
    if triples is None:
        with pytest.raises(MatcherError):
            read(text, "utf8")
    else:
        assert read(text, "utf8") == triples


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("foo", 4, "expected one of the operators =, !=, =~, !~, found the end"),
        ("foo=", 5, 'expected a value such as bar or "foo bar"; the empty value is "", found the end'),
        ("{foo=bar", 9, "expected the closing brace }, found the end"),
        ("foo=bar}", 8, "expected the end: there is no opening brace {, found '}'"),
        ("foo!bar", 4, "a lone ! is no operator; write != or !~"),
        ("foo=a'b", 6, '"\'" must stand inside double quotes'),
        ("foo=bar baz", 9, "expected a comma or the end, found 'baz'"),
        ('foo="bar', 5, 'the closing " is missing'),
        (r'foo="bar\d"', 9, r"'\\d' is no escape; write \\ for a backslash"),
        ('foo="b\na"', 7, r"write \n for a newline inside quotes"),
    ],
)
def test_a_problem_names_the_column_and_what_would_be_right(text: str, column: int, message: str) -> None:
    with pytest.raises(MatcherError) as caught:
        parse_matchers(text, "utf8")
    assert str(caught.value) == f"{text!r}, column {column}: {message}"


# -- the classic grammar ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "triples"),
    [
        ("", []),
        ("{}", []),
        ("{", []),
        ("}", []),
        ('{foo="bar"}', [("foo", "=", "bar")]),
        ('{foo=~"bar.*"}', [("foo", "=~", "bar.*")]),
        (
            '{foo="bar", baz!~".*quux", derp!="wat"}',
            [("foo", "=", "bar"), ("baz", "!~", ".*quux"), ("derp", "!=", "wat")],
        ),
        ('{foo=""}', [("foo", "=", "")]),
        ('{foo="bar,quux", job="job1"}', [("foo", "=", "bar,quux"), ("job", "=", "job1")]),
        ('{foo = "bar", dings != "bums", }', [("foo", "=", "bar"), ("dings", "!=", "bums")]),
        ("foo=bar, dings!=bums", [("foo", "=", "bar"), ("dings", "!=", "bums")]),
        (
            r"""{quote="She said: \"Hi, ladies! That's gender-neutral…\""}""",
            [("quote", "=", 'She said: "Hi, ladies! That\'s gender-neutral…"')],
        ),
        ('statuscode=~"5.."', [("statuscode", "=~", "5..")]),
        ("tricky=~~~", [("tricky", "=~", "~~")]),
        (r"trickier==\\=\=\"", [("trickier", "=", '=\\=\\="')]),
        (
            r'contains_quote != "\"" , contains_comma !~ "foo,bar" , ',
            [("contains_quote", "!=", '"'), ("contains_comma", "!~", "foo,bar")],
        ),
        ("job=", [("job", "=", "")]),
        ("job= , x = ", [("job", "=", ""), ("x", "=", "")]),
        ("{foo=bar}}", [("foo", "=", "bar}")]),
        ("foo=bar}", [("foo", "=", "bar")]),
        ("{foo=bar", [("foo", "=", "bar")]),
        ("foo=a=b", [("foo", "=", "a=b")]),
        ("a:b=c", [("a:b", "=", "c")]),
        (r"foo=~\d+", [("foo", "=~", r"\d+")]),
        (r"foo=\xf0\q\n", [("foo", "=", "\\xf0\\q\n")]),
        ("foo=a\\", [("foo", "=", "a\\")]),
        (r'foo="a\\",b=c', [("foo", "=", "a\\"), ("b", "=", "c")]),
        ("foo=two words", [("foo", "=", "two words")]),
        ('foo="two\nlines"', [("foo", "=", "two\nlines")]),
        ("{,}", None),
        (",", None),
        ("foo=bar,,", None),
        (" { foo=bar }", None),
        ('job="value', None),
        ('job=value"', None),
        (r'trickier==\\=\=\""', None),
        ('foo = foo"bar', None),
        ('foo="a"b', None),
        ('foo="', None),
        (r'foo="a\"', None),
        # an escape is not ended by a comma inside quotes, so this quote never closes
        (r'foo="a\,",bar=baz', None),
        ("foo!bar", None),
        ("invalid-name = x", None),
        ("0a=b", None),
        ("foo🙂=bar", None),
        ('"foo"="bar"', None),
        ('{foo=~"invalid[regexp"}', None),
        (r'"{foo=\"bar"}', None),
        (r'"foo=\"bar\""', None),
    ],
)
def test_the_classic_grammar(text: str, triples: Triples | None) -> None:
    if triples is None:
        with pytest.raises(MatcherError):
            read(text, "classic")
    else:
        assert read(text, "classic") == triples


# -- both -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "triples", "warning"),
    [
        ("foo=bar", [("foo", "=", "bar")], None),
        ("foo🙂=bar", [("foo🙂", "=", "bar")], None),
        ("{foo🙂=bar,bar=baz🙂}", [("foo🙂", "=", "bar"), ("bar", "=", "baz🙂")], None),
        ("{}", [], None),
        (
            r"foo=!bar\n",
            [("foo", "=", "!bar\n")],
            r'is understood by the classic grammar only; write foo="!bar\n" (',
        ),
        (
            r"{foo=!bar,bar=$baz\n}",
            [("foo", "=", "!bar"), ("bar", "=", "$baz\n")],
            r'is understood by the classic grammar only; write foo="!bar",bar="$baz\n" (',
        ),
        (
            r'foo="\xf0\x9f\x99\x82"',
            [("foo", "=", r"\xf0\x9f\x99\x82")],
            r'means foo="\\xf0\\x9f\\x99\\x82" in the classic grammar, which counts, and foo="🙂" in',
        ),
        ("{", [], "is understood by the classic grammar only; write {} ("),
    ],
)
def test_fallback(text: str, triples: Triples, warning: str | None) -> None:
    parsed = parse_matchers(text)
    assert [(m.name, m.op, m.value) for m in parsed.matchers] == triples
    assert len(parsed.warnings) == (warning is not None)
    assert all(said.startswith(f"{text!r} {warning}") for said in parsed.warnings)


def test_s43_what_both_grammars_read_differently_counts_as_the_classic_one_has_it() -> None:
    both = r'foo="\xf0\x9f\x99\x82"'
    assert (read(both, "classic"), read(both, "utf8")) == (
        [("foo", "=", r"\xf0\x9f\x99\x82")],
        [("foo", "=", "🙂")],
    )
    assert read(both) == read(both, "classic")
    assert len(parse_matchers(both).warnings) == 1


def test_s44_a_matcher_without_a_value_is_classic_only_and_braces_alone_are_no_matchers() -> None:
    assert (read("job="), read("{}"), read(r"foo=~\d+")) == ([("job", "=", "")], [], [("foo", "=~", r"\d+")])
    for text in ("job=", r"foo=~\d+", "{,}"):
        with pytest.raises(MatcherError):
            read(text, "utf8")
    with pytest.raises(MatcherError):
        read("{,}")


def test_s45_the_classic_grammar_splits_at_commas_outside_quotes_and_takes_braces_in_values() -> None:
    assert read('a="x,y",b=c,d=e=f', "classic") == [("a", "=", "x,y"), ("b", "=", "c"), ("d", "=", "e=f")]
    assert read("{foo=bar}}") == [("foo", "=", "bar}")]
    with pytest.raises(MatcherError):
        read("{foo=bar}}", "utf8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("foo!bar", "a lone ! is no operator"),
        ("{foo-bar=a b}", "column 12: expected a comma or the end"),
        ("foo=~(?=a)", "'(?=a)' is not RE2: invalid perl operator"),
        ('foo=~"(?=a)"', "'(?=a)' is not RE2: invalid perl operator"),
    ],
)
def test_what_neither_grammar_reads(text: str, message: str) -> None:
    with pytest.raises(MatcherError) as caught:
        parse_matchers(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "triple"),
    [
        ("foo=bar", ("foo", "=", "bar")),
        ('"foo bar"="baz"', ("foo bar", "=", "baz")),
        ("foo=bar,", ("foo", "=", "bar,")),
        ("foo=a,b", ("foo", "=", "a,b")),
        ("foo=bar,bar=baz", ("foo", "=", "bar,bar=baz")),
        ("foo=", ("foo", "=", "")),
        ('foo="}"', ("foo", "=", "}")),
        ("{foo=bar}", None),
        ("{foo=bar", None),
        ("foo=bar}", None),
        ("{}", None),
        ("", None),
        ("foo", None),
        ("foo🙂=a,bar=b", None),
    ],
)
def test_a_single_matcher(text: str, triple: tuple[str, str, str] | None) -> None:
    if triple is None:
        with pytest.raises(MatcherError):
            parse_matcher(text)
    else:
        matcher = parse_matcher(text)
        assert (matcher.name, matcher.op, matcher.value) == triple


@settings(deadline=None)
@given(
    text=st.text(alphabet="ab=!~\"\\,{} \nn'x1é") | st.text(),
    mode=st.sampled_from(["fallback", "utf8", "classic"]),
)
def test_any_text_gives_matchers_or_a_matcher_error(text: str, mode: Mode) -> None:
    try:
        parsed = parse_matchers(text, mode)
    except MatcherError:
        return
    again = parse_matchers("{" + ",".join(map(str, parsed.matchers)) + "}", "utf8")
    assert again.matchers == parsed.matchers


# -- deprecated keys --------------------------------------------------------------------------


def test_deprecated_match_re_prints_its_anchors() -> None:
    assert [
        str(regex_matcher_anchored("owner", "a|b")),
        str(equality_matcher("owner", "a|b")),
        str(parse_matcher('owner=~"a|b"')),
    ] == ['owner=~"^(?:a|b)$"', 'owner="a|b"', 'owner=~"a|b"']


@pytest.mark.parametrize("name", ["", "a b", "0a", "a-b", "é", "a:b"])
def test_deprecated_keys_take_classic_names_only(name: str) -> None:
    for make in (equality_matcher, regex_matcher_anchored):
        with pytest.raises(MatcherError, match="label name"):
            make(name, "x")


def test_a_bad_deprecated_regex_is_told_as_it_was_written() -> None:
    with pytest.raises(MatcherError, match=r"^the regular expression '\(\?=a\)' is not RE2: "):
        regex_matcher_anchored("a", "(?=a)")
