"""An estate of several hundred resources in the shape of AzureTRE, from all its exports."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from pathlib import Path
from types import ModuleType

import pytest

from bercail.foundation import Invalid
from bercail.hosting.estate import Assessment, Language, assess, page, tables, write_page
from bercail.hosting.estate.mapping import Work


def own(small_estate: ModuleType, kind: str, *names: str, group: str = "rg-tre") -> str:
    return str(small_estate.arm(group, kind, *names)).lower()


def test_every_resource_has_a_target_and_only_the_unknown_type_has_none(whole: Assessment) -> None:
    told = whole.summary()
    assert told["resources"] > 300
    assert told["unknown"] == 1
    assert list(whole.unknown) == ["contoso.quantum/annealers"]
    for one in whole.judged:
        assert (one.entry is None) == (one.work is Work.UNKNOWN)


def test_the_same_resource_of_two_exports_is_one(
    whole: Assessment, small_estate: ModuleType
) -> None:
    account = own(small_estate, "Microsoft.Storage/storageAccounts", "stalimportexttre")
    found = [one for one in whole.inventory.resources if one.name == "stalimportexttre"]
    assert [one.id for one in found] == [account]
    assert found[0].sources == ("core.tfstate", "graph.json")
    assert found[0].terraform == "azurerm_storage_account"


def test_the_order_of_the_files_changes_nothing(small_estate: ModuleType, tmp_path: Path) -> None:
    paths = small_estate.SmallEstate(seed=5, workspaces=2).write(tmp_path)
    forth = assess(paths).as_dict(Language.EN)
    back = assess(paths[::-1]).as_dict(Language.EN)
    assert forth == back


def test_nothing_comes_before_what_it_needs(whole: Assessment) -> None:
    stage = {member: step.stage for step in whole.order for member in step.members}
    assert len(stage) == sum(one.work is not Work.DROP for one in whole.judged)
    checked = 0
    for one in whole.inventory.resources:
        for need in one.needs:
            if one.id in stage and need.to in stage:
                assert stage[need.to] < stage[one.id]
                checked += 1
    assert checked > 100
    assert not any(step.is_circle for step in whole.order)


def test_a_machine_waits_for_its_network_through_the_interface_that_is_left_behind(
    whole: Assessment, small_estate: ModuleType
) -> None:
    stage = {member: step.stage for step in whole.order for member in step.members}
    group = "rg-tre-ws003"
    network = own(small_estate, "Microsoft.Network/virtualNetworks", "vnet-ws003", group=group)
    machine = own(small_estate, "Microsoft.Compute/virtualMachines", "vm-ws003-0", group=group)
    nic = own(small_estate, "Microsoft.Network/networkInterfaces", "nic-ws003-0", group=group)
    assert nic not in stage
    assert stage[network] < stage[machine]


def test_blockers_name_who_calls_and_the_rest_is_to_be_checked(whole: Assessment) -> None:
    critical = {one.judged.resource.name: one for one in whole.obstacles if one.critical}
    callers = [called.rsplit("/", 1)[-1] for called in critical["cosmos-tre"].needed_by]
    assert callers == ["api-tre"]
    assert critical["sb-tre"].needed_by == critical["cosmos-tre"].needed_by
    assert critical["rsv-tre"].needed_by == ()
    assert [called.rsplit("/", 1)[-1] for called in critical["kv-tre"].needed_by] == ["gitea"]
    # Another vault, that no program is shown to call, is no blocker, and is not forgotten.
    others = {one.judged.resource.name for one in whole.obstacles if not one.critical}
    assert "kv-ws004" in others
    assert "cosmos-mongo-tre" not in others | set(critical)
    assert [one.critical for one in whole.obstacles] == sorted(
        (one.critical for one in whole.obstacles), reverse=True
    )


def test_facts_choose_the_entry(whole: Assessment) -> None:
    keys = {one.resource.name: one.entry.key for one in whole.judged if one.entry}
    assert keys["stgws000"] == "data-lake"
    assert keys["stalimportexttre"] == "storage-account"
    assert keys["func-airlock-tre"] == "function-app"
    assert keys["api-tre"] == "web-app"
    assert keys["cosmos-mongo-tre"] == "cosmos-mongo"
    assert keys["cosmos-tre"] == "cosmos-account"


def test_data_weighs_by_what_the_exports_tell(whole: Assessment) -> None:
    first = whole.gravity[0].judged.resource
    shares = [r for r in whole.inventory.resources if r.name == "vm-shared-storage"]
    assert first.bytes == max(r.bytes or 0 for r in shares)
    assert first.basis == "used"
    sized = {one.resource.name: one.resource for one in whole.judged}
    assert sized["osdisk-ws000-0"].bytes == 128 << 30
    assert sized["osdisk-ws000-0"].basis == "capacity"
    assert sized["mysql-gitea"].bytes == 20 << 30
    assert whole.summary()["durable_of_unknown_size"] > 0


def test_owners_of_the_subscription_and_guests_are_flagged_by_id(whole: Assessment) -> None:
    rules = [flag.rule for flag in whole.access.flags]
    assert rules == ["guest-with-role", "owner-of-subscription", "owner-of-subscription"]
    assert {flag.domain for flag in whole.access.flags} == {"vendor.example", None}
    counts = {(row.role, row.level.value): row for row in whole.access.roles}
    assert counts["Owner", "subscription"].principals == 2
    assert counts["Owner", "subscription"].guests == 1
    assert counts["Storage Blob Data Contributor", "resource"].programs == 1
    assert (whole.access.guests, whole.access.principals) == (1, 6)


@pytest.mark.parametrize("language", list(Language))
def test_no_planted_secret_shows_in_any_answer(
    whole: Assessment, small_estate: ModuleType, language: Language
) -> None:
    shown = [
        json.dumps(whole.as_dict(language), default=str),
        page(whole, language),
        str([table.rows for table in tables(whole, language)]),
        repr(whole.inventory),
    ]
    for name, secret in small_estate.SECRETS.items():
        for text in shown:
            assert secret not in text, name
    # The search can fail: the exports themselves hold every one of them.
    estate = small_estate.SmallEstate(seed=5, workspaces=1)
    given = json.dumps([estate.resource_graph(), estate.terraform_state(), estate.roles()])
    for name, secret in small_estate.SECRETS.items():
        if name != "template_default":
            assert secret in given, name


def test_a_broken_export_is_refused_by_place_and_shows_no_secret(
    small_estate: ModuleType, tmp_path: Path
) -> None:
    text = json.dumps(small_estate.SmallEstate(workspaces=1).terraform_state())
    path = tmp_path / "cut.tfstate"
    path.write_text(text[: len(text) * 2 // 3], encoding="utf-8")
    with pytest.raises(Invalid, match=r"`.*cut\.tfstate` is not whole JSON: .* column \d+") as told:
        assess([path])
    trace = traceback.TracebackException.from_exception(told.value, capture_locals=True)
    ours = [f for f in trace.stack if "bercail" in f.filename]
    shown = "".join(str(frame.locals) for frame in ours) + "".join(trace.format_exception_only())
    assert ours
    assert told.value.__context__ is None
    for name, secret in small_estate.SECRETS.items():
        assert secret not in shown, name


@pytest.mark.parametrize("language", list(Language))
def test_the_page_stands_alone(whole: Assessment, tmp_path: Path, language: Language) -> None:
    write_page(whole, tmp_path / "estate.html", language)
    text = (tmp_path / "estate.html").read_text(encoding="utf-8")
    assert f'lang="{language.value}"' in text
    assert "<svg" in text
    assert "<script" not in text
    assert "src=" not in text
    assert text.index('id="blockers"') < text.index('id="order"')
    assert ("Points bloquants" in text) == (language is Language.FR)


def test_a_name_in_an_export_is_no_markup(tmp_path: Path, small_estate: ModuleType) -> None:
    row = {"id": small_estate.arm("g", "Contoso.X/y", "<img src=x onerror=alert(1)>")}
    row = {"id": row["id"].replace("<", "&lt;<").replace(">", ""), "type": "Contoso.X/y"}
    named = {
        "id": small_estate.arm("g", "Microsoft.Network/bastionHosts", "a&b\u202e"),
        "type": "Microsoft.Network/bastionHosts",
    }
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([named]), encoding="utf-8")
    text = page(assess([path]), Language.EN)
    assert "a&amp;b?" in text
    path.write_text(json.dumps([row]), encoding="utf-8")
    with pytest.raises(Invalid, match="none is a resource"):
        assess([path])


def test_a_large_state_stays_within_twenty_times_its_size(
    small_estate: ModuleType, tmp_path: Path
) -> None:
    state = small_estate.SmallEstate(workspaces=1).terraform_state()
    template = state["resources"][0]
    one = template["instances"][0]
    filler = {f"attribute_{n}": f"https://example.org/{n}" for n in range(40)}
    one = {**one, "attributes": {**one["attributes"], **filler}}
    size = len(json.dumps(one))
    account = one["attributes"]["id"]
    path = tmp_path / "large.tfstate"
    with path.open("w", encoding="utf-8") as out:
        head = json.dumps({**state, "resources": []})
        out.write(head.replace('"resources": []', '"resources": ['))
        out.seek(out.tell() - 1)
        for number in range(12_000_000 // size):
            attributes = {**one["attributes"], "id": f"{account}{number}"}
            row = {
                **template,
                "name": f"n{number}",
                "instances": [{**one, "attributes": attributes}],
            }
            out.write(("," if number else "") + json.dumps(row))
        out.write("]}")
    assert path.stat().st_size > 10_000_000
    program = (
        "import re, sys; from pathlib import Path;"
        "from bercail.hosting.estate import assess;"
        "print(assess([Path(sys.argv[1])]).summary()['resources'],"
        # The peak of this program alone: `ru_maxrss` begins with that of whoever started it.
        "re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    resources, kilobytes = map(int, done.stdout.split())
    assert resources == 12_000_000 // size
    # A state of 50 MB then stays under 1 GB, of which 60 MB are the program itself.
    assert kilobytes < 300_000
