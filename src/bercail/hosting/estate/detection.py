"""Which kind of export a file is: told by its content, never by its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve

from bercail.foundation import Invalid
from bercail.hosting.estate.arm_ids import clean
from bercail.hosting.estate.arm_template import read_template
from bercail.hosting.estate.mapping import EstateMapping
from bercail.hosting.estate.reading import read_json
from bercail.hosting.estate.resource import Export
from bercail.hosting.estate.rows import read_rows, table_rows
from bercail.hosting.estate.streaming import Outline, outline_of
from bercail.hosting.estate.terraform import read_shown, read_state

_SCHEMA = re.compile(r"(\w*)DeploymentTemplate(\.json)?#?$", re.I)
WANTED = (
    "Give Azure Resource Graph JSON, `az resource list`, `az role assignment list`, Microsoft "
    "Graph users, groups or applications, an ARM template, a Terraform state or "
    "`terraform show -json`."
)


LARGE = 16 << 20
"""Bytes of a file that is streamed where it is one long list."""


def read_export(path: Path, mapping: EstateMapping) -> Export:
    """The export in `path`; a large one is streamed where it is one long list.

    Raises:
        Invalid: the file cannot be read, is no whole JSON, or is no export of a known kind.
    """
    label = path.name
    if path.is_file() and path.stat().st_size > LARGE:
        streamed = _read_streamed(outline_of(path), label, mapping)
        if streamed is not None:
            return streamed
    data = read_json(path)
    if isinstance(data, list):
        return read_rows(data, label, mapping, None)
    if isinstance(data, Mapping):
        return _read_object(data, label, mapping)
    raise Invalid(f"`{label}` holds no object and no list.", remedy=WANTED)


def _read_streamed(outline: Outline, label: str, mapping: EstateMapping) -> Export | None:
    """The export by its rows, or None for a kind that is looked at as a whole.

    Those are ARM templates, which the service bounds at 4 MB, `terraform show`, whose modules
    stand in each other, and answers of Resource Graph in the form of a table.
    """
    if None in outline.rows:
        return read_rows(outline.rows[None], label, mapping, None)
    data = outline.plain
    if _SCHEMA.search(str(data.get("$schema", "")).rstrip()) or "template" in outline.objects:
        return None
    if "resources" in outline.rows and {"terraform_version", "lineage"} & set(data):
        return read_state({**data, "resources": outline.rows["resources"]}, label, mapping)
    if "format_version" in data:
        return None
    if "data" in outline.rows:
        rows = outline.rows["data"]
        return read_rows(rows, label, mapping, _page(data, len(rows)))
    if "value" in outline.rows:
        rows = evolve(outline.rows["value"], change=partial(_typed, data=data))
        return read_rows(rows, label, mapping, _followed(data, len(rows)))
    return None


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
        return read_rows(rows, label, mapping, _page(data, len(rows)))
    if isinstance(data.get("value"), list):
        rows = [_typed(row, data) for row in data["value"]]
        return read_rows(rows, label, mapping, _followed(data, len(rows)))
    if str(data.get("$schema", "")).lower().endswith("deploymentparameters.json#"):
        raise Invalid(f"`{label}` holds parameters of a template, no resources.", remedy=WANTED)
    names = ", ".join(f"`{clean(name)[:40]}`" for name in list(data)[:6]) or "none"
    raise Invalid(
        f"`{label}` is no export of a known kind; its members are {names}.", remedy=WANTED
    )


def _is_template(data: Mapping[str, Any]) -> bool:
    return bool(_SCHEMA.search(str(data.get("$schema", "")).rstrip())) and "resources" in data


def _followed(data: Mapping[str, Any], here: int) -> tuple[int, int] | None:
    """The same of a page of Microsoft Graph, which never says how many rows there are."""
    more = "@odata.nextLink" in data or data.get("nextLink")
    return (here, here + 1) if more else None


def _page(data: Mapping[str, Any], here: int) -> tuple[int, int] | None:
    """Rows here and in all; a page that has a successor says so even without numbers."""
    low = {key.lower().replace("_", "").strip("$"): value for key, value in data.items()}
    total = low.get("totalrecords")
    more = low.get("skiptoken") is not None or str(low.get("resulttruncated")).lower() == "true"
    if isinstance(total, int) and not isinstance(total, bool):
        return here, total
    return (here, here + 1) if more else None


def _typed(row: Any, data: Mapping[str, Any]) -> Any:
    """A row of a Microsoft Graph page says its kind once, in the context of the page."""
    context = str(data.get("@odata.context", ""))
    found = re.search(r"#(users|groups|applications|servicePrincipals)\b", context, re.I)
    if found is None or not isinstance(row, Mapping) or "@odata.type" in row:
        return row
    return {**row, "@odata.type": found[1][:-1]}
