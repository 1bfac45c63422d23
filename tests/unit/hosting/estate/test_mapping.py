"""The mapping covers what a research environment on Azure is made of, and is well formed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from bercail.foundation import Invalid
from bercail.hosting.estate import EstateMapping, load_mapping
from bercail.hosting.estate.mapping import Holds, Target, Work, load_roles

ROOT = Path(__file__).resolve().parents[4]
# One type, in both names, of each service that the research environments use.
WANTED = {
    "Microsoft.Storage/storageAccounts": "azurerm_storage_account",
    "Microsoft.Storage/storageAccounts/blobServices/containers": "azurerm_storage_container",
    "Microsoft.Storage/storageAccounts/fileServices/shares": "azurerm_storage_share",
    "Microsoft.Storage/storageAccounts/queueServices/queues": "azurerm_storage_queue",
    "Microsoft.Storage/storageAccounts/tableServices/tables": "azurerm_storage_table",
    "Microsoft.KeyVault/vaults": "azurerm_key_vault",
    "Microsoft.DBforPostgreSQL/flexibleServers": "azurerm_postgresql_flexible_server",
    "Microsoft.DBforMySQL/flexibleServers": "azurerm_mysql_flexible_server",
    "Microsoft.Sql/servers/databases": "azurerm_mssql_database",
    "Microsoft.DocumentDB/databaseAccounts": "azurerm_cosmosdb_account",
    "Microsoft.Synapse/workspaces": "azurerm_synapse_workspace",
    "Microsoft.Databricks/workspaces": "azurerm_databricks_workspace",
    "Microsoft.ContainerService/managedClusters": "azurerm_kubernetes_cluster",
    "Microsoft.Web/sites": "azurerm_linux_web_app",
    "Microsoft.Logic/workflows": "azurerm_logic_app_workflow",
    "Microsoft.ServiceBus/namespaces": "azurerm_servicebus_namespace",
    "Microsoft.EventGrid/topics": "azurerm_eventgrid_topic",
    "Microsoft.EventHub/namespaces": "azurerm_eventhub_namespace",
    "Microsoft.OperationalInsights/workspaces": "azurerm_log_analytics_workspace",
    "Microsoft.Insights/components": "azurerm_application_insights",
    "Microsoft.Insights/actionGroups": "azurerm_monitor_action_group",
    "Microsoft.ContainerRegistry/registries": "azurerm_container_registry",
    "Microsoft.MachineLearningServices/workspaces": "azurerm_machine_learning_workspace",
    "Microsoft.CognitiveServices/accounts": "azurerm_cognitive_account",
    "Microsoft.Search/searchServices": "azurerm_search_service",
    "Microsoft.Compute/virtualMachines": "azurerm_linux_virtual_machine",
    "Microsoft.Compute/virtualMachineScaleSets": "azurerm_linux_virtual_machine_scale_set",
    "Microsoft.Compute/images": "azurerm_image",
    "Microsoft.Compute/disks": "azurerm_managed_disk",
    "Microsoft.Network/virtualNetworks": "azurerm_virtual_network",
    "Microsoft.Network/virtualNetworks/subnets": "azurerm_subnet",
    "Microsoft.Network/networkSecurityGroups": "azurerm_network_security_group",
    "Microsoft.Network/routeTables": "azurerm_route_table",
    "Microsoft.Network/privateEndpoints": "azurerm_private_endpoint",
    "Microsoft.Network/privateDnsZones": "azurerm_private_dns_zone",
    "Microsoft.Network/natGateways": "azurerm_nat_gateway",
    "Microsoft.Network/loadBalancers": "azurerm_lb",
    "Microsoft.Network/applicationGateways": "azurerm_application_gateway",
    "Microsoft.Network/bastionHosts": "azurerm_bastion_host",
    "Microsoft.Network/azureFirewalls": "azurerm_firewall",
    "Microsoft.Network/virtualNetworkGateways": "azurerm_virtual_network_gateway",
    "Microsoft.DataFactory/factories": "azurerm_data_factory",
    "Microsoft.Batch/batchAccounts": "azurerm_batch_account",
    "Microsoft.ApiManagement/service": "azurerm_api_management",
    "Microsoft.Graph/applications": "azuread_application",
    "Microsoft.ManagedIdentity/userAssignedIdentities": "azurerm_user_assigned_identity",
    "Microsoft.Authorization/roleAssignments": "azurerm_role_assignment",
    "Microsoft.Authorization/roleDefinitions": "azurerm_role_definition",
    "Microsoft.Authorization/policyDefinitions": "azurerm_policy_definition",
    "Microsoft.Purview/accounts": "azurerm_purview_account",
    "Microsoft.RecoveryServices/vaults": "azurerm_recovery_services_vault",
    "Microsoft.Automation/automationAccounts": "azurerm_automation_account",
}


@pytest.mark.parametrize(("arm", "terraform"), WANTED.items(), ids=list(WANTED))
def test_both_names_of_a_service_lead_to_one_entry(
    mapping: EstateMapping, arm: str, terraform: str
) -> None:
    by_arm = mapping.find(arm.lower(), None, {})
    by_terraform = mapping.find(terraform, terraform, {})
    assert by_arm is not None
    assert by_arm is by_terraform


def test_a_function_app_is_told_by_its_kind_or_its_terraform_name(mapping: EstateMapping) -> None:
    by_kind = mapping.find("microsoft.web/sites", None, {"kind": "functionapp,linux"})
    by_name = mapping.find("microsoft.web/sites", "azurerm_linux_function_app", {})
    assert by_kind is by_name
    assert by_kind is not None
    assert by_kind.key == "function-app"


def test_entries_agree_with_themselves(mapping: EstateMapping) -> None:
    assert len({entry.key for entry in mapping.entries}) == len(mapping.entries)
    for entry in mapping.entries:
        assert entry.arm or entry.terraform, entry.key
        assert Target.UNKNOWN not in (entry.target,), entry.key
        assert Work.UNKNOWN not in (entry.work,), entry.key
        if entry.work is Work.DROP:
            # What is left behind holds nothing that anybody would miss.
            assert entry.holds in (Holds.NONE, Holds.COPY, Holds.LOG), entry.key
            assert entry.blocker is None, entry.key
        if entry.holds is Holds.DURABLE:
            assert entry.target is not Target.NONE, entry.key


def test_roles_are_named_by_identifier() -> None:
    assert load_roles()["acdd72a7-3385-48ef-bd42-f606fba81ae7"] == "Reader"


def _edit(folder: Path, change: Any) -> Path:
    entry = {
        "key": "k",
        "name": {"en": "n", "fr": "n"},
        "arm": ["A.B/c"],
        "terraform": ["azurerm_c"],
        "target": "vm",
        "work": "move",
        "holds": "none",
        "evidence": {"en": "e", "fr": "e"},
        "alternatives": [],
    }
    data = {
        "format": "bercail-estate-mapping/1",
        "family": "f",
        "title": {"en": "t", "fr": "t"},
        "entries": [entry],
    }
    change(data, entry)
    (folder / "f.json").write_text(json.dumps(data), encoding="utf-8")
    return folder


def test_a_mapping_of_ones_own_takes_the_place_of_ours(tmp_path: Path) -> None:
    known = load_mapping(_edit(tmp_path, lambda data, entry: None))
    assert [entry.key for entry in known.entries] == ["k"]
    assert known.find("a.b/c", None, {}) is known.entries[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda data, entry: data.update(format="other/1"),
        lambda data, entry: entry.pop("evidence"),
        lambda data, entry: entry.update(evidence={"en": "only"}),
        lambda data, entry: entry.update(target="moon"),
        lambda data, entry: entry.update(when={"kind": "x"}),
        lambda data, entry: data["entries"].append({**entry, "key": "again"}),
        lambda data, entry: entry.update(size=[{"path": "p", "unit": "KB", "basis": "used"}]),
    ],
)
def test_a_mapping_that_is_not_well_formed_is_refused(tmp_path: Path, change: Any) -> None:
    with pytest.raises(Invalid, match="is not well formed"):
        load_mapping(_edit(tmp_path, change))


def test_the_reference_page_says_what_the_mapping_says() -> None:
    path = ROOT / "scripts" / "write_estate_mapping.py"
    spec = importlib.util.spec_from_file_location("write_estate_mapping", path)
    assert spec is not None
    assert spec.loader is not None
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    page = ROOT / "docs" / "reference" / "estate-mapping.md"
    assert page.read_text(encoding="utf-8") == writer.mapping_page(), f"run `python {path.name}`"
