"""Templates: what they say is resolved, what they do not say is told, secrets are not read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bercail.foundation import Invalid
from bercail.hosting.estate import Assessment, Language
from bercail.hosting.estate.arm_expressions import Scope, UnresolvedError, resolve

Judge = Callable[..., Assessment]
SCHEMA = "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
SUB = "/subscriptions/11111111-2222-4333-8444-555555555555"


def template(*resources: Any, **rest: Any) -> dict[str, Any]:
    return {"$schema": SCHEMA, "contentVersion": "1.0.0.0", "resources": list(resources), **rest}


def names(assessment: Assessment) -> list[str]:
    return sorted(one.resource.name for one in assessment.judged)


def notices(assessment: Assessment) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(n.rule, n.place, n.values) for n in assessment.inventory.notices]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("[concat('a', '-', parameters('n'), variables('v'))]", "a-one-two"),
        ("[format('{0}/{1:x}', 'it''s', 3)]", "it's/3"),
        ("[toLower(substring('ABCDEF', 1, 3))]", "bcd"),
        ("[if(equals(parameters('N'), 'ONE'), 'yes', 'no')]", "yes"),
        ("[variables('list')[1].name]", "second"),
        (
            "[resourceId('Microsoft.Sql/servers/databases', 's', 'd')]",
            "/subscriptions/~/resourceGroups/~/providers/Microsoft.Sql/servers/s/databases/d",
        ),
        (
            "[resourceId('sub', 'rg', 'Microsoft.Web/sites', 'w')]",
            "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Web/sites/w",
        ),
        (
            "[subscriptionResourceId('Microsoft.Authorization/roleDefinitions', 'r')]",
            "/subscriptions/~/providers/Microsoft.Authorization/roleDefinitions/r",
        ),
        ("[[not an expression]", "[not an expression]"),
        ("plain", "plain"),
        ("[length(createArray('a', 'b'))]", 2),
        ("[resourceGroup().id]", "/subscriptions/~/resourceGroups/~"),
    ],
)
def test_expressions_that_a_template_settles(expression: str, value: Any) -> None:
    scope = Scope(
        parameters={"n": "one"},
        variables={"v": "[concat('-', 'two')]", "list": [{"name": "first"}, {"name": "second"}]},
    )
    assert resolve(expression, scope) == value


@pytest.mark.parametrize(
    ("expression", "cause", "name"),
    [
        ("[uniqueString(resourceGroup().id)]", "function", "uniqueString"),
        ("[listKeys('x', '2020').keys[0].value]", "function", "listKeys"),
        ("[parameters('absent')]", "parameter", "absent"),
        ("[variables('again')]", "circle", ""),
        ("[concat('a']", "malformed", ""),
        ("[concat('a') 'b']", "malformed", ""),
        ("[$$]", "malformed", ""),
        ("[variables('flat').inner]", "member", ""),
        ("[resourceId('x')]", "arguments", "resourceId"),
        ("[copyIndex()]", "arguments", "copyIndex"),
    ],
)
def test_expressions_that_it_does_not_settle_name_what_is_missing(
    expression: str, cause: str, name: str
) -> None:
    scope = Scope(variables={"again": "[variables('again')]", "flat": "text"})
    with pytest.raises(UnresolvedError) as told:
        resolve(expression, scope)
    assert (told.value.cause, told.value.name) == (cause, name)


def test_an_exported_template_names_dependencies_children_and_copies(judge: Judge) -> None:
    assessment = judge(
        export=template(
            {
                "type": "Microsoft.KeyVault/vaults",
                "name": "[parameters('vaults_kv_name')]",
                "resources": [{"type": "secrets", "name": "[concat('s', '1')]"}],
            },
            {
                "type": "Microsoft.Web/sites",
                "name": "[format('web-{0}', copyIndex(1))]",
                "copy": {"name": "loop", "count": "[length(parameters('regions'))]"},
                "dependsOn": [
                    "[resourceId('Microsoft.KeyVault/vaults', parameters('vaults_kv_name'))]"
                ],
            },
            {
                "type": "Microsoft.Network/bastionHosts",
                "name": "not-wanted",
                "condition": "[equals(1, 2)]",
            },
            parameters={
                "vaults_kv_name": {"defaultValue": "kv-1", "type": "String"},
                "regions": {"defaultValue": ["a", "b"], "type": "Array"},
            },
        )
    )
    assert names(assessment) == ["kv-1", "s1", "web-1", "web-2"]
    by_name = {one.resource.name: one.resource for one in assessment.judged}
    for web in ("web-1", "web-2"):
        assert [(n.to, n.why.value) for n in by_name[web].needs] == [
            (by_name["kv-1"].id, "declared")
        ]
    assert [need.to for need in by_name["s1"].needs] == [by_name["kv-1"].id]
    assert notices(assessment) == []


def test_what_is_not_known_is_told_with_its_place_and_the_resource_stays(judge: Judge) -> None:
    assessment = judge(
        export=template(
            {"type": "Microsoft.Web/sites", "name": "[concat('w', uniqueString('x'))]"},
            {
                "type": "Microsoft.Storage/storageAccounts",
                "name": "known",
                "condition": "[parameters('deploy')]",
                "dependsOn": ["[resourceId('Microsoft.Web/sites', parameters('site'))]"],
            },
            {
                "type": "Microsoft.Compute/disks",
                "name": "d",
                "copy": {"name": "loop", "count": "[parameters('n')]"},
            },
            parameters={"deploy": {"type": "bool"}, "site": {"type": "string"}},
        )
    )
    assert names(assessment) == ["? (resources[0])", "d", "known"]
    assert notices(assessment) == [
        ("condition-unknown", "export.json: resources[1]", ("parameter", "deploy")),
        ("copies-unknown", "export.json: resources[2]", ("parameter", "n")),
        ("dependency-unknown", "export.json: resources[1].dependsOn[0]", ("parameter", "site")),
        ("name-unknown", "export.json: resources[0]", ("function", "uniqueString")),
    ]
    told = assessment.as_dict(Language.FR)["notices"][-1]["text"]
    assert told == "le nom n'est pas connu : `uniqueString` demande le service en marche"


def test_a_template_meets_the_resource_that_another_export_shows(judge: Judge) -> None:
    own = f"{SUB}/resourceGroups/g/providers/Microsoft.KeyVault/vaults/kv"
    declared = template(
        {"type": "Microsoft.KeyVault/vaults", "name": "kv"},
        {
            "type": "Microsoft.Web/sites",
            "name": "w",
            "properties": {"vault": "[reference(resourceId('Microsoft.KeyVault/vaults','kv')).x]"},
        },
    )
    assessment = judge(export=declared, graph=[{"id": own}])
    by_name = {one.resource.name: one.resource for one in assessment.judged}
    assert by_name["kv"].id == own.lower()
    assert by_name["kv"].sources == ("export.json", "graph.json")
    assert [(n.to, n.why.value) for n in by_name["w"].needs] == [(own.lower(), "identifier")]
    # Two vaults of that name: which one is meant cannot be told, so nothing is merged.
    other = own.replace("/g/", "/h/")
    again = judge(export=declared, graph=[{"id": own}, {"id": other}])
    assert len([one for one in again.judged if one.resource.name == "kv"]) == 3


def test_nested_templates_with_both_scopes_and_symbolic_names(judge: Judge) -> None:
    inner = {
        "$schema": SCHEMA,
        "parameters": {"who": {"type": "string"}},
        "resources": [{"type": "Microsoft.Compute/disks", "name": "[parameters('who')]"}],
    }
    deployment = {"type": "Microsoft.Resources/deployments", "name": "nested"}
    assessment = judge(
        export={
            "$schema": SCHEMA,
            "languageVersion": "2.0",
            "parameters": {"who": {"type": "string", "defaultValue": "outer-disk"}},
            "resources": {
                "one": {
                    **deployment,
                    "properties": {
                        "expressionEvaluationOptions": {"scope": "inner"},
                        "parameters": {"who": {"value": "inner-disk"}},
                        "template": inner,
                    },
                },
                "two": {**deployment, "name": "outer", "properties": {"template": inner}},
                "three": {
                    **deployment,
                    "name": "linked",
                    "properties": {"templateLink": {"uri": "https://x/y?sig=planted-sas"}},
                },
                "seen": {"existing": True, "type": "Microsoft.Web/sites", "name": "old"},
                "web": {"type": "Microsoft.Web/sites", "name": "w", "dependsOn": ["two"]},
            },
        }
    )
    assert names(assessment) == ["inner-disk", "linked", "nested", "outer", "outer-disk", "w"]
    web = next(one.resource for one in assessment.judged if one.resource.name == "w")
    assert [need.to.rsplit("/", 1)[-1] for need in web.needs] == ["outer"]
    assert [rule for rule, _, _ in notices(assessment)] == ["template-elsewhere"]
    assert "planted-sas" not in repr(assessment.inventory)


def test_the_default_of_a_secret_parameter_is_not_read(judge: Judge) -> None:
    secret = "planted-securestring-default"
    assessment = judge(
        export=template(
            {
                "type": "Microsoft.Sql/servers",
                "name": "[concat('sql', parameters('adminLogin'))]",
                "properties": {"administratorLoginPassword": "[parameters('pw')]"},
            },
            parameters={
                "adminLogin": {"type": "secureString", "defaultValue": secret},
                "pw": {"type": "securestring", "defaultValue": secret},
            },
        )
    )
    assert secret not in repr(assessment.inventory)
    assert notices(assessment) == [
        ("name-unknown", "export.json: resources[0]", ("parameter", "adminLogin"))
    ]


@pytest.mark.parametrize(
    ("resources", "place"),
    [
        ([{"type": "A.B/c", "name": 3}], r"resources\[0\].name"),
        ([5], r"resources\[0\]"),
        ("text", "resources"),
        ([{"type": "A.B/c", "name": "n", "copy": {"count": 9999}}], r"resources\[0\].copy.count"),
    ],
)
def test_a_malformed_template_is_refused_at_its_place(
    judge: Judge, resources: Any, place: str
) -> None:
    with pytest.raises(Invalid, match=f"`{place}`"):
        judge(export={"$schema": SCHEMA, "resources": resources})
