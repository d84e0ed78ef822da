"""What a message must not hold: Slack's word for it, and the place."""

from typing import Any

import pytest

from responder.sandbox.slackrules import Refused, check


def refused(*, update: bool = False, **arguments: Any) -> tuple[str, list[str]]:
    try:
        check(arguments, update=update)
    except Refused as error:
        return error.error, error.messages
    return "", []


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": mrkdwn(text)}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain("Go"), **more}


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        ({"type": "header", "text": plain("x" * 150)}, ""),
        ({"type": "header", "text": plain("x" * 151)}, "must be less than 151 characters"),
        (section("x" * 3_000), ""),
        (section("x" * 3_001), "must be less than 3001 characters"),
        (section(""), "must be more than 0 characters"),
        ({"type": "header", "text": mrkdwn("x")}, "must be one of: plain_text"),
        ({"type": "section"}, "must define either `text` or `fields`"),
        ({"type": "section", "fields": [plain("x")] * 10}, ""),
        ({"type": "section", "fields": [plain("x")] * 11}, "no more than 10 items allowed"),
        ({"type": "section", "fields": [plain("x" * 2_001)]}, "must be less than 2001 characters"),
        ({"type": "section", "text": plain("x"), "accessory": button()}, ""),
        ({"type": "context", "elements": [plain("x")] * 10}, ""),
        ({"type": "context", "elements": [plain("x")] * 11}, "no more than 10 items allowed"),
        ({"type": "context", "elements": []}, "no fewer than 1 items allowed"),
        ({"type": "context", "elements": ["x"]}, "unsupported element"),
        ({"type": "actions", "elements": [button(url="https://x.example")]}, ""),
        ({"type": "actions", "elements": [button()] * 26}, "no more than 25 items allowed"),
        ({"type": "actions", "elements": [button(text=plain("x" * 76))]}, "must be less than 76 characters"),
        ({"type": "actions", "elements": [button(url="x" * 3_001)]}, "must be less than 3001 characters"),
        ({"type": "actions", "elements": [button(value="x" * 2_001)]}, "must be less than 2001 characters"),
        (
            {"type": "actions", "elements": [button(action_id="a"), button(action_id="a")]},
            "action_id is not unique",
        ),
        ({"type": "actions", "elements": [{"type": "slider"}]}, "unsupported element"),
        ({"type": "image", "image_url": "https://x.example", "alt_text": "x"}, ""),
        ({"type": "image", "image_url": "https://x.example"}, "must be a string"),
        ({"type": "divider"}, ""),
        ({"type": "divider", "text": plain("x")}, "additional property: text"),
        ({"type": "divider", "block_id": "x" * 256}, "must be less than 256 characters"),
        ({"type": "section", "text": {**plain("x"), "verbatim": True}}, "additional property: verbatim"),
        ({"type": "section", "text": {**mrkdwn("x"), "emoji": True}}, "additional property: emoji"),
        ({"type": "banner"}, "unsupported type: banner"),
        ("x", "must be an object"),
    ],
)
def test_a_block(block: Any, problem: str) -> None:
    error, messages = refused(text="t", blocks=[block])
    said = [message.partition(" [json-pointer:")[0].removeprefix("[ERROR] ") for message in messages]
    assert (error, said) == (("invalid_blocks", [problem]) if problem else ("", []))


def test_the_place_is_a_json_pointer() -> None:
    assert refused(text="t", blocks=[section("x"), section("x" * 3_001)]) == (
        "invalid_blocks",
        ["[ERROR] must be less than 3001 characters [json-pointer:/blocks/1/text/text]"],
    )
    inside = [{"color": "#aabbcc", "blocks": [{"type": "context", "elements": [plain("")]}]}]
    assert refused(text="t", attachments=inside) == (
        "invalid_attachments",
        ["[ERROR] must be more than 0 characters [json-pointer:/attachments/0/blocks/0/elements/0/text]"],
    )


DIVIDER = {"type": "divider"}


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, "no_text"),
        ({"text": " "}, "no_text"),
        ({"text": 7}, "invalid_arguments"),
        ({"blocks": [DIVIDER] * 50}, ""),
        ({"blocks": [DIVIDER] * 51}, "invalid_blocks"),
        ({"blocks": "["}, "invalid_blocks_format"),
        ({"blocks": {"type": "divider"}}, "invalid_blocks_format"),
        ({"blocks": '[{"type": "divider"}]'}, ""),
        ({"blocks": [{**DIVIDER, "block_id": "a"}, {**DIVIDER, "block_id": "a"}]}, "invalid_blocks"),
        ({"blocks": [section("x" * 2_900)] * 4}, ""),
        ({"blocks": [section("x" * 2_900)] * 5}, "msg_blocks_too_long"),
        ({"attachments": [{"color": "#abcdef", "blocks": [DIVIDER] * 20}]}, ""),
        ({"attachments": [{"color": "#abcdef", "blocks": [DIVIDER] * 21}]}, "invalid_attachments"),
        ({"attachments": [{"color": "#abcdef", "blocks": [DIVIDER], "text": "x"}]}, "invalid_attachments"),
        ({"attachments": [{"color": "mauve", "blocks": [DIVIDER]}]}, "invalid_attachments"),
        ({"attachments": [{"blocks": "x"}]}, "invalid_attachments"),
        ({"attachments": ["x"]}, "invalid_attachments"),
        ({"attachments": [{"text": "old"}]}, ""),
        ({"attachments": [{"text": "old"}] * 101}, "too_many_attachments"),
        ({"text": "x", "metadata": {"event_type": "e", "event_payload": {}}}, ""),
        ({"text": "x", "metadata": {"event_type": "e"}}, "invalid_metadata_format"),
        ({"text": "x", "metadata": "x"}, "invalid_metadata_format"),
        (
            {"text": "x", "metadata": {"event_type": "e", "event_payload": {"a": "x" * 16_000}}},
            "metadata_too_large",
        ),
    ],
)
def test_a_message(arguments: dict[str, Any], error: str) -> None:
    assert refused(**arguments)[0] == error
    assert refused(**arguments, update=True)[0] == error


def test_an_update_takes_4_000_bytes_of_text() -> None:
    assert refused(text="é" * 2_001) == ("", [])
    assert refused(text="é" * 2_000, update=True) == ("", [])
    assert refused(text="é" * 2_001, update=True) == ("msg_too_long", [])


def a_button(**more: Any) -> list[dict[str, Any]]:
    text = {"type": "plain_text", "text": "Approve"}
    return [{"type": "actions", "elements": [{"type": "button", "text": text, "action_id": "a", **more}]}]


def a_confirm(**more: Any) -> dict[str, Any]:
    parts = {name: {"type": "plain_text", "text": "x"} for name in ("title", "text", "confirm", "deny")}
    return parts | more


def test_buttons_may_ask_first() -> None:
    check({"text": "x", "blocks": a_button(style="danger", confirm=a_confirm())})
    long = {"type": "plain_text", "text": "x" * 301}
    wrongs: tuple[dict[str, Any], ...] = (
        {"style": "loud"},
        {"colour": "red"},
        {"confirm": "sure?"},
        {"confirm": a_confirm(text=long)},
        {"confirm": a_confirm(title={"type": "mrkdwn", "text": "x"})},
        {"confirm": {}},
    )
    for wrong in wrongs:
        with pytest.raises(Refused) as caught:
            check({"text": "x", "blocks": a_button(**wrong)})
        assert caught.value.error == "invalid_blocks"
