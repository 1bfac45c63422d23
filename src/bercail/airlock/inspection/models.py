"""Models as outputs: what their structure keeps of the persons they learnt from.

Checked on plain exports only: the form `bercail-model`, PMML, and the JSON of tree libraries.
Sources: TEHDAS2 M7.2, section 5.5.2 (models are outputs); Ritchie et al., "Machine learning models
in trusted research environments" (2023): leaf size, models made of instances, degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bercail.airlock.inspection.documents import walk
from bercail.airlock.inspection.limits import Budget
from bercail.airlock.inspection.lines import scan_text
from bercail.airlock.inspection.markup import local, parse_xml
from bercail.airlock.inspection.remarks import Notes

DEGREES = 10
"""Persons that must remain for each model beyond its parameters (residual degrees of freedom)."""

_STORES = frozenset(
    {"nearestneighbormodel", "traininginstances", "supportvectormachinemodel", "supportvectors",
     "vectordictionary", "gaussianprocessmodel"}
)  # fmt: skip
_STORING_KINDS = ("neighbour", "neighbor", "knn", "kernel", "svm", "support", "gaussian_process")
_STORING_NAMES = frozenset(
    {"support_vectors", "training_rows", "training_data", "x_train", "y_train", "_fit_x",
     "instances"}
)  # fmt: skip
_FORESTS = frozenset({"learner", "tree_info", "trees"})
_ARRAYS = frozenset({"left_children", "right_children", "split_indices", "base_weights"})
_BRANCHES = frozenset(
    {"children", "left", "right", "left_child", "right_child", "yes", "no", "true", "false",
     "then", "else"}
)  # fmt: skip
_TREES = ("tree", "forest", "boost")
_CARD = ("persons", "purpose", "protection")
_COUNTED = ("persons", "n_node_samples", "leaf_count", "recordcount")


def look_at_model(text: str, value: Any, notes: Notes, budget: Budget, threshold: int) -> None:
    """A model in JSON: its card, its leaves, what it stores, its parameters against persons."""
    card = value.get("card") if isinstance(value.get("card"), Mapping) else {}
    persons = card.get("persons")
    known = isinstance(persons, int) and not isinstance(persons, bool) and persons > 0
    if not known or not all(str(card.get(name, "")).strip() for name in _CARD):
        notes.add("model-card")
    model_kind = str(value.get("kind", "")).lower()
    if any(word in model_kind for word in _STORING_KINDS):
        notes.add("model-rows")
    parameters, sized, ends = 0, False, set[int]()
    for path, one in walk(value, budget):
        if isinstance(one, Mapping):
            ends |= {id(below) for below in _below(one)}
            if {str(name).lower() for name in one} & _STORING_NAMES:
                notes.add("model-rows", f"member {path or '/'}")
            sized = _leaf(one, id(one) in ends, path, notes, threshold) or sized
            if _ARRAYS & set(one):
                # Trees written as arrays give weights of leaves, never their persons.
                notes.add("model-leaf-unknown", f"member {path or '/'}")
        elif isinstance(one, float):
            parameters += 1
    if not sized and (_FORESTS & set(value) or any(word in model_kind for word in _TREES)):
        notes.add("model-leaf-unknown")
    declared = value.get("parameters")
    if isinstance(declared, int) and not isinstance(declared, bool):
        parameters = max(parameters, declared)
    _freedom(parameters, persons if known else None, notes)
    # Weights have every digit a float has; identifiers and long runs are searched all the same.
    scan_text(text, notes, numbers=False)
    notes.add("by-eye")


def _below(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The nodes that the branches of `node` lead to."""
    for name, one in node.items():
        if str(name).lower() in _BRANCHES:
            yield from (x for x in (one if isinstance(one, list) else [one]) if _is_node(x))


def _is_node(value: Any) -> bool:
    return isinstance(value, Mapping)


def _leaf(node: Mapping[str, Any], below: bool, path: str, notes: Notes, threshold: int) -> bool:
    """Whether it is a leaf, which is looked at: it says so, or stands `below` and ends a branch."""
    names = {str(name).lower(): one for name, one in node.items() if one is not None}
    leaf = names.get("leaf", False) is not False or "leaf_value" in names or below
    if not leaf or (_BRANCHES | {"split_feature"}) & set(names):
        return False
    _size([names.get(name) for name in _COUNTED], f"member {path}", notes, threshold)
    return True


def _size(said: list[Any], where: str, notes: Notes, threshold: int) -> None:
    counts = [float(one) for one in said if isinstance(one, int | float)]
    if not counts:
        notes.add("model-leaf-unknown", where)
    elif min(counts) < threshold:
        notes.add("model-leaf", where)


def _freedom(parameters: int, persons: int | None, notes: Notes) -> None:
    if persons is not None and persons - parameters < DEGREES:
        notes.add("model-parameters", f"{parameters} parameters")


def look_at_pmml(text: str, notes: Notes, budget: Budget, threshold: int) -> None:
    """A model in PMML; its card stands in `Header/Annotation` as `persons=...; purpose=...`."""
    scan_text(text, notes, numbers=False)
    try:
        root = parse_xml(text, budget)
    except ValueError:
        notes.add("broken")
        return
    parameters = 0
    for number, element in enumerate(root.iter(), start=1):
        name, where = local(element.tag), f"element {number}"
        if name in _STORES:
            notes.add("model-rows", where)
        if name in {"numericpredictor", "categoricalpredictor", "con", "ppcell", "pcell"}:
            parameters += 1
        if name == "node" and not any(local(child.tag) == "node" for child in element):
            _size([_number(element.attrib.get("recordCount"))], where, notes, threshold)
            parameters += 1
        if name == "extension":
            notes.add("metadata", where)
    card = dict(_card(root))
    persons = _number(card.get("persons"))
    if persons is None or not all(card.get(name) for name in _CARD):
        notes.add("model-card")
    _freedom(parameters, int(persons) if persons is not None else None, notes)
    notes.add("by-eye")


def _card(root: Any) -> Iterator[tuple[str, str]]:
    for element in root.iter():
        if local(element.tag) == "annotation":
            for part in "".join(element.itertext()).split(";"):
                name, _, said = part.partition("=")
                yield name.strip().lower(), said.strip()


def _number(text: str | None) -> float | None:
    try:
        found = float(text or "")
    except ValueError:
        return None
    return found if 0 <= found < 1e12 else None
