"""Which storage class an object is to stand in: the file that says it, and who may take it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest
from attrs import evolve

from bercail.foundation import Invalid, Refused, Unavailable
from bercail.hosting.migration.classes import Classes, load_classes
from bercail.storage import ObjectInfo, Passing
from bercail.storage import classes as storage_classes
from bercail.testing.moving import MovingWorld

START = 'format = "bercail-storage-classes/1"\n'


def kept(folder: Path, text: str) -> Path:
    file = folder / "classes.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_a_tier_is_found_whatever_its_case_and_others_stand_where_all_do(tmp_path: Path) -> None:
    found = load_classes(kept(tmp_path, START + '[tiers]\nCool = "STANDARD_IA"\n'))
    assert [found.of_tier(tier) for tier in ("Cool", "COOL", "Hot", None)] == [
        "STANDARD_IA",
        "STANDARD_IA",
        None,
        None,
    ]
    assert Classes.from_dict(found.as_dict()) == found


def test_a_class_may_be_named_for_all_others(tmp_path: Path) -> None:
    text = START + 'otherwise = "ONEZONE_IA"\n[tiers]\nHot = "STANDARD"\n'
    found = load_classes(kept(tmp_path, text))
    assert (found.of_tier("Hot"), found.of_tier("Cool")) == ("STANDARD", "ONEZONE_IA")
    assert found.names() == ("ONEZONE_IA", "STANDARD")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tiers]\n", "is not a file of storage classes"),
        ("format = 1\n", "is not a file of storage classes"),
        (START + "tiers = 3\n", "is not a file of storage classes"),
        (START + "[tiers\n", "cannot be read"),
        (START + 'odd = "x"\n', "`odd`"),
        (START + '[tiers]\nCool = "Cool"\n', "`Cool` is not the name"),
        (START + '[tiers]\nCool = "STANDARD"\ncool = "STANDARD"\n', "named twice"),
        (START + '[tiers]\nArchive = "DEEP_ARCHIVE"\n', "cannot be read before"),
        (START + 'otherwise = "GLACIER"\n', "cannot be read before"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        load_classes(kept(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="FileNotFoundError"):
        load_classes(tmp_path / "classes.toml")


def test_a_target_without_classes_takes_none(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    world.fill({"a": b"a"})
    service = world.service()
    service.survey()
    with pytest.raises(Invalid, match="has no storage classes"):
        service.plan(classes=kept(tmp_path, START + '[tiers]\nCool = "STANDARD_IA"\n'))
    # A file that chooses nothing asks for nothing.
    assert service.plan(classes=kept(tmp_path, START)).classes == {}


class Classed(Passing):
    """A host that keeps what it is given in the class `kept`, whatever was asked for."""

    kept: str | None = None
    trouble: Exception | None = None

    def put(
        self,
        name: str,
        data: bytes | Iterable[bytes],
        *,
        if_absent: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        if self.trouble is not None:
            raise self.trouble
        return super().put(name, data, if_absent=if_absent, metadata=metadata)

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        return (evolve(info, tier=self.kept) for info in super().list(prefix))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Classed:
    host = Classed(MovingWorld(tmp_path).home)
    monkeypatch.setattr(storage_classes, "in_class", lambda _, __: host)
    return host


def test_a_class_passes_that_the_host_really_gives(host: Classed) -> None:
    host.kept = "STANDARD_IA"
    storage_classes.require_class(host, "STANDARD_IA")
    host.kept = None
    storage_classes.require_class(host, "STANDARD")
    assert list(host.list()) == []


def test_a_host_that_keeps_another_class_is_refused(host: Classed) -> None:
    with pytest.raises(Refused, match="It kept the object in `STANDARD`") as refusal:
        storage_classes.require_class(host, "STANDARD_IA")
    assert refusal.value.rule == "storage-class"
    assert list(host.list()) == []


def test_a_host_that_does_not_know_the_class_is_told_from_one_that_is_silent(
    host: Classed,
) -> None:
    host.trouble = Invalid("The host says no.")
    with pytest.raises(Refused, match="The host says no"):
        storage_classes.require_class(host, "STANDARD_IA")
    host.trouble = Unavailable("The host is silent.")
    with pytest.raises(Unavailable):
        storage_classes.require_class(host, "STANDARD_IA")
