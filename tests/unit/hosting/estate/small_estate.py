"""A made-up estate in the shape of AzureTRE, as the exports a customer would take of it.

Seeded: the same seed gives the same bytes. Every secret that such exports hold is planted here,
so that a test can look for it in whatever is shown.
"""

from __future__ import annotations

import json
import random
import uuid
from pathlib import Path
from typing import Any

SUBSCRIPTION = "0f0e0d0c-1111-4222-8333-444455556666"
TENANT = "99999999-aaaa-4bbb-8ccc-dddddddddddd"
SECRETS = {
    "account_key": "Zm9yZ2VkLWFjY291bnQta2V5LTAxMjM0NTY3ODk=",
    "sas": "sig=Pl4ntedSasS1gnature%3D",
    "password": "Pl4nted-P@ssw0rd-77",
    "connection": "Pl4ntedSharedAccessKeyValue99",
    "secret_value": "planted-vault-secret-value",
    "setting": "planted-app-setting-0xC0FFEE",
    "template_default": "planted-securestring-default",
    "output": "planted-terraform-output",
    "person": "marie.planted@hospital.example",
}
TRE = "tre"


def arm(group: str, kind: str, *names: str) -> str:
    """An identifier of this estate."""
    namespace, *types = kind.split("/")
    steps = "/".join(part for pair in zip(types, names, strict=True) for part in pair)
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/{namespace}/{steps}"


class SmallEstate:
    """Core services and `workspaces` workspaces; about 14 resources each."""

    def __init__(self, seed: int = 1, workspaces: int = 20) -> None:
        self.random = random.Random(seed)
        self.rows: list[dict[str, Any]] = []
        self.workspaces = workspaces
        self._core()
        for number in range(workspaces):
            self._workspace(f"ws{number:03d}")

    def guid(self) -> str:
        """A made-up directory id."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def add(
        self, group: str, kind: str, *names: str, top: dict[str, Any] | None = None, **inner: Any
    ) -> str:
        """One row of Resource Graph; returns its identifier."""
        own = arm(group, kind, *names)
        row = {
            "id": own,
            "name": names[-1],
            "type": kind.lower(),
            "location": "westeurope",
            "subscriptionId": SUBSCRIPTION,
            "tenantId": TENANT,
            "resourceGroup": group,
            "tags": {"tre_id": TRE},
            "properties": inner,
        }
        self.rows.append({**row, **(top or {})})
        return own

    def _core(self) -> None:
        group = f"rg-{TRE}"
        nsg = self.add(group, "Microsoft.Network/networkSecurityGroups", "nsg-default")
        self.net = arm(group, "Microsoft.Network/virtualNetworks", f"vnet-{TRE}")
        subnet = f"{self.net}/subnets/WebAppSubnet"
        table = self.add(group, "Microsoft.Network/routeTables", "rt-tre")
        self.add(
            group,
            "Microsoft.Network/virtualNetworks",
            f"vnet-{TRE}",
            subnets=[
                {
                    "id": subnet,
                    "properties": {
                        "networkSecurityGroup": {"id": nsg},
                        "routeTable": {"id": table},
                        # Who uses the subnet is listed in it: a pointer backwards.
                        "ipConfigurations": [
                            {"id": arm(group, "Microsoft.Network/networkInterfaces", "nic-rp")}
                        ],
                    },
                }
            ],
        )
        self.vault = self.add(
            group,
            "Microsoft.KeyVault/vaults",
            f"kv-{TRE}",
            vaultUri=f"https://kv-{TRE}.vault.azure.net/",
        )
        self.logs = self.add(group, "Microsoft.OperationalInsights/workspaces", f"log-{TRE}")
        self.add(
            group,
            "Microsoft.Insights/components",
            f"appi-{TRE}",
            WorkspaceResourceId=self.logs,
            InstrumentationKey=SECRETS["account_key"],
        )
        self.cosmos = self.add(
            group,
            "Microsoft.DocumentDB/databaseAccounts",
            f"cosmos-{TRE}",
            top={"kind": "GlobalDocumentDB"},
            documentEndpoint=f"https://cosmos-{TRE}.documents.azure.com:443/",
        )
        self.add(
            group,
            "Microsoft.DocumentDB/databaseAccounts",
            f"cosmos-mongo-{TRE}",
            top={"kind": "MongoDB"},
        )
        self.bus = self.add(group, "Microsoft.ServiceBus/namespaces", f"sb-{TRE}")
        self.acr = self.add(group, "Microsoft.ContainerRegistry/registries", f"acr{TRE}")
        plan = self.add(group, "Microsoft.Web/serverfarms", f"plan-{TRE}")
        self.api = self.add(
            group,
            "Microsoft.Web/sites",
            f"api-{TRE}",
            top={"kind": "app,linux,container"},
            serverFarmId=plan,
            virtualNetworkSubnetId=subnet,
            siteConfig={
                "appSettings": [
                    {"name": "STATE", "value": f"https://cosmos-{TRE}.documents.azure.com:443/"},
                    {
                        "name": "BUS",
                        "value": f"Endpoint=sb://sb-{TRE}.servicebus.windows.net/;SharedAccessKey={SECRETS['connection']}",
                    },
                    {"name": "OTHER", "value": SECRETS["setting"]},
                ]
            },
        )
        self.add(
            group,
            "Microsoft.Web/sites",
            f"func-airlock-{TRE}",
            top={"kind": "functionapp,linux"},
            serverFarmId=plan,
        )
        self.add(group, "Microsoft.Network/azureFirewalls", f"fw-{TRE}", sub={"id": subnet})
        self.add(group, "Microsoft.Network/bastionHosts", f"bas-{TRE}", sub={"id": subnet})
        self.add(group, "Microsoft.Network/applicationGateways", f"agw-{TRE}", sub={"id": subnet})
        self.add(
            group,
            "Microsoft.Compute/virtualMachineScaleSets",
            f"vmss-rp-{TRE}",
            sub={"id": subnet},
            registry=f"https://acr{TRE}.azurecr.io",
        )
        for stage in ("import-ext", "import-app", "export-inp", "export-rej", "blocked"):
            own = self.add(
                group,
                "Microsoft.Storage/storageAccounts",
                f"stal{stage.replace('-', '')}{TRE}",
                top={"kind": "StorageV2", "sku": {"name": "Standard_LRS"}},
                primaryEndpoints={
                    "blob": f"https://stal{stage}.blob.core.windows.net/?{SECRETS['sas']}"
                },
            )
            self.add(group, "Microsoft.EventGrid/systemTopics", f"evgt-{stage}", source=own)
        self.add(group, "Microsoft.RecoveryServices/vaults", f"rsv-{TRE}")
        self.add(group, "Contoso.Quantum/annealers", "annealer-1")

    def _workspace(self, name: str) -> None:
        group = f"rg-{TRE}-{name}"
        nsg = self.add(group, "Microsoft.Network/networkSecurityGroups", f"nsg-{name}")
        net = self.add(
            group,
            "Microsoft.Network/virtualNetworks",
            f"vnet-{name}",
            subnets=[
                {
                    "id": arm(group, "Microsoft.Network/virtualNetworks", f"vnet-{name}")
                    + "/subnets/services",
                    "properties": {"networkSecurityGroup": {"id": nsg}},
                }
            ],
            virtualNetworkPeerings=[{"properties": {"remoteVirtualNetwork": {"id": self.net}}}],
        )
        subnet = f"{net}/subnets/services"
        self.add(group, "Microsoft.KeyVault/vaults", f"kv-{name}")
        store = self.add(
            group,
            "Microsoft.Storage/storageAccounts",
            f"stg{name}",
            top={"kind": "StorageV2"},
            isHnsEnabled=True,
        )
        self.add(
            group,
            "Microsoft.Storage/storageAccounts/fileServices/shares",
            f"stg{name}",
            "default",
            "vm-shared-storage",
            shareUsageBytes=self.random.randrange(1, 5_000) * 1_000_000_000,
            shareQuota=5120,
        )
        for use in ("stor", "kv"):
            self.add(
                group,
                "Microsoft.Network/privateEndpoints",
                f"pe-{use}-{name}",
                subnet={"id": subnet},
                privateLinkServiceConnections=[
                    {"properties": {"privateLinkServiceId": store if use == "stor" else self.vault}}
                ],
            )
        for number in range(2):
            nic = self.add(
                group,
                "Microsoft.Network/networkInterfaces",
                f"nic-{name}-{number}",
                ipConfigurations=[{"properties": {"subnet": {"id": subnet}}}],
                virtualMachine={
                    "id": arm(group, "Microsoft.Compute/virtualMachines", f"vm-{name}-{number}")
                },
            )
            disk = self.add(
                group,
                "Microsoft.Compute/disks",
                f"osdisk-{name}-{number}",
                top={
                    "managedBy": arm(
                        group, "Microsoft.Compute/virtualMachines", f"vm-{name}-{number}"
                    )
                },
                diskSizeGB=128,
            )
            self.add(
                group,
                "Microsoft.Compute/virtualMachines",
                f"vm-{name}-{number}",
                networkProfile={"networkInterfaces": [{"id": nic}]},
                storageProfile={"osDisk": {"managedDisk": {"id": disk}}},
                osProfile={"adminUsername": "adminuser", "adminPassword": SECRETS["password"]},
            )

    def resource_graph(self) -> dict[str, Any]:
        """The answer of Resource Graph, as the command line prints it."""
        return {
            "count": len(self.rows),
            "data": self.rows,
            "skip_token": None,
            "total_records": len(self.rows),
        }

    def terraform_state(self) -> dict[str, Any]:
        """A state that covers part of the core, and holds every sort of secret."""
        group = f"rg-{TRE}"
        account = arm(group, "Microsoft.Storage/storageAccounts", f"stalimportext{TRE}")
        return {
            "version": 4,
            "terraform_version": "1.9.5",
            "serial": 7,
            "lineage": self.guid(),
            "outputs": {"key": {"value": SECRETS["output"], "type": "string", "sensitive": True}},
            "resources": [
                _instance(
                    "azurerm_storage_account",
                    "import_external",
                    {
                        "id": account,
                        "name": f"stalimportext{TRE}",
                        "location": "westeurope",
                        "primary_access_key": SECRETS["account_key"],
                        "primary_connection_string": "AccountKey=" + SECRETS["account_key"],
                        "primary_blob_connection_string": SECRETS["connection"],
                    },
                ),
                _instance(
                    "azurerm_key_vault_secret",
                    "api_secret",
                    {
                        "id": f"https://kv-{TRE}.vault.azure.net/secrets/api/0123",
                        "resource_versionless_id": f"{self.vault}/secrets/api",
                        "key_vault_id": self.vault,
                        "name": "api",
                        "value": SECRETS["secret_value"],
                    },
                    needs=["azurerm_key_vault.kv"],
                ),
                _instance(
                    "azurerm_mysql_flexible_server",
                    "gitea",
                    {
                        "id": arm(group, "Microsoft.DBforMySQL/flexibleServers", "mysql-gitea"),
                        "name": "mysql-gitea",
                        "administrator_password": SECRETS["password"],
                        "storage": [{"size_gb": 20}],
                    },
                    needs=["azurerm_storage_account.import_external"],
                ),
                _instance(
                    "random_password",
                    "mysql",
                    {
                        "id": "none",
                        "result": SECRETS["password"],
                        "bcrypt_hash": SECRETS["setting"],
                    },
                ),
                _instance(
                    "azurerm_linux_web_app",
                    "gitea",
                    {
                        "id": arm(group, "Microsoft.Web/sites", "gitea"),
                        "name": "gitea",
                        "app_settings": {
                            "GITEA_PASSWD": SECRETS["password"],
                            "PLAIN": SECRETS["setting"],
                            "VAULT": f"https://kv-{TRE}.vault.azure.net/secrets/x",
                        },
                    },
                    needs=["module.gitea.azurerm_mysql_flexible_server.gitea"],
                ),
            ],
        }

    def roles(self) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Role assignments as the command line lists them, and a page of directory users."""
        scope = f"/subscriptions/{SUBSCRIPTION}"
        people = [self.guid() for _ in range(6)]
        assignments = [
            _assignment(people[0], "Owner", scope),
            _assignment(people[1], "Owner", scope),
            _assignment(people[2], "Contributor", f"{scope}/resourceGroups/rg-{TRE}"),
            _assignment(people[3], "Reader", f"{scope}/resourceGroups/rg-{TRE}"),
            _assignment(
                self.guid(), "Storage Blob Data Contributor", self.vault, "ServicePrincipal"
            ),
        ]
        users: list[dict[str, Any]] = [
            {
                "id": own,
                "displayName": "Marie Planted",
                "userPrincipalName": SECRETS["person"],
                "mail": SECRETS["person"],
                "userType": "Member",
            }
            for own in people
        ]
        users[1] |= {
            "userType": "Guest",
            "userPrincipalName": "john_vendor.example#EXT#@tenant.example",
            "mail": "john@vendor.example",
        }
        context = "https://graph.microsoft.com/v1.0/$metadata#users(id,displayName)"
        return assignments, {"@odata.context": context, "value": users}

    def write(self, folder: Path) -> list[Path]:
        """Every export as a file."""
        assignments, users = self.roles()
        files = {
            "graph.json": self.resource_graph(),
            "core.tfstate": self.terraform_state(),
            "roles.json": assignments,
            "users.json": users,
        }
        for name, content in files.items():
            (folder / name).write_text(json.dumps(content), encoding="utf-8")
        return [folder / name for name in files]


def _instance(
    kind: str, name: str, attributes: dict[str, Any], needs: list[str] | None = None
) -> dict[str, Any]:
    return {
        "module": "module.gitea" if name == "gitea" else None,
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider": 'provider["registry.terraform.io/hashicorp/azurerm"]',
        "instances": [
            {
                "schema_version": 0,
                "attributes": attributes,
                "sensitive_attributes": [],
                "dependencies": needs or [],
                "private": SECRETS["account_key"],
            }
        ],
    }


def _assignment(principal: str, role: str, scope: str, kind: str = "User") -> dict[str, Any]:
    return {
        "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{principal}",
        "principalId": principal,
        "principalName": SECRETS["person"],
        "principalType": kind,
        "roleDefinitionName": role,
        "roleDefinitionId": f"{scope}/providers/Microsoft.Authorization/roleDefinitions/x",
        "scope": scope,
        "type": "Microsoft.Authorization/roleAssignments",
    }
