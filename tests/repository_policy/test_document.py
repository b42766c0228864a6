"""One statement at a time in a policy's text."""

import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_assets.repository_policy import document

ODD = """\
{ "Version" : "2008-10-17",\t"Id":"x",
  "Statement":[ {"Sid":"hand made", "Effect" :"Allow","Action":[ "ecr:*" ],
     "Principal":"*"} ,
  {"Effect":"Deny","Note":"caf\\u00e9","Sid":"b"}  ] }"""
HAND_MADE = ODD[ODD.index("{", 1) : ODD.index(" ,\n")]
OTHER = ODD[ODD.index('{"Effect":"Deny"') : ODD.index("  ] }")]


def test_an_added_statement_leaves_every_other_byte() -> None:
    text = document.merge(ODD, "new", {"Effect": "Allow"})
    assert text.startswith(ODD[: ODD.index("[") + 1] + HAND_MADE)
    assert OTHER in text
    assert [s["Sid"] for s in json.loads(text)["Statement"]] == ["hand made", "b", "new"]


def test_a_replaced_statement_stays_in_its_place() -> None:
    text = document.merge(ODD, "hand made", {"Effect": "Deny"})
    assert text == ODD.replace(HAND_MADE, '{"Sid":"hand made","Effect":"Deny"}')


def test_a_removed_statement_leaves_the_others() -> None:
    text = document.remove(ODD, "hand made")
    assert text is not None
    assert OTHER in text
    assert json.loads(text)["Id"] == "x"
    assert document.remove(text, "b") is None


def test_removing_what_is_not_there_changes_nothing() -> None:
    assert document.remove(ODD, "absent") == ODD


def test_a_policy_may_be_one_bare_statement() -> None:
    text = document.merge('{"Statement":{"Sid":"a","Effect":"Allow"}}', "b", {"Effect": "Deny"})
    assert json.loads(text)["Statement"] == [{"Sid": "a", "Effect": "Allow"}, {"Sid": "b", "Effect": "Deny"}]
    assert document.find(text, "b") == {"Sid": "b", "Effect": "Deny"}


def test_the_first_statement_makes_the_policy() -> None:
    made = json.loads(document.merge(None, "a", {"Effect": "Allow"}))
    assert made == {"Version": "2012-10-17", "Statement": [{"Sid": "a", "Effect": "Allow"}]}


def test_three_grants_give_one_policy_whatever_the_order() -> None:
    outcomes = set()
    for order in permutations("abc"):
        text = None
        for sid in (*order, order[0]):
            text = document.merge(text, sid, {"Effect": "Allow"})
        outcomes.add(tuple(sorted(s["Sid"] for s in json.loads(text or "")["Statement"])))
    assert outcomes == {("a", "b", "c")}


@pytest.mark.parametrize("text", ["", '{"Statement":[]}', "{}"])
def test_nothing_is_found_in_an_empty_policy(text: str) -> None:
    assert document.find(text, "a") is None
    assert document.find(document.merge(text, "a", {}), "a") == {"Sid": "a"}


_STATEMENTS = st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=5)), max_size=5)


@given(_STATEMENTS, st.sampled_from([None, 1]))
def test_adding_and_removing_gives_back_what_was_there(others: list[dict[str, Any]], indent: int | None) -> None:
    before = json.dumps({"Version": "v", "Statement": others}, indent=indent)
    after = document.remove(document.merge(before, "own", {"Effect": "Allow"}), "own")
    assert (json.loads(after)["Statement"] if after else []) == others


def _made(sid: str) -> bool:
    return sid.startswith("Made")


def test_our_own_statements_stand_in_one_order_however_they_were_made() -> None:
    """Others keep their place, wherever they came in between."""
    outcomes = set()
    for order in permutations(["MadeA", "MadeB", "MadeC"]):
        text = None
        for number, sid in enumerate((*order, order[1])):
            text = document.merge(text, sid, {"Effect": "Allow"}, _made)
            if number == 0:
                text = document.merge(text, "by hand", {"Effect": "Deny"})
        outcomes.add(text)
    (only,) = outcomes
    assert [s["Sid"] for s in json.loads(only or "")["Statement"]] == ["MadeA", "by hand", "MadeB", "MadeC"]


_SIDS = st.sampled_from(["MadeA", "MadeB", "MadeC", "x", "y", "z"])


@given(st.lists(_SIDS, unique=True), _SIDS.filter(_made))
def test_others_keep_their_place_whatever_is_merged(sids: list[str], new: str) -> None:
    before = json.dumps({"Version": "v", "Statement": [{"Sid": sid} for sid in sids]})
    after = [s["Sid"] for s in json.loads(document.merge(before, new, {"a": 1}, _made))["Statement"]]
    assert [after[at] if not _made(sid) else sid for at, sid in enumerate(sids)] == sids
    assert [sid for sid in after if _made(sid)] == sorted({new, *filter(_made, sids)})


@pytest.mark.parametrize("blank", ["", " "])
@pytest.mark.parametrize("version", ['"Version":"2008-10-17",', ""])
def test_a_variable_is_understood_as_one_where_that_changes_nothing_else(version: str, blank: str) -> None:
    text = blank + "{" + blank + version + '"Statement":[{"Sid":"a","X":"${aws:username}"},{"Sid":"b","X":"plain"}]}'
    newer = document.understand_variables(text, "a")
    assert newer is not None
    assert json.loads(newer) == {**json.loads(text), "Version": "2012-10-17"}
    assert document.understand_variables(text, "b") == text
    assert document.understand_variables(newer, "a") == newer
    assert document.understand_variables(text.replace("plain", "${x}"), "a") is None


def test_a_document_is_compacted_without_another_meaning() -> None:
    assert json.loads(document.compact(ODD)) == json.loads(ODD)
    assert len(document.compact(ODD)) < len(ODD)
