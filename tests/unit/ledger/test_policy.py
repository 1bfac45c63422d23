"""Policies of witnesses: the file of C2SP tlog-policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from bercail.foundation import Invalid, Secret, Unavailable
from bercail.ledger.policy import load_policy, parse_policy
from bercail.vault import Cosigner, NoteSigner

X1, X2, X3, Y1, Y2 = (
    Cosigner(f"{name}.example/w", Secret(bytes([n]) * 64))
    for n, name in enumerate(("x1", "x2", "x3", "y1", "y2"))
)
LOG = NoteSigner("log.example", Secret(bytes(range(64)))).public.keys
NESTED = f"""
# Two organisations; both must be heard.
log {LOG[0]} https://log.example/
witness X1 {X1.keys[1]} https://x1.example/submit/
 witness\tX2 {X2.keys[1]}
witness X3 {X3.keys[0]}
group X 2 X1 X2 X3
witness Y1 {Y1.keys[1]}
witness Y2 {Y2.keys[1]}
group Y any Y1 Y2
group both all X Y
quorum both
"""


def test_a_nested_policy_is_read() -> None:
    policy = parse_policy(NESTED)
    assert [known.name for known in policy.witnesses] == ["X1", "X2", "X3", "Y1", "Y2"]
    assert policy.witnesses[0].url == "https://x1.example/submit"
    assert policy.logs == (LOG[0],)


@pytest.mark.parametrize(
    ("names", "met"),
    [
        ("X1 X2 Y1", True),
        ("X1 X3 Y2", True),
        ("X1 X2 X3", False),
        ("X1 Y1 Y2", False),
        ("", False),
        ("X1 X2 X3 Y1 Y2", True),
    ],
)
def test_who_is_a_quorum(names: str, met: bool) -> None:
    assert parse_policy(NESTED).met_by(set(names.split())) is met


def test_the_quorum_of_a_keys_file() -> None:
    x1, x2, x3, y1, y2 = (str(known.key) for known in parse_policy(NESTED).witnesses)
    assert parse_policy(NESTED).rule() == [2, [2, x1, x2, x3], [1, y1, y2]]
    assert parse_policy(f"witness a {X1.keys[0]}\nquorum a\n").rule() == str(X1.keys[0])


def test_no_quorum_is_always_met() -> None:
    policy = parse_policy(f"witness a {X1.keys[1]}\nquorum none\n")
    assert policy.met_by(set())
    assert policy.rule() is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no `quorum` line"),
        ("quorum none\nquorum none\n", "Line 2"),
        ("quorum unknown\n", "`unknown` is not defined above"),
        ("quorum\n", "Line 1"),
        ("quorum none none\n", "Line 1"),
        ("witnesses none\n", "Line 1"),
        ("quorum none\x00\n", "control character"),
        ("quorum none\r\n", "control character"),
        ("witness a nonsense\nquorum a\n", "cannot be read"),
        (f"witness a {LOG[0]}\nquorum a\n", "of a type that has no place"),
        (f"log {X1.keys[0]}\nquorum none\n", "of a type that has no place"),
        (f"log {LOG[0]}\nlog {LOG[0]}\nquorum none\n", "Line 2"),
        (f"witness none {X1.keys[1]}\nquorum none\n", "has a meaning already"),
        (f"witness a {X1.keys[1]}\nwitness a {X2.keys[1]}\nquorum a\n", "has a meaning already"),
        (f"witness a {X1.keys[1]}\nwitness b {X1.keys[1]}\nquorum a\n", "stands there twice"),
        (f"witness a {X1.keys[1]} ftp://a\nquorum a\n", "begins with"),
        (f"witness a {X1.keys[1]} https:///\nquorum a\n", "begins with"),
        (f"witness a {X1.keys[1]}\ngroup g all a b\nquorum g\n", "`b` is not defined above"),
        (f"witness a {X1.keys[1]}\ngroup g all g\nquorum g\n", "`g` is not defined above"),
        (f"witness a {X1.keys[1]}\ngroup g all a a\nquorum g\n", "a member already"),
        (f"witness a {X1.keys[1]}\ngroup g 0 a\nquorum g\n", "`0` is not"),
        (f"witness a {X1.keys[1]}\ngroup g 2 a\nquorum g\n", "`2` is not"),
        (f"witness a {X1.keys[1]}\ngroup g most a\nquorum g\n", "`most` is not"),
        (f"witness a {X1.keys[1]}\ngroup g 1\nquorum g\n", "Line 2"),
        (
            f"witness a {X1.keys[1]}\ngroup g 1 a\ngroup h 1 a\nquorum g\n",
            "a member already",
        ),
        ("quorum none\n" * 1_001, "at most 1,000 lines"),
    ],
)
def test_what_is_no_policy_is_refused_by_its_line(text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        parse_policy(text)


def test_a_policy_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be read"):
        load_policy(tmp_path / "absent")
    (tmp_path / "policy").write_bytes(b"# \xff\nquorum none\n")
    assert load_policy(tmp_path / "policy").quorum == "none"
