"""What befalls a person beside care: long-term illnesses, deaths, places of residence.

Sources: the public documentation of the SNDS (IR_IMB_R, causes of death, BEN_RES_DPT); L'essentiel
du SNDS (CNAM, 2020). SNDS names are never translated.
"""

from __future__ import annotations

from bercail.cohorts.views import Kind
from bercail.ingest.silver.branches import SECTORS, alone, care, sector, stay
from bercail.ingest.silver.definition import Concept, Field, Output, text_column

ILLNESSES = Concept(
    name="long_term_illnesses",
    en="long-term illnesses (ALD), one row for each period that was granted",
    columns=(
        Output(name="date", kind=Kind.DATE, en="first day"),
        Output(name="end", kind=Kind.DATE, en="last day; unknown where 1600 stands"),
        text_column("icd10", "ICD-10 code"),
    ),
    branches=(
        alone(
            "ald",
            "IR_IMB_R",
            "rank",
            "BEN_NIR_PSA",
            ("IMB_ALD_DTD", "IMB_ALD_DTF", "MED_MTF_COD", "IMB_ETM_NAT"),
            {
                "date": Field(source="t.IMB_ALD_DTD"),
                "end": Field(source="t.IMB_ALD_DTF"),
                "icd10": Field(source="t.MED_MTF_COD"),
            },
            rules=("ald-only",),
        ),
    ),
)

_KNOWN_DEATH = ("{t.BEN_DCD_DTE} IS NOT NULL",)
DEATHS = Concept(
    name="deaths",
    en="deaths, one row for each source that tells of one; `origin` names it",
    columns=(
        Output(name="date", kind=Kind.DATE, en="day of death; the latest that the source gives"),
        text_column("cause", "underlying cause (ICD-10), where a certificate was matched"),
    ),
    branches=(
        *(
            alone(
                name,
                table,
                "identity",
                "BEN_IDT_ANO",
                ("BEN_DCD_DTE",),
                {"date": Field(source="t.BEN_DCD_DTE", add="latest")},
                where=_KNOWN_DEATH,
                net=True,
            )
            for name, table in (("register", "IR_BEN_R"), ("archived-register", "IR_BEN_R_ARC"))
        ),
        alone(
            "certificate",
            "KI_CCI_R",
            "identity",
            "BEN_IDT_ANO",
            ("BEN_DCD_DTE", "DCD_CIM_COD"),
            {
                "date": Field(source="t.BEN_DCD_DTE"),
                "cause": Field(source="t.DCD_CIM_COD"),
            },
            where=_KNOWN_DEATH,
        ),
        stay("stay", {"date": Field(source="c.EXE_SOI_DTF")}, where=("{b.SOR_MOD} = '9'",)),
        *(
            sector(
                f"{one.name}-stay",
                one,
                {"date": Field(source="c.EXE_SOI_DTF")},
                where=("{b.SOR_MOD} = '9'",),
            )
            for one in SECTORS
        ),
    ),
)

RESIDENCE = Concept(
    name="residence",
    en="residence over time, as the lines of care tell it: one row for each stretch",
    columns=(
        Output(name="date", kind=Kind.DATE, en="first care of the stretch"),
        Output(name="end", kind=Kind.DATE, en="last care of the stretch"),
        text_column("department", "BEN_RES_DPT; a commune means nothing without it"),
        text_column("commune", "BEN_RES_COM, three characters"),
    ),
    branches=(
        care(
            "care",
            {
                "department": Field(source="s.BEN_RES_DPT"),
                "commune": Field(source="s.BEN_RES_COM"),
            },
            rules=("dcir-real-identifiers",),
            where=("{s.EXE_SOI_DTD} IS NOT NULL", "{s.BEN_RES_DPT} IS NOT NULL"),
            positive=(),
            periods=True,
        ),
    ),
)
