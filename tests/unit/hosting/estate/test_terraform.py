"""Terraform states and plans: identity, dependencies, what is only planned, what is hidden."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bercail.hosting.estate import Assessment

Judge = Callable[..., Assessment]
GROUP = "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/g/providers"
NET = f"{GROUP}/Microsoft.Network/virtualNetworks/vnet"
NSG = f"{GROUP}/Microsoft.Network/networkSecurityGroups/nsg"


def one(kind: str, name: str, attributes: dict[str, Any], **rest: Any) -> dict[str, Any]:
    instance = {"attributes": attributes, **rest}
    return {"mode": "managed", "type": kind, "name": name, "instances": [instance]}


def state(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"version": 4, "terraform_version": "1.9.0", "lineage": "x", "resources": [*resources]}


def by_name(assessment: Assessment) -> dict[str, Any]:
    return {found.resource.name: found.resource for found in assessment.judged}


def needs(assessment: Assessment, name: str) -> list[tuple[str, str]]:
    found = by_name(assessment)
    back = {resource.id: shown for shown, resource in found.items()}
    return [(back[need.to], need.why.value) for need in found[name].needs]


def test_a_resource_that_only_ties_two_others_is_a_dependency_and_no_resource(
    judge: Judge,
) -> None:
    assessment = judge(
        core=state(
            one("azurerm_virtual_network", "v", {"id": NET, "name": "vnet"}),
            one("azurerm_subnet", "s", {"id": f"{NET}/subnets/web", "name": "web"}),
            one("azurerm_network_security_group", "n", {"id": NSG, "name": "nsg"}),
            # Its own id is that of the subnet.
            one(
                "azurerm_subnet_network_security_group_association",
                "a",
                {
                    "id": f"{NET}/subnets/web",
                    "network_security_group_id": NSG,
                    "subnet_id": f"{NET}/subnets/web",
                },
            ),
        )
    )
    assert sorted(by_name(assessment)) == ["nsg", "vnet", "web"]
    assert needs(assessment, "web") == [("nsg", "declared"), ("vnet", "parent")]


def test_dependencies_lead_to_every_instance_and_data_sources_are_no_resources(
    judge: Judge,
) -> None:
    disks = one("azurerm_managed_disk", "d", {})
    disks["module"] = "module.ws"
    disks["instances"] = [
        {"index_key": key, "attributes": {"id": f"{GROUP}/Microsoft.Compute/disks/d{key}"}}
        for key in (0, 1)
    ]
    machine = one(
        "azurerm_linux_virtual_machine",
        "m",
        {"id": f"{GROUP}/Microsoft.Compute/virtualMachines/m", "name": "m"},
        dependencies=["module.ws.azurerm_managed_disk.d", "data.azurerm_client_config.now"],
    )
    data = {**one("azurerm_subscription", "now", {"id": GROUP}), "mode": "data"}
    assessment = judge(core=state(disks, machine, data))
    assert sorted(by_name(assessment)) == ["d0", "d1", "m"]
    assert needs(assessment, "m") == [("d0", "declared"), ("d1", "declared")]


def test_an_identifier_of_another_type_does_not_name_the_resource(judge: Judge) -> None:
    vault = f"{GROUP}/Microsoft.KeyVault/vaults/kv"
    assessment = judge(
        core=state(
            one("azurerm_key_vault", "kv", {"id": vault, "name": "kv"}),
            one(
                "azurerm_monitor_diagnostic_setting",
                "diag",
                {"id": f"{vault}|diag", "name": "diag", "target_resource_id": vault},
            ),
            one("azurerm_not_in_the_mapping", "x", {"name": "x"}),
            one(
                "azapi_resource",
                "y",
                {
                    "id": f"{GROUP}/Microsoft.App/jobs/y",
                    "type": "Microsoft.App/jobs@2024-03-01",
                    "name": "y",
                },
            ),
        )
    )
    found = by_name(assessment)
    assert found["diag"].id == "terraform:core.json#azurerm_monitor_diagnostic_setting.diag"
    assert needs(assessment, "diag") == [("kv", "identifier")]
    assert list(assessment.unknown) == ["azurerm_not_in_the_mapping"]
    keys = {one.resource.name: one.entry.key for one in assessment.judged if one.entry}
    assert keys == {"kv": "key-vault", "diag": "monitor", "y": "container-app"}


def test_a_value_that_terraform_marks_as_sensitive_is_not_looked_at(judge: Judge) -> None:
    hidden = f"{GROUP}/Microsoft.Web/sites/hidden"
    attributes = {"id": NSG, "name": "nsg", "note": hidden}
    told = judge(core=state(one("azurerm_network_security_group", "n", attributes)))
    assert [notice.rule for notice in told.inventory.notices] == ["reference-outside"]
    marked = [[{"type": "get_attr", "value": "note"}]]
    quiet = judge(
        core=state(
            one("azurerm_network_security_group", "n", attributes, sensitive_attributes=marked)
        )
    )
    assert quiet.inventory.notices == ()


def test_a_plan_tells_what_is_there_what_is_planned_and_what_goes(judge: Judge) -> None:
    def shown(name: str, **rest: Any) -> dict[str, Any]:
        return {
            "address": f"module.core.azurerm_key_vault.{name}",
            "mode": "managed",
            "type": "azurerm_key_vault",
            "name": name,
            **rest,
        }

    def root(*resources: Any) -> dict[str, Any]:
        return {"root_module": {"child_modules": [{"resources": list(resources)}]}}

    old, kept = (
        {"id": f"{GROUP}/Microsoft.KeyVault/vaults/{name}", "name": name}
        for name in ("old", "kept")
    )
    plan = {
        "format_version": "1.2",
        "planned_values": root(
            shown("kept", values=kept),
            shown("new", values={"name": "new", "p": "planted"}, sensitive_values={"p": True}),
        ),
        "prior_state": {
            "values": root(shown("old", values=old), shown("kept", values=kept)),
        },
        "resource_changes": [
            {"address": "module.core.azurerm_key_vault.old", "change": {"actions": ["delete"]}}
        ],
        "configuration": {
            "root_module": {
                "module_calls": {
                    "core": {
                        "module": {
                            "resources": [
                                {
                                    "address": "azurerm_key_vault.new",
                                    "expressions": {
                                        "tags": {
                                            "references": [
                                                "azurerm_key_vault.kept.id",
                                                "azurerm_key_vault.kept",
                                                "var.x",
                                            ]
                                        }
                                    },
                                }
                            ]
                        }
                    }
                }
            }
        },
    }
    assessment = judge(plan=plan)
    found = by_name(assessment)
    assert {name: r.standing.value for name, r in found.items()} == {
        "old": "leaving",
        "kept": "exists",
        "new": "planned",
    }
    assert needs(assessment, "new") == [("kept", "declared")]
    assert "planted" not in repr(assessment.inventory)


def test_role_assignments_of_a_state_count_as_access(judge: Judge) -> None:
    attributes = {
        "id": f"{NSG}/providers/Microsoft.Authorization/roleAssignments/a",
        "principal_id": "0f0e0d0c-1111-4222-8333-444455556666",
        "principal_type": "ServicePrincipal",
        "role_definition_name": "Reader",
        "scope": NSG,
    }
    access = judge(core=state(one("azurerm_role_assignment", "a", attributes))).access
    assert [(row.role, row.level.value, row.programs) for row in access.roles] == [
        ("Reader", "resource", 1)
    ]
