from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from responder.document.tree import MappingNode, Problems, ScalarNode, parse, to_plain
from responder.ruleset.secrets import Reading, digest, masked_text
from responder.settings import Settings
from tests.ruleset.reading import load, wrong


def node(text: str, key: str = "k") -> ScalarNode:
    root = parse(text, "f.yaml", Problems())
    assert isinstance(root, MappingNode)
    found = root.entries[key].value
    assert isinstance(found, ScalarNode)
    return found


# -- masks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("k: canary\nl: 1\n", 'k: "<secret>"\nl: 1\n'),
        ("k: 'can''ary'   # why\n", 'k: "<secret>"   # why\n'),
        ("{k: canary, l: 1}", '{k: "<secret>", l: 1}'),
        ("k: &a canary\nl: *a\n", 'k: &a "<secret>"\nl: *a\n'),
        ("k: !!str canary\n", 'k: !!str "<secret>"\n'),
        ("k: |\n  canary\n  more\nl: 1\n", 'k: "<secret>"\nl: 1\n'),
        ("k: canary\n  goes on\nl: 1\n", 'k: "<secret>"\nl: 1\n'),
        ("ü: é\nk: canary\n", 'ü: é\nk: "<secret>"\n'),
    ],
)
def test_a_mask_replaces_the_value_and_nothing_else(text: str, masked: str) -> None:
    reading = Reading()
    reading.mask(node(text))
    result = masked_text(text, reading.masks, "f.yaml")
    assert result == masked
    before, after = (parse(each, "f.yaml", Problems()) for each in (text, result))
    assert isinstance(before, MappingNode)
    assert isinstance(after, MappingNode)
    assert list(before.entries) == list(after.entries)


def test_masks_of_other_files_are_left_alone() -> None:
    reading = Reading()
    reading.mask(node("k: canary\n"))
    assert masked_text("k: canary\n", reading.masks, "other.yaml") == "k: canary\n"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30))
def test_any_secret_is_masked_away(secret: str) -> None:
    text = f"a: 1\nk: {_quoted(secret)}\nz: 2\n"
    reading = Reading()
    reading.mask_identity(node(text))
    masked = masked_text(text, reading.masks, "f.yaml")
    root = parse(masked, "f.yaml", Problems())
    assert root is not None
    assert to_plain(root) == {"a": "1", "k": f"<secret:{digest(secret)}>", "z": "2"}


def _quoted(text: str) -> str:
    return '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'


def test_a_url_keeps_where_it_leads() -> None:
    url = "https://user:canary@hooks.example.com:8443/canary/x?key=canary#canary"
    reading = Reading()
    found = node(f"k: {url}\n")
    reading.mask_url(found)
    assert reading.masks[found] == f"https://hooks.example.com:8443/<secret:{digest(url)}>"


@pytest.mark.parametrize("url", ["https://h/{{ .canary }}", "https://h/{{.canary}}"])
def test_of_a_template_only_that_it_is_one_is_kept(url: str) -> None:
    reading = Reading()
    found = node(f"k: '{url}'\n")
    reading.mask_template(found)
    assert reading.masks[found] == f"{{{{<secret:{digest(url)}>}}}}"


def test_what_is_no_url_keeps_nothing() -> None:
    reading = Reading()
    found = node("k: canary\n")
    reading.mask_url(found)
    assert reading.masks[found] == f"<secret:{digest('canary')}>"


def test_a_masked_secret_keeps_its_digest() -> None:
    assert digest("x") == sha256(b"x").hexdigest()[:12]
    assert digest(f"<secret:{digest('x')}>") == digest("x")
    assert digest(f"https://h/<secret:{digest('x')}>") == digest("x")
    assert digest("<secret>") == sha256(b"<secret>").hexdigest()[:12]


def test_a_masked_secret_counts_as_withheld() -> None:
    reading = Reading()
    for text in ("real", "<secret>", "https://h/<secret:0123456789ab>"):
        reading.given(text)
    assert reading.withheld == 2


# -- files --------------------------------------------------------------------------------------


def text_with(file: str) -> str:
    return f"""route: {{receiver: r}}
receivers:
- name: r
  webhook_configs: [{{url: http://a/, http_config: {{authorization: {{credentials_file: {file}}}}}}}]
"""


PLACE = "routing.yaml:4:86: error: credentials_file: "


@pytest.mark.parametrize("content", ["token", "token\n", "token\r\n", "token\n\n"])
def test_a_files_last_line_ends_are_not_part_of_the_secret(content: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(content.encode())
    (found,) = load(text_with("token"), tmp_path).ruleset.receivers["r"].integrations
    assert found.settings.authorization.credentials.reveal() == "token"


def test_inner_space_is_part_of_the_secret(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(" to ken \n")
    (found,) = load(text_with("token"), tmp_path).ruleset.receivers["r"].integrations
    assert found.settings.authorization.credentials.reveal() == " to ken "


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    assert wrong(text_with("not-there"), tmp_path) == [
        f"{PLACE}not-there cannot be read: No such file or directory"
    ]
    assert wrong(text_with("."), tmp_path)[0].endswith(" cannot be read: Is a directory")
    assert wrong(text_with("empty"), tmp_path) == [f"{PLACE}empty is empty"]


def test_secrets_dir_holds_every_file(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    for directory in (inside, outside):
        directory.mkdir()
        (directory / "token").write_text("t")
    # Kubernetes mounts a secret's files as links to a directory beside them.
    (inside / "..data").mkdir()
    (inside / "..data" / "linked").write_text("t")
    (inside / "linked").symlink_to(inside / "..data" / "linked")
    (inside / "escape").symlink_to(outside / "token")
    settings = Settings(secrets_dir=inside)
    for name in ("token", "linked"):
        assert load(text_with(f"{inside}/{name}"), tmp_path, settings).warnings == ()
    for path in (f"{outside}/token", f"{inside}/escape", f"{inside}/../out/token"):
        assert wrong(text_with(path), tmp_path, settings) == [
            f"{PLACE}{path} does not lie in secrets_dir in".replace(f"{tmp_path}/", "")
        ]


def test_secrets_dir_also_holds_what_is_not_read_yet(tmp_path: Path) -> None:
    text = (
        "route: {receiver: r}\nreceivers: [{name: r, pagerduty_configs: [{routing_key_file: /etc/passwd}]}]\n"
    )
    assert wrong(text, tmp_path, Settings(secrets_dir=tmp_path / "in"))[-1] == (
        "routing.yaml:2:62: error: routing_key_file: /etc/passwd does not lie in secrets_dir in"
    )
