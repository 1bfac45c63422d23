"""Another platform's airlock requests: history, once, never a decision of ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bercail.airlock.events import PROJECT_EVENTS, REQUEST_EVENTS
from bercail.airlock.history import HistoryService, ImportReport
from bercail.airlock.history.events import HISTORY_EVENTS, HistoricalReviewRecorded
from bercail.foundation import Actor, Invalid, Refused, Role, Unproven
from bercail.testing.ledger_desk import Desk

OPERATOR = Actor(id="operator-1", roles=[Role.OPERATOR])
REQUEST = "aaaaaaaa-0000-4000-8000-00000000000{}"
AUTHOR, REVIEWER = (f"bbbbbbbb-0000-4000-8000-00000000000{n}" for n in (1, 2))
NAME, MAIL, WORDS = "Marie Planted", "marie@hospital.example", "planted explanation, patient 7"
Import = Callable[..., ImportReport]


def person(own: str) -> dict[str, Any]:
    return {"id": own, "name": NAME, "email": MAIL, "roles": ["WorkspaceOwner"]}


def document(number: int = 1, reviewer: str = REVIEWER, **changes: Any) -> dict[str, Any]:
    chain = ["draft", "submitted", "in_review", "approval_in_progress"]
    history = [
        {
            "resourceVersion": version,
            "updatedWhen": 1_700_000_000.25 + version,
            "updatedBy": person(reviewer if version > 2 else AUTHOR),
            "properties": {"previousStatus": status},
        }
        for version, status in enumerate(chain)
    ]
    told = {
        "id": REQUEST.format(number),
        "resourceVersion": 4,
        "createdBy": person(AUTHOR),
        "createdWhen": 1_700_000_000.25,
        "updatedBy": {},
        "updatedWhen": 1_700_000_009,
        "history": history,
        "workspaceId": "cccccccc-0000-4000-8000-000000000001",
        "type": "export",
        "files": [{"name": "planted-file.csv", "size": 1024.0}],
        "title": "planted title",
        "businessJustification": WORDS,
        "status": "approved",
        "reviews": [
            {
                "id": "dddddddd-0000-4000-8000-000000000001",
                "reviewer": person(reviewer),
                "dateCreated": 1_700_000_008.5,
                "reviewDecision": "approved",
                "decisionExplanation": WORDS,
            }
        ],
        "_etag": "changes-with-each-export",
        "_ts": 1_700_000_010,
    }
    return told | changes


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def take(desk: Desk, tmp_path: Path) -> Import:
    def run(content: Any, actor: Actor = OPERATOR) -> ImportReport:
        path = tmp_path / "requests.json"
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8")
        return HistoryService(desk.ledger).import_azuretre(path, actor)

    return run


def stored(desk: Desk) -> str:
    return "".join(str(record.as_dict()) for record in desk.journal.read_all())


def test_a_document_becomes_its_history_with_times_as_claimed(desk: Desk, take: Import) -> None:
    report = take([document()])
    assert (report.documents, report.recorded, report.not_taken) == (1, 1, ())
    stream = f"history/azuretre/{REQUEST.format(1)}"
    records = desk.journal.read(stream)
    assert [record.kind for record in records] == [
        "HistoricalRequestRecorded",
        *["HistoricalStatusRecorded"] * 5,
        "HistoricalReviewRecorded",
    ]
    opening, first, *_, last, review = (dict(record.body) for record in records)
    assert opening["origin"] == "AzureTRE"
    assert (opening["author"], opening["files"], opening["bytes"]) == (AUTHOR, 1, 1024)
    assert opening["created_claimed"] == "2023-11-14T22:13:20.250000Z"
    assert (first["status"], first["by"]) == ("draft", AUTHOR)
    assert (last["status"], last["by"]) == ("approved", "unknown")
    assert (review["decision"], review["by_author"]) == ("approved", False)
    # Claimed times are data; the journal's own time is when it was imported.
    assert {record.at[:4] for record in records} == {"2026"}
    assert {record.actor for record in records} == {"operator-1"}


def test_staff_are_ids_and_free_text_stays_outside(desk: Desk, take: Import) -> None:
    take([document(), document(2, createdBy={"id": MAIL})])
    text = stored(desk)
    for planted in (NAME, MAIL, WORDS, "planted", "WorkspaceOwner"):
        assert planted not in text
    assert REVIEWER in text


def test_again_changes_nothing_also_when_the_database_stamps_anew(desk: Desk, take: Import) -> None:
    take([document()])
    before = desk.journal.last()
    report = take([document(_etag="other", _ts=1)])
    assert (report.recorded, report.unchanged) == (0, 1)
    assert desk.journal.last() == before


def test_a_later_state_adds_what_is_new_and_an_earlier_one_contradicts(
    desk: Desk, take: Import
) -> None:
    early = document()
    item = {
        "resourceVersion": 4,
        "updatedWhen": 1_700_000_009,
        "updatedBy": {},
        "properties": {"previousStatus": "approved"},
    }
    late = document(
        history=[*early["history"], item],
        status="revoked",
        resourceVersion=5,
        updatedWhen=1_700_000_020,
    )
    take([early])
    assert take([late]).extended == 1
    assert take([late]).unchanged == 1
    kinds = [r.kind for r in desk.journal.read(f"history/azuretre/{REQUEST.format(1)}")]
    assert kinds[-2:] == ["HistoricalDocumentSeen", "HistoricalStatusRecorded"]
    before = desk.journal.last()
    forged = document(reviews=[])
    report = take([forged])
    assert [(one.position, one.reason) for one in report.not_taken] == [
        (0, "it contradicts what was imported before")
    ]
    assert desk.journal.last() == before


def test_history_is_never_a_request_of_ours(desk: Desk, take: Import) -> None:
    take([document()])
    ours = {kind.__name__ for kind in (*REQUEST_EVENTS, *PROJECT_EVENTS)}
    assert not ours & {kind.__name__ for kind in HISTORY_EVENTS}
    assert desk.journal.streams("airlock") == ()
    (stream,) = desk.journal.streams("history/azuretre/")
    with pytest.raises(Unproven, match="unknown here"):
        desk.ledger.load(stream, REQUEST_EVENTS)


def test_an_author_who_reviewed_and_a_step_that_was_not_allowed_are_listed(
    desk: Desk, take: Import
) -> None:
    jumped = document(2, history=[], resourceVersion=0, status="approved", reviews=None)
    jumped["history"] = [
        {
            "resourceVersion": 0,
            "updatedWhen": 1,
            "updatedBy": {},
            "properties": {"previousStatus": "draft"},
        }
    ]
    jumped["resourceVersion"] = 1
    report = take([document(1, reviewer=AUTHOR), jumped])
    assert report.self_reviewed == (REQUEST.format(1),)
    assert report.irregular == (REQUEST.format(2),)
    events = desk.ledger.load(f"history/azuretre/{REQUEST.format(1)}", HISTORY_EVENTS)[1]
    assert [e.by_author for e in events if isinstance(e, HistoricalReviewRecorded)] == [True]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": "no-guid planted"}, "`id` is no identifier"),
        ({"workspaceId": None}, "`workspaceId` is no identifier"),
        ({"status": "planted"}, "the status of `document` is none of AzureTRE"),
        ({"type": "planted"}, "`type` is none of export, import"),
        ({"createdWhen": "planted"}, "`createdWhen` is no number"),
        ({"createdWhen": -5}, "`createdWhen` is no time"),
        ({"updatedWhen": 1e300}, "`document.updatedWhen` is no time"),
        ({"updatedWhen": float("nan")}, "`document.updatedWhen` is no time"),
        ({"files": [{"size": "x"}]}, "`files.size` is no number"),
        ({"files": [{"size": -1}]}, "`files.size` is no number of bytes"),
        ({"files": "x"}, "`files` is no list"),
        ({"reviews": [7]}, "a review is no object"),
        ({"history": [7]}, r"`history[0]` is no object"),
        ({"resourceVersion": 3}, "`resourceVersion` does not grow"),
        ({"resourceVersion": True}, "`document.resourceVersion` is no whole number"),
    ],
)
def test_a_document_that_is_none_is_listed_and_the_others_are_taken(
    desk: Desk, take: Import, change: dict[str, Any], reason: str
) -> None:
    report = take([document(1, **change), document(2)])
    assert report.recorded == 1
    (refused,) = report.not_taken
    assert refused.position == 0
    assert refused.request == (None if "id" in change else REQUEST.format(1))
    assert refused.reason.startswith(reason)
    assert "planted" not in refused.reason
    assert desk.journal.streams() == (f"history/azuretre/{REQUEST.format(2)}",)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda one: one,
        lambda one: {"Documents": [one], "_count": 1},
        lambda one: {"airlockRequests": [{"airlockRequest": one, "allowedUserActions": []}]},
    ],
)
def test_a_page_of_the_database_or_of_the_interface_is_read(take: Import, wrap: Any) -> None:
    assert take(wrap(document())).recorded == 1


def test_older_documents_name_two_members_otherwise(take: Import) -> None:
    old = document()
    old["requestType"] = old.pop("type")
    old["creationTime"] = old.pop("createdWhen")
    assert take([old]).recorded == 1


def test_only_an_operator_imports_and_only_whole_json(
    desk: Desk, take: Import, tmp_path: Path
) -> None:
    with pytest.raises(Refused) as told:
        take([document()], Actor(id="checker", roles=[Role.OUTPUT_CHECKER]))
    assert told.value.rule == "history-import"
    with pytest.raises(Invalid, match=r"not whole JSON: .* line 1"):
        take('[{"id": ')
    with pytest.raises(Invalid, match="holds no list"):
        take("7")
    with pytest.raises(Invalid, match="Cannot read"):
        HistoryService(desk.ledger).import_azuretre(tmp_path / "none", OPERATOR)
    assert desk.journal.last() == 0
