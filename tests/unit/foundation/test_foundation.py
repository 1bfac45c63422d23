"""The words all rooms use: errors, ids, clock, actors, secrets, encoding."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from bercail.foundation import (
    Actor,
    BercailError,
    FixedClock,
    Invalid,
    Missing,
    Refused,
    Role,
    Secret,
    SeededRandomness,
    SystemClock,
    SystemRandomness,
    Unavailable,
    Unproven,
    canonical_json,
    from_iso,
    new_id,
    sha256_hex,
    to_iso,
)
from bercail.foundation.encoding import date_from_iso

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "family", "exit_code", "http_status"),
    [
        (Invalid, "invalid", 2, 422),
        (Refused, "refused", 3, 403),
        (Missing, "missing", 4, 404),
        (Unproven, "unproven", 5, 409),
        (Unavailable, "unavailable", 6, 503),
    ],
)
def test_each_family_has_its_exit_code_and_status(
    kind: type[BercailError], family: str, exit_code: int, http_status: int
) -> None:
    error = kind("`x` happened.", remedy="Do this.", rule="HOST-01")
    assert (error.family, error.exit_code, error.http_status) == (family, exit_code, http_status)
    assert error.as_dict() == {
        "error": family,
        "message": "`x` happened.",
        "remedy": "Do this.",
        "rule": "HOST-01",
    }
    assert str(error) == "`x` happened. [HOST-01] Do this."


def test_no_two_families_share_a_code() -> None:
    families = [BercailError, *BercailError.__subclasses__()]
    assert len(families) == 6
    assert len({kind.exit_code for kind in families}) == 6
    assert len({kind.http_status for kind in families}) == 6


def test_an_error_without_remedy_or_rule_is_its_message_alone() -> None:
    assert str(Missing("There is no `x`.")) == "There is no `x`."
    assert Missing("There is no `x`.").rule is None


def test_ids_are_drawn_from_the_randomness_given() -> None:
    first, second = (new_id("permit", SeededRandomness(7)) for _ in range(2))
    assert first == second
    assert first != new_id("permit", SeededRandomness(8))
    prefix, _, tail = new_id("permit", SystemRandomness()).partition("-")
    assert prefix == "permit"
    assert len(tail) == 16
    assert set(tail) <= set("0123456789abcdefghjkmnpqrstvwxyz")


def test_one_seed_gives_one_stream_however_it_is_cut() -> None:
    stream = SeededRandomness(1)
    assert stream.take(40) != stream.take(40)
    assert SeededRandomness(1).take(40) == SeededRandomness(1).take(40)
    assert len(SystemRandomness().take(33)) == 33


def test_a_clock_is_aware_and_does_not_go_back() -> None:
    clock = FixedClock(NOON)
    clock.advance(timedelta(hours=1))
    assert clock.now() == NOON + timedelta(hours=1)
    with pytest.raises(ValueError, match="does not go back"):
        clock.advance(timedelta(seconds=-1))
    with pytest.raises(ValueError, match="aware"):
        FixedClock(datetime(2026, 11, 21))  # noqa: DTZ001 - the naive one must be refused
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_an_actor_has_a_name_without_spaces_and_the_roles_given() -> None:
    actor = Actor(id="odile@house:1", roles=[Role.OPERATOR, Role.OPERATOR])
    assert actor.has(Role.OPERATOR)
    assert not actor.has(Role.AUDITOR)
    assert not Actor(id="nobody").roles
    assert Role("output_checker") is Role.OUTPUT_CHECKER
    for wrong in ("", "two words", "-first", "x" * 101, "tab\t", "line\n"):
        with pytest.raises(ValueError, match="match"):
            Actor(id=wrong)


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret(b"open sesame")
    assert secret.reveal() == b"open sesame"
    assert len(secret) == 11
    for shown in (repr(secret), str(secret), f"{secret}", repr([secret]), repr({"k": secret})):
        assert "sesame" not in shown
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(secret)
    with pytest.raises(TypeError, match="pickled"):
        copy.deepcopy(secret)
    with pytest.raises(TypeError, match="unhashable"):
        hash(secret)
    with pytest.raises(TypeError, match="__dict__"):
        vars(secret)


def test_secrets_are_equal_by_their_bytes_and_never_empty() -> None:
    assert Secret(b"a") == Secret(b"a")
    assert Secret(b"a") != Secret(b"b")
    assert Secret(b"a") != b"a"
    with pytest.raises(ValueError, match="empty"):
        Secret(b"")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({}, b"{}"),
        ([], b"[]"),
        (None, b"null"),
        ([True, False, 0, -1], b"[true,false,0,-1]"),
        ({"b": 1, "a": [2, {"d": None, "c": "x"}]}, b'{"a":[2,{"c":"x","d":null}],"b":1}'),
        ("é\u20ac", b'"\xc3\xa9\xe2\x82\xac"'),
        # RFC 8785, 3.2.2.2: only what JSON requires is escaped, in the short form if there is one.
        ('\u20ac$\u000f\nA\'B"\\\\"/', b'"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
        ((1, 2), b"[1,2]"),
        (2**53, b"9007199254740992"),
    ],
)
def test_canonical_json(value: object, written: bytes) -> None:
    assert canonical_json(value) == written


def test_the_digest_of_a_known_value() -> None:
    document = canonical_json({"unit": "distinct persons", "cells": [11, None]})
    assert document == b'{"cells":[11,null],"unit":"distinct persons"}'
    # Computed with sha256sum.
    assert sha256_hex(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_hex(memoryview(b"abc")) == sha256_hex(b"abc")


@pytest.mark.parametrize("value", [1.0, [1.5], {"a": 1.5}, {"a": {"b": (float("nan"),)}}])
def test_floats_have_no_canonical_form(value: object) -> None:
    with pytest.raises(TypeError, match="float"):
        canonical_json(value)


@pytest.mark.parametrize("value", [{1: "a"}, {"a": {None: 1}}, b"bytes", {"a": {1, 2}}, NOON])
def test_what_json_has_not_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        canonical_json(value)


def test_a_lone_surrogate_is_no_text() -> None:
    with pytest.raises(UnicodeEncodeError):
        canonical_json("\ud800")


def test_moments_are_written_in_utc_to_the_microsecond() -> None:
    assert to_iso(NOON) == "2026-11-21T12:00:00.000000Z"
    paris = timezone(timedelta(hours=1))
    assert to_iso(datetime(2026, 11, 21, 13, 0, tzinfo=paris)) == to_iso(NOON)
    late = NOON.replace(microsecond=7)
    assert from_iso(to_iso(late)) == late
    with pytest.raises(ValueError, match="time zone"):
        to_iso(datetime(2026, 11, 21))  # noqa: DTZ001 - the naive one must be refused
    for wrong in ("2026-11-21T12:00:00Z", "2026-11-21 12:00:00.000000Z", "tomorrow"):
        with pytest.raises(ValueError, match="does not match"):
            from_iso(wrong)


def test_days() -> None:
    assert date_from_iso("2026-11-21") == date(2026, 11, 21)
    with pytest.raises(ValueError, match="Invalid isoformat"):
        date_from_iso("21/11/2026")
