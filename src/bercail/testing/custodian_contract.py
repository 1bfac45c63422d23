# ruff: noqa: D102  # a test says by its name what it holds
"""The contract of `Custodian`, as a class of tests.

An adapter is held to it in a few lines:

    class TestMyCustodian(CustodianContract):
        @pytest.fixture
        def custodian(self) -> Custodian: ...

        @pytest.fixture
        def stranger(self) -> Custodian: ...  # another one, with another root
"""

from __future__ import annotations

import pytest

from bercail.foundation import Secret, Unproven
from bercail.vault import Custodian


class CustodianContract:
    """What every custodian promises to the key ring."""

    @pytest.fixture
    def custodian(self) -> Custodian:
        raise NotImplementedError("an adapter's test gives its custodian")

    @pytest.fixture
    def stranger(self) -> Custodian:
        raise NotImplementedError("an adapter's test gives a second custodian")

    @pytest.mark.parametrize("size", [1, 32, 88, 1024])
    def test_a_wrapped_secret_comes_back(self, custodian: Custodian, size: int) -> None:
        secret = Secret(bytes(i % 251 for i in range(size)))
        assert custodian.unwrap(custodian.wrap(secret, b"context"), b"context") == secret

    def test_a_wrap_hides_the_secret_and_its_equality(self, custodian: Custodian) -> None:
        secret = Secret(bytes(range(32)))
        one, two = custodian.wrap(secret, b""), custodian.wrap(secret, b"")
        assert one != two
        assert secret.reveal()[:8] not in one

    def test_the_context_must_be_the_same(self, custodian: Custodian) -> None:
        wrapped = custodian.wrap(Secret(b"secret"), b"one line")
        for context in (b"", b"another line", b"one line "):
            with pytest.raises(Unproven):
                custodian.unwrap(wrapped, context)

    def test_no_altered_byte_is_accepted(self, custodian: Custodian) -> None:
        wrapped = custodian.wrap(Secret(b"secret"), b"")
        for place in range(len(wrapped)):
            altered = bytearray(wrapped)
            altered[place] ^= 1
            with pytest.raises(Unproven):
                custodian.unwrap(bytes(altered), b"")

    def test_no_cut_or_extension_is_accepted(self, custodian: Custodian) -> None:
        wrapped = custodian.wrap(Secret(b"secret"), b"")
        for changed in (b"", wrapped[:-1], wrapped[1:], wrapped + b"\x00"):
            with pytest.raises(Unproven):
                custodian.unwrap(changed, b"")

    def test_another_custodian_does_not_unwrap(
        self, custodian: Custodian, stranger: Custodian
    ) -> None:
        assert stranger.root != custodian.root
        with pytest.raises(Unproven):
            stranger.unwrap(custodian.wrap(Secret(b"secret"), b""), b"")

    def test_it_says_who_it_is_without_a_secret(self, custodian: Custodian) -> None:
        assert custodian.name
        assert custodian.root == custodian.root.lower()
        bytes.fromhex(custodian.root)
