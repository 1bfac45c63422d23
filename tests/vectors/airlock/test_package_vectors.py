"""A package released once stays verifiable: a frozen one, with its keys, is read here."""

from __future__ import annotations

import json
from pathlib import Path

import bagit
import pytest

from bercail.airlock.verify import read_keys, verify_package
from bercail.foundation import Unproven

HERE = Path(__file__).parent


def test_the_frozen_package_verifies() -> None:
    shown = verify_package(HERE / "package-1", read_keys(HERE / "keys.json"))
    release = json.loads((HERE / "package-1/data/release.json").read_bytes())
    assert shown.request == release["request"]
    assert shown.as_dict() == {
        "verified": True,
        "request": release["request"],
        "permit": "permit-1",
        "project": "diabetes",
        "package_digest": shown.package_digest,
        "set_digest": release["set_digest"],
        "checkers": ["checker-1", "checker-2"],
        "cells": 15,
        "hidden_cells": 4,
        "judged_by_people": [],
    }


def test_the_bag_is_read_by_the_library_of_congress_program() -> None:
    bag = bagit.Bag(str(HERE / "package-1"))
    assert bag.is_valid()
    assert bag.version_info == (1, 0)
    assert bag.algorithms == ["sha512"]
    assert bag.info["External-Identifier"].startswith("urn:uuid:")


def test_the_crate_has_the_shape_of_the_profile() -> None:
    crate = json.loads((HERE / "package-1/data/ro-crate-metadata.json").read_bytes())
    entities = {one["@id"]: one for one in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    root = entities["./"]
    assert root["conformsTo"] == {"@id": "https://w3id.org/5s-crate/0.4"}
    assert {"datePublished", "publisher", "license", "sourceOrganization", "mainEntity"} <= set(
        root
    )
    kinds = {
        entities[one["@id"]].get("additionalType", {}).get("@id", "").rsplit("#")[-1]
        for one in root["mentions"]
    }
    assert {"DisclosureCheck", "SignOff", "GenerateCheckValue"} <= kinds
    named = {
        part["@id"]
        for one in crate["@graph"]
        for part in references(one)
        if "://" not in part["@id"]
    }
    assert named <= set(entities), "every local reference is described"


def references(value: object) -> list[dict[str, str]]:
    if isinstance(value, dict):
        own = [value] if set(value) == {"@id"} else []
        return own + [one for item in value.values() for one in references(item)]
    if isinstance(value, list):
        return [one for item in value for one in references(item)]
    return []


def test_the_frozen_package_of_several_files_verifies() -> None:
    keys = read_keys(HERE / "keys-2.json")
    shown = verify_package(HERE / "package-2", keys)
    assert (shown.cells, shown.hidden_cells) == (15, 4)
    assert shown.judged_by_people == ("outputs/note.txt",)
    assert shown.checkers == ("checker-1", "checker-2")
    bag = bagit.Bag(str(HERE / "package-2"))
    assert bag.is_valid()
    with pytest.raises(Unproven, match="was revoked"):
        verify_package(HERE / "package-2", {**keys, "revoked": [shown.package_digest]})


def test_the_frozen_package_of_protected_files_verifies() -> None:
    """Digests with salts; a CSV and a workbook that the engine protected, and a text."""
    keys = read_keys(HERE / "keys-3.json")
    shown = verify_package(HERE / "package-3", keys)
    assert (shown.cells, shown.hidden_cells) == (22, 6)
    assert shown.judged_by_people == ("outputs/note.txt",)
    document = json.loads((HERE / "package-3/data/review/set.json").read_bytes())
    assert document["format"] == "bercail-release-set/2"
    assert bagit.Bag(str(HERE / "package-3")).is_valid()
