"""What a file is, told by its content; what it is not, refused by name and place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import Invalid, Missing
from bercail.hosting.estate import Assessment, Language, assess

Judge = Callable[..., Assessment]
SUB = "/subscriptions/11111111-2222-4333-8444-555555555555"


def vault(name: str = "kv") -> dict[str, Any]:
    kind = "Microsoft.KeyVault/vaults"
    return {"id": f"{SUB}/resourceGroups/G/providers/{kind}/{name}", "type": kind, "name": name}


def kinds(assessment: Assessment) -> list[str]:
    return [kind for _, kind in assessment.inventory.sources]


def rules(assessment: Assessment) -> list[str]:
    return [notice.rule for notice in assessment.inventory.notices]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ([vault()], "resource-graph"),
        ({"value": [vault()]}, "resource-graph"),
        ({"data": [vault()], "count": 1, "totalRecords": 1}, "resource-graph"),
        (
            {
                "data": {
                    "columns": [{"name": "id", "type": "string"}, {"name": "type"}],
                    "rows": [[vault()["id"], vault()["type"]]],
                }
            },
            "resource-graph",
        ),
        (
            [{"principalId": "1" * 8, "scope": SUB, "roleDefinitionId": "x"}],
            "role-assignments",
        ),
        (
            [
                {
                    "id": "0f0e0d0c-1111-4222-8333-444455556666",
                    "groupTypes": [],
                    "securityEnabled": True,
                }
            ],
            "directory",
        ),
        ({"format_version": "1.2", "values": {"root_module": {}}}, "terraform-state"),
        ({"format_version": "1.2", "planned_values": {"root_module": {}}}, "terraform-plan"),
        ({"version": 4, "lineage": "x", "resources": []}, "terraform-state"),
        (
            {
                "$schema": "https://schema.management.azure.com/schemas/2019-04-01/"
                "deploymentTemplate.json#",
                "resources": [],
            },
            "arm-template",
        ),
    ],
)
def test_the_kind_is_told_by_the_content(judge: Judge, content: Any, kind: str) -> None:
    assert kinds(judge(export=content)) == [kind]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_shells_write_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "no-extension"
    path.write_text(json.dumps([vault("été")]), encoding=encoding)
    assert assess([path]).judged[0].resource.name == "été"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "the file is empty"),
        (b'{"data": [', r"at line 1, column 11"),
        (b"id,type\n1,2\n", r"line 1, column 1"),
        (b"[" * 200_000, "nested too deeply"),
        (b'"text"', "no object and no list"),
        (b'{"hello": 1}', "its members are `hello`"),
        (b'[{"hello": 1}, 3]', "list of 2 rows, and none is"),
        (b'{"version": 3, "lineage": "x", "resources": []}', "version `3`"),
        (b'{"version": 4, "lineage": "x", "resources": [7]}', r"`resources\[0\]`"),
        (
            b'{"version":4,"lineage":"","resources":[{"type":"a","name":"n","instances":[1]}]}',
            r"`resources\[0\].instances\[0\]`",
        ),
        (b'{"format_version": "2.0", "values": {}}', r"format version `2\.0`"),
        (
            b'{"format_version": "1.0", "values": {"root_module": {"child_modules": [4]}}}',
            r"`root_module.child_modules\[0\]`",
        ),
        (b'{"data": {"columns": [{"name": "id"}], "rows": [[1, 2]]}}', "a table needs"),
        (
            b'{"$schema": "https://x/2019-04-01/deploymentParameters.json#", "parameters": {}}',
            "parameters of a template",
        ),
        (
            b'{"$schema": "https://x/deploymentTemplate.json#", "resources": [{"name": "a"}]}',
            r"`resources\[0\]`: a resource has a `type`",
        ),
    ],
)
def test_what_is_no_export_is_refused_at_its_place(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(raw)
    with pytest.raises(Invalid, match=said) as told:
        assess([path])
    assert told.value.remedy


def test_a_file_that_is_not_there_and_two_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"none\.json"):
        assess([tmp_path / "none.json"])
    with pytest.raises(Invalid, match="No export"):
        assess([])
    paths = [tmp_path / place / "a.json" for place in ("x", "y")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(json.dumps([vault()]))
    with pytest.raises(Invalid, match="same file name"):
        assess(paths)


def test_a_page_without_its_successors_is_told_and_whole_pages_are_not(judge: Judge) -> None:
    first = {"data": [vault("a")], "count": 1, "totalRecords": 2, "$skipToken": "opaque"}
    second = {"data": [vault("b")], "count": 1, "totalRecords": 2}
    assert rules(judge(one=first)) == ["page-missing"]
    assert rules(judge(one=first, two=second)) == []
    assert rules(judge(one={"value": [vault()], "nextLink": "https://x"})) == ["page-missing"]


def test_rows_of_no_known_shape_are_counted_and_placed(judge: Judge) -> None:
    assessment = judge(rows=[vault(), {"name": "no id"}, 3])
    told = assessment.as_dict(Language.FR)["notices"]
    assert [one["rule"] for one in told] == ["rows-not-read"]
    assert told[0]["text"] == "2 lignes n'ont pas une forme connue (positions 1, 2)"
    assert rules(judge(rows=[])) == ["empty"]


def test_exports_that_disagree_are_noted_and_the_existing_one_wins(judge: Judge) -> None:
    there = {**vault(), "location": "westeurope"}
    elsewhere = {**vault(), "id": vault()["id"].upper(), "location": "France Central"}
    assessment = judge(one=[there], two=[elsewhere])
    assert len(assessment.judged) == 1
    assert assessment.judged[0].resource.location == "westeurope"
    notices = [notice for notice in assessment.inventory.notices if notice.rule == "conflict"]
    said = "`francecentral` (two.json) / `westeurope` (one.json)"
    assert [notice.values for notice in notices] == [("location", said)]


def test_types_are_never_guessed_from_names_that_look_alike(judge: Judge) -> None:
    rows = [
        {"id": f"{SUB}/resourceGroups/g/providers/Microsoft.KeyVault/vaultz/a"},
        {"id": f"{SUB}/resourceGroups/g/providers/Microsoft.Storage2/storageAccounts/a"},
    ]
    assessment = judge(rows=rows)
    assert sorted(assessment.unknown) == [
        "microsoft.keyvault/vaultz",
        "microsoft.storage2/storageaccounts",
    ]
    assert {one.target.value for one in assessment.judged} == {"unknown"}


def test_references_that_lead_outside_are_told(judge: Judge) -> None:
    other = f"{SUB}/resourceGroups/g/providers/Microsoft.Web/serverfarms/gone"
    row = {
        "id": f"{SUB}/resourceGroups/g/providers/Microsoft.Web/sites/a",
        "properties": {"serverFarmId": other, "group": f"{SUB}/resourceGroups/g"},
    }
    assessment = judge(rows=[row])
    assert [(n.rule, n.values) for n in assessment.inventory.notices] == [
        ("reference-outside", ("1",))
    ]


def test_a_circle_moves_together(judge: Judge) -> None:
    def of(name: str, other: str) -> dict[str, Any]:
        return {**vault(name), "properties": {"uses": vault(other)["id"]}}

    assessment = judge(rows=[of("a", "b"), of("b", "c"), of("c", "a"), of("d", "a")])
    steps = [(step.stage, len(step.members)) for step in assessment.order]
    assert steps == [(1, 3), (2, 1)]
    assert assessment.summary()["circles"] == 1


def test_applications_guests_and_groups_of_the_directory(judge: Judge) -> None:
    def own(number: int) -> str:
        return f"0f0e0d0c-1111-4222-8333-44445555{number:04d}"

    applications = {
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#applications",
        "value": [
            {
                "id": own(1),
                "appId": own(2),
                "displayName": "TRE API",
                "passwordCredentials": [{"secretText": "planted-secret-text"}, {}],
            }
        ],
    }
    users = [
        {
            "id": own(3),
            "userPrincipalName": "a_partner.example#EXT#@tenant.example",
            "userType": "Member",
        },
        {"id": own(4), "userPrincipalName": "b@tenant.example", "userType": "Member"},
    ]
    assessment = judge(applications=applications, users=users)
    assert assessment.judged[0].target.value == "oidc"
    assert assessment.judged[0].resource.facts == {"client_secrets": "2"}
    guests = [one for one in assessment.inventory.principals if one.guest]
    assert [one.domain for one in guests] == ["partner.example"]
    assert "planted-secret-text" not in repr(assessment.inventory)


def test_roles_given_by_identifier_get_their_names(judge: Judge) -> None:
    role = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
    row = {
        "type": "microsoft.authorization/roleassignments",
        "properties": {
            "principalId": "0f0e0d0c-1111-4222-8333-444455556666",
            "principalType": "Group",
            "roleDefinitionId": f"/providers/Microsoft.Authorization/RoleDefinitions/{role}",
            "scope": "/providers/Microsoft.Management/managementGroups/root",
        },
    }
    access = judge(rows=[row]).access
    assert [(flag.rule, flag.role, flag.principal_kind) for flag in access.flags] == [
        ("owner-of-subscription", "Owner", "group")
    ]
    assert [row.level.value for row in access.roles] == ["tenant"]
