"""Chapter 5: one person objects, a project applies, and gets exactly what its permit names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from bercail.access.document import read_application
from bercail.demo.folder import write_whole
from bercail.demo.stage import Stage
from bercail.foundation import Missing, Refused
from bercail.ingest.dialect import read_batches, read_header

Report = Callable[[str, int, int], None]
STUDY_YEAR = 2024
APPLICATION = """\
project = "treated-diabetes"
title = "Prevalence of treated diabetes in {year}"
applicant = "camille"
public_body = true
members = ["camille", "noor"]
purpose = "e"
first_year = {year}
last_year = {year}
starts = {starts}
ends = {ends}

[population]
born_until = 2006

[tables.IR_BEN_R]
columns = ["BEN_NIR_PSA", "BEN_RNG_GEM", "BEN_IDT_ANO", "BEN_NAI_ANN", "BEN_SEX_COD",
           "BEN_DCD_DTE", "BEN_RES_DPT"]
potential_identifiers = ["BEN_DCD_DTE"]

[tables.ER_PRS_F]
columns = [{key}, "BEN_NIR_PSA", "BEN_RNG_GEM", "EXE_SOI_DTD", "PRS_ACT_QTE",
           "CPL_MAJ_TOP", "DPN_QLF", "PRS_DPN_QLP"]
potential_identifiers = ["EXE_SOI_DTD"]

[tables.ER_PHA_F]
columns = [{key}, "PHA_ORD_NUM", "PHA_PRS_C13", "PHA_ACT_QSN", "PHA_DEC_TOP", "PHA_DEC_QSU"]

[justifications]
care_date = "The definition counts distinct days of dispensing."
death_date = "Only persons who live through the whole year are counted."

[items]
identity = "A public research team; two named persons."
purpose_explained = "Count the persons treated for diabetes, by age group and sex."
benefit = "Planning of care and prevention; results are published."
why_pseudonymised = "Dispensings of one person must be brought together."
own_datasets = "None."
safeguards = "Work on the platform only; results leave through the airlock."
tools = "Python and DuckDB, two cores."
"""
COMPLETED = 'ethics = "Opinion of the team\'s ethics board, favourable."\n'
COMPLETED += 'opt_out_exception = "None asked for."\n'


def permit(stage: Stage, report: Report) -> dict[str, Any]:
    """From the objection to the extract; each step is taken once, whoever killed the story."""
    objection = _object(stage)
    application = _application(stage)
    permit_id = _decisions(stage, application)
    operator = stage.platform("odile")
    made = operator.access.extract(permit_id, operator.actor, report)
    shown = operator.access.show(application)
    return {
        "application": application,
        "permit": permit_id,
        "valid_until": str(shown["valid_until"]),
        "objection": objection,
        "extract": made.extract,
        "persons": made.persons,
        "rows": dict(made.rows),
        "refused": _stranger(stage, permit_id),
    }


def _object(stage: Stage) -> dict[str, Any]:
    """The first person of the holder's register objects, through the access body."""
    officer = stage.platform("axel")
    person = first_person(stage.level_one)
    return officer.access.objections.register(person, officer.actor).as_dict()


def first_person(level_one: Path) -> str:
    """The level-1 BEN_IDT_ANO of the first person of the holder's register."""
    path = next(iter(sorted(level_one.glob("BEN_*/IR_BEN_R.csv"))), None)
    if path is None:
        raise Missing(f"No IR_BEN_R stands in `{level_one}`.", remedy="Tell the story again.")
    with path.open("rb") as stream:
        header = read_header(stream, path.name)
        batch = next(read_batches(stream, header, lambda _name: pa.string()))
    return str(batch.column("BEN_IDT_ANO")[0].as_py())


def _application(stage: Stage) -> str:
    """File the application, incomplete at first; found again when it was filed already."""
    applicant = stage.platform("camille")
    for stream in applicant.ledger.streams("application/"):
        found = stream.removeprefix("application/")
        _complete(stage, found)
        return found
    now = applicant.clock.now().date()
    key = ", ".join(f'"{name}"' for name in applicant.registry.table("ER_PRS_F").key)
    text = APPLICATION.format(
        year=STUDY_YEAR, starts=now, ends=now.replace(year=now.year + 2, day=1), key=key
    )
    path = _document(stage)
    write_whole(path, text.encode("utf-8"))
    filed = applicant.access.file(read_application(path), applicant.actor)
    _complete(stage, filed)
    return filed


def _complete(stage: Stage, application: str) -> None:
    applicant = stage.platform("camille")
    if applicant.access.show(application)["state"] != "awaiting_additional_information":
        return
    path = _document(stage)
    text = path.read_text(encoding="utf-8")
    if COMPLETED not in text:
        write_whole(path, (text + COMPLETED).encode("utf-8"))
    applicant.access.complete(application, read_application(path), applicant.actor)


def _document(stage: Stage) -> Path:
    return stage.out / "results" / "application.toml"


def _decisions(stage: Stage, application: str) -> str:
    """Opinion, authorisation, permit: each by the person whose act it is."""
    acts: dict[str, tuple[str, str, dict[str, Any]]] = {
        "processing": (
            "cesrees",
            "give_opinion",
            {"favourable": True, "reasons": "The method fits the question."},
        ),
        "opinion_given": ("cnil", "authorise", {"authorised": True, "reference": "DEMO-2026-001"}),
        "authorised": ("axel", "grant", {}),
    }
    access = stage.platform("axel").access
    while (state := access.show(application)["state"]) in acts:
        person, act, given = acts[state]
        platform = stage.platform(person)
        platform.access.decide(application, act, platform.actor, **given)
    return str(access.show(application)["permit"])


def _stranger(stage: Stage, permit_id: str) -> str:
    """Somebody who is not named in the permit tries the door; what they are told."""
    stranger = stage.platform("charles")
    try:
        stranger.access.open_extract(permit_id, stranger.actor)
    except Refused as refusal:
        return refusal.message
    raise Refused("A stranger opened the extract.", remedy="Stop the platform.", rule="IAM-01")
