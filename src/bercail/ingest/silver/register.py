"""The register as studies see it: one row for each person of the view of persons.

What a column says is the expression by which the cohort language reads IR_BEN_R. It stands in the
definition, so its version tells of it, and a table that was made by another one is made anew.
"""

from __future__ import annotations

from sqlglot import ErrorLevel, exp

from bercail.cohorts.silver_views import SILVER_REGISTER
from bercail.cohorts.sql.register import person_value
from bercail.cohorts.views import PERSONS, VIEWS
from bercail.ingest.silver.branches import alone
from bercail.ingest.silver.definition import Concept, Field, Output, text_column

_WORDS = {
    "birth_year": "year of birth, where all lines agree",
    "sex": "`male` or `female`, where all lines agree",
    "death_date": "day of death, the latest of all lines",
    "department": "département of the line that was updated last",
    "real_identifier": "whether a line has an identifier that is not fictitious (BEN_CDI_NIR)",
}
# What tells two lines of a person apart, save for pseudonyms: these turn, names of lines stay.
_KEY = (
    "BEN_RNG_GEM",
    "BEN_CDI_NIR",
    "BEN_NAI_ANN",
    "BEN_SEX_COD",
    "BEN_DCD_DTE",
    "BEN_RES_DPT",
    "BEN_DTE_MAJ",
)


def _over_lines(name: str) -> str:
    """The expression of a column, with the columns of IR_BEN_R as definitions write them."""

    def braced(node: exp.Expr) -> exp.Expr:
        return exp.var(f"{{t.{node.name}}}") if isinstance(node, exp.Column) else node

    made = person_value(name).copy().transform(braced)
    return made.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE)


def _fields() -> dict[str, Field]:
    found = {"identity": Field(source="t.BEN_IDT_ANO", sql="l.name")}
    for name in SILVER_REGISTER.columns:
        _, source = VIEWS[PERSONS].columns[name].inputs[0]
        found[name] = Field(source=f"t.{source}", sql=_over_lines(name), add="made")
    return found


REGISTER = Concept(
    name="register",
    en="the register of beneficiaries as studies see it, one row for each person",
    columns=(
        text_column(
            "identity",
            "who the person is; empty for who has several. Without a number `person` is 0",
        ),
        *(
            Output(name=name, kind=VIEWS[PERSONS].columns[name].kind, en=_WORDS[name])
            for name in SILVER_REGISTER.columns
        ),
    ),
    branches=(alone("register", "IR_BEN_R", "register", "BEN_IDT_ANO", _KEY, _fields(), net=True),),
)
