# ruff: noqa: D102  # a test says by its name what it holds
"""The contract of `Custodian`, as a class of tests.

An adapter is held to it in a few lines:

    class TestMyCustodian(CustodianContract):
        @pytest.fixture
        def custodian(self) -> Custodian: ...

        @pytest.fixture
        def stranger(self) -> Custodian: ...  # another one, with another root

One whose root can be renewed is also held to `RenewableContract`, which asks for one fixture more:

        @pytest.fixture
        def reopen(self) -> Callable[[], RenewableCustodian]: ...  # `custodian`, opened again
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bercail.foundation import BercailError, Secret, SystemClock, SystemRandomness, Unproven
from bercail.vault import Custodian, Keyring, renew_root
from bercail.vault.custody import RenewableCustodian


class CustodianContract:
    """What every custodian promises to the key ring."""

    @pytest.fixture
    def custodian(self) -> Custodian:
        pytest.fail("an adapter's test gives its custodian")

    @pytest.fixture
    def stranger(self) -> Custodian:
        pytest.fail("an adapter's test gives a second custodian")

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
        cuts = [wrapped[:kept] for kept in range(len(wrapped))]
        for changed in (*cuts, wrapped[1:], wrapped + b"\x00"):
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

    def test_threads_may_share_it(self, custodian: Custodian) -> None:
        def there_and_back(number: int) -> bool:
            secret, context = Secret(bytes([number]) * 32), b"line %d" % number
            return custodian.unwrap(custodian.wrap(secret, context), context) == secret

        with ThreadPoolExecutor(4) as threads:
            assert all(threads.map(there_and_back, range(40)))

    def test_nothing_of_a_secret_shows(self, custodian: Custodian) -> None:
        custodian.wrap(Secret(b"planted-secret"), b"")
        assert "planted" not in repr(custodian) + repr(vars(custodian)) + str(custodian.name)


class RenewableContract(CustodianContract):
    """What a custodian whose root can be renewed promises besides."""

    @pytest.fixture
    def custodian(self, reopen: Callable[[], RenewableCustodian]) -> Custodian:
        return reopen()

    @pytest.fixture
    def reopen(self) -> Callable[[], RenewableCustodian]:
        pytest.fail("an adapter's test opens its custodian")

    def test_opened_again_it_has_the_same_root(
        self, custodian: Custodian, reopen: Callable[[], RenewableCustodian]
    ) -> None:
        wrapped = custodian.wrap(Secret(b"secret"), b"")
        again = reopen()
        assert (again.name, again.root) == (custodian.name, custodian.root)
        assert again.unwrap(wrapped, b"") == Secret(b"secret")

    def test_a_new_root_stands_beside_the_old_until_it_is_forgotten(
        self, reopen: Callable[[], RenewableCustodian]
    ) -> None:
        first = reopen()
        old = first.wrap(Secret(b"secret"), b"")
        both = first.with_new_root()
        assert both.root != first.root
        assert reopen().root == both.root
        new = both.wrap(Secret(b"secret"), b"")
        assert both.unwrap(old, b"") == both.unwrap(new, b"") == Secret(b"secret")
        alone = both.forget_old_roots()
        for custodian in (alone, reopen()):
            assert custodian.root == both.root
            assert custodian.unwrap(new, b"") == Secret(b"secret")
            with pytest.raises(Unproven) as caught:
                custodian.unwrap(old, b"")
            assert caught.value.rule == "wrapped-root"

    def test_an_object_opened_before_a_change_knows_no_later_root(
        self, reopen: Callable[[], RenewableCustodian]
    ) -> None:
        early = reopen()
        new = early.with_new_root().wrap(Secret(b"secret"), b"")
        with pytest.raises(Unproven) as caught:
            early.unwrap(new, b"")
        assert caught.value.rule == "wrapped-root"

    def test_forgetting_twice_does_no_harm(self, reopen: Callable[[], RenewableCustodian]) -> None:
        both = reopen().with_new_root()
        wrapped = both.wrap(Secret(b"secret"), b"")
        assert both.forget_old_roots().forget_old_roots().unwrap(wrapped, b"") == Secret(b"secret")

    @pytest.mark.parametrize("steps", [1, 2, 3])
    def test_a_change_of_root_killed_after_any_step_is_finished_by_a_second_run(
        self, reopen: Callable[[], RenewableCustodian], tmp_path: Path, steps: int
    ) -> None:
        first = reopen()
        keys = _ring(tmp_path, first)
        key = keys.data_key("part", "a")
        both = first.with_new_root()
        if steps > 1:
            keys.rotate_root(both)
        if steps > 2:
            both.forget_old_roots()
        keys.close()
        again = _ring(tmp_path, reopen())
        other = again.data_key("part", "b")
        change = renew_root(again)
        assert change.keys == 2
        assert change.new_root not in {first.root, change.old_root}
        again.close()
        final = _ring(tmp_path, reopen())
        assert [final.by_id(key.id), final.by_id(other.id)] == [key, other]
        assert {entry.root for entry in final.entries()} == {change.new_root}
        final.close()

    def test_a_process_with_a_forgotten_root_creates_no_key(
        self, reopen: Callable[[], RenewableCustodian], tmp_path: Path
    ) -> None:
        first = _ring(tmp_path, reopen())
        first.data_key("part", "a")
        late = _ring(tmp_path, reopen())
        renew_root(first)
        with pytest.raises(BercailError, match="hold"):
            late.data_key("part", "b")
        assert [entry.scope for entry in first.entries()] == ["a"]
        first.close()
        late.close()


def _ring(folder: Path, custodian: Custodian) -> Keyring:
    return Keyring(folder / "keys.sqlite", custodian, SystemRandomness(), SystemClock())
