"""Which kind of export a file is: told by its content, never by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bercail.foundation import Invalid
from bercail.hosting.estate.arm_ids import clean
from bercail.hosting.estate.arm_template import read_template
from bercail.hosting.estate.mapping import EstateMapping
from bercail.hosting.estate.reading import read_json
from bercail.hosting.estate.resource import Export
from bercail.hosting.estate.rows import read_rows, table_rows
from bercail.hosting.estate.terraform import read_shown, read_state

_SCHEMA = re.compile(r"(\w*)DeploymentTemplate(\.json)?#?$", re.I)
WANTED = (
    "Give Azure Resource Graph JSON, `az resource list`, `az role assignment list`, Microsoft "
    "Graph users, groups or applications, an ARM template, a Terraform state or "
    "`terraform show -json`."
)


def read_export(path: Path, mapping: EstateMapping) -> Export:
    """The export in `path`.

    Raises:
        Invalid: the file cannot be read, is no whole JSON, or is no export of a known kind.
    """
    data = read_json(path)
    label = path.name
    if isinstance(data, list):
        return read_rows(data, label, mapping, None)
    if isinstance(data, Mapping):
        return _read_object(data, label, mapping)
    raise Invalid(f"`{label}` holds no object and no list.", remedy=WANTED)


def _read_object(data: Mapping[str, Any], label: str, mapping: EstateMapping) -> Export:
    template = data.get("template")
    if isinstance(template, Mapping) and _is_template(template):
        # The form in which the service itself answers an export.
        return read_template(template, label, mapping)
    if _is_template(data):
        return read_template(data, label, mapping)
    if isinstance(data.get("resources"), list) and {"terraform_version", "lineage"} & set(data):
        return read_state(data, label, mapping)
    if "format_version" in data and {"values", "planned_values", "prior_state"} & set(data):
        return read_shown(data, label, mapping)
    rows = data.get("data")
    if isinstance(rows, Mapping) and "columns" in rows:
        rows = table_rows(rows, label)
    if isinstance(rows, list):
        return read_rows(rows, label, mapping, _page(data, rows))
    if isinstance(data.get("value"), list):
        rows = [_typed(row, data) for row in data["value"]]
        more = "@odata.nextLink" in data or data.get("nextLink")
        return read_rows(rows, label, mapping, (len(rows), len(rows) + 1) if more else None)
    if str(data.get("$schema", "")).lower().endswith("deploymentparameters.json#"):
        raise Invalid(f"`{label}` holds parameters of a template, no resources.", remedy=WANTED)
    names = ", ".join(f"`{clean(name)[:40]}`" for name in list(data)[:6]) or "none"
    raise Invalid(
        f"`{label}` is no export of a known kind; its members are {names}.", remedy=WANTED
    )


def _is_template(data: Mapping[str, Any]) -> bool:
    return bool(_SCHEMA.search(str(data.get("$schema", "")).rstrip())) and "resources" in data


def _page(data: Mapping[str, Any], rows: list[Any]) -> tuple[int, int] | None:
    """Rows here and in all; a page that has a successor says so even without numbers."""
    low = {key.lower().replace("_", "").strip("$"): value for key, value in data.items()}
    total = low.get("totalrecords")
    more = low.get("skiptoken") is not None or str(low.get("resulttruncated")).lower() == "true"
    if isinstance(total, int) and not isinstance(total, bool):
        return len(rows), total
    return (len(rows), len(rows) + 1) if more else None


def _typed(row: Any, data: Mapping[str, Any]) -> Any:
    """A row of a Microsoft Graph page says its kind once, in the context of the page."""
    context = str(data.get("@odata.context", ""))
    found = re.search(r"#(users|groups|applications|servicePrincipals)\b", context, re.I)
    if found is None or not isinstance(row, Mapping) or "@odata.type" in row:
        return row
    return {**row, "@odata.type": found[1][:-1]}
