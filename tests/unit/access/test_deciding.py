"""What an application must fulfil, and what each decision needs."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from attrs import evolve

from bercail.access.deciding import Decision, completed, decided, filed
from bercail.access.events import ApplicationCompleted, ApplicationFiled, InformationRequested
from bercail.access.permit import PUBLIC_BODY_ONLY, TEXT_ITEMS, Purpose
from bercail.access.rules import Act, Dossier, State, fold
from bercail.foundation import Invalid, Missing, Refused
from bercail.testing.access_desk import application

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
LATEST = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
TOO_LATE = datetime(2026, 12, 1, tzinfo=UTC)


def waiting(**changes) -> Dossier:
    return fold(filed(application(ethics=" ", **changes), "application-1", NOW))


def test_a_whole_application_goes_to_processing():
    (event,) = filed(application(), "application-1", NOW)
    assert isinstance(event, ApplicationFiled)
    assert fold([event]).state is State.PROCESSING


@pytest.mark.parametrize("item", TEXT_ITEMS)
def test_each_item_left_empty_is_asked_for_within_28_days(item):
    _, asked = filed(application(**{item: " \n"}), "application-1", NOW)
    assert asked == InformationRequested(missing=(item,), due=date(2026, 11, 30))


def test_the_items_are_given_until_the_end_of_the_last_day_and_not_after():
    assert completed(waiting(), application(), LATEST) == (
        ApplicationCompleted(content=application()),
    )
    with pytest.raises(Refused, match="2026-11-30") as late:
        completed(waiting(), application(), TOO_LATE)
    assert late.value.rule == "PER-01"


def test_completing_must_complete():
    with pytest.raises(Refused, match="benefit, ethics"):
        completed(waiting(), application(ethics="", benefit=""), NOW)


@pytest.mark.parametrize("change", [{"project": "other"}, {"applicant": "noor"}])
def test_completing_does_not_make_it_another_application(change):
    with pytest.raises(Refused, match="`camille` for the project `diabetes`"):
        completed(waiting(), application(**change), NOW)


@pytest.mark.parametrize("purpose", Purpose)
def test_purposes_a_to_c_are_for_public_bodies(purpose):
    assert filed(application(purpose=purpose, public_body=True), "application-1", NOW)
    if purpose not in PUBLIC_BODY_ONLY:
        assert filed(application(purpose=purpose), "application-1", NOW)
        return
    assert purpose.value in "abc"
    with pytest.raises(Refused) as refused:
        filed(application(purpose=purpose), "application-1", NOW)
    assert refused.value.rule == "PER-02"
    with pytest.raises(Refused) as refused:
        completed(waiting(), application(purpose=purpose), NOW)
    assert refused.value.rule == "PER-02"


@pytest.mark.parametrize(
    ("starts", "ends", "fits"),
    [
        (date(2026, 1, 1), date(2035, 12, 31), True),
        (date(2026, 1, 1), date(2036, 1, 1), False),
        (date(2028, 2, 29), date(2038, 2, 28), True),
        (date(2028, 2, 29), date(2038, 3, 1), False),
    ],
)
def test_a_permit_lasts_ten_years_at_most_counting_its_last_day(starts, ends, fits):
    asked = application(starts=starts, ends=ends)
    if fits:
        assert filed(asked, "application-1", NOW)
        return
    for refuse in (
        lambda: filed(asked, "application-1", NOW),
        lambda: completed(waiting(), asked, NOW),
    ):
        with pytest.raises(Refused) as refused:
            refuse()
        assert refused.value.rule == "PER-05"


def test_an_application_is_not_refused_while_the_applicant_has_time():
    given = Decision(reasons="Incomplete.")
    with pytest.raises(Refused, match="until 2026-11-30"):
        decided(waiting(), Act.REFUSE, given, "permit-1", LATEST)
    refused = decided(waiting(), Act.REFUSE, given, "permit-1", TOO_LATE)
    assert refused.reasons == "Incomplete."


@pytest.mark.parametrize(
    ("act", "given"),
    [
        (Act.GIVE_OPINION, Decision(reasons="r")),
        (Act.GIVE_OPINION, Decision(favourable=False)),
        (Act.AUTHORISE, Decision(reference="n")),
        (Act.AUTHORISE, Decision(authorised=True, reference=" ")),
        (Act.REFUSE, Decision()),
        (Act.REVOKE, Decision(reasons="\n")),
    ],
)
def test_a_decision_says_what_and_why(act, given):
    with pytest.raises(Invalid, match="needs"):
        decided(Dossier(), act, given, "permit-1", NOW)


@pytest.mark.parametrize("act", [Act.FILE, Act.COMPLETE, Act.EXTRACT])
def test_other_acts_are_no_decisions(act):
    with pytest.raises(Invalid, match="is no decision"):
        decided(Dossier(), act, Decision(), "permit-1", NOW)


def test_the_permit_says_what_the_application_asked():
    asked = application()
    dossier = Dossier(state=State.AUTHORISED, application=asked)
    permit = decided(dossier, Act.GRANT, Decision(), "permit-1", NOW).permit
    assert (permit.project, permit.members, permit.scope) == (
        asked.project,
        asked.members,
        asked.scope,
    )
    assert (permit.valid_from, permit.valid_until) == (asked.starts, asked.ends)
    with pytest.raises(Missing):
        decided(evolve(dossier, application=None), Act.GRANT, Decision(), "permit-1", NOW)


@pytest.mark.parametrize(
    ("act", "given"),
    [
        (Act.GIVE_OPINION, Decision(favourable=False, reasons="Unsound.")),
        (Act.AUTHORISE, Decision(authorised=False, reference="DR-1")),
    ],
)
def test_a_no_ends_the_dossier(act, given):
    event = decided(Dossier(application=application()), act, given, "permit-1", NOW)
    assert fold([event]).state is State.REFUSED
