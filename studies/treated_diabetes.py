"""Persons treated for diabetes in one year, by age and sex.

The French health insurance counts as treated whoever received an antidiabetic drug
(ATC A10) on at least three dates of the year, or two if one pack was large.
"""

from bercail.cohorts import Cohort, dispensings, persons

YEAR = 2024
LAST_DAY = f"{YEAR}-12-31"

antidiabetics = (
    dispensings.clean("dcir-base-acts", "dcir-not-for-information", "dcir-net-lines")
    .where(dispensings.atc.starts_with("A10"))
    .during(YEAR)
)
dates = antidiabetics.count_dates()
large_pack = antidiabetics.where(dispensings.large_pack).exists()

study = Cohort(
    name="treated-diabetes",
    title=f"Persons treated for diabetes in {YEAR}",
    person_rules=["person-known-sex", "person-known-birth-year"],
    population=(dates >= 3) | ((dates >= 2) & large_pack),
    label="Antidiabetics on at least three dates, or two with a large pack",
    exclude={f"died by {LAST_DAY}": persons.dead_on(LAST_DAY)},
    index_date=antidiabetics.first().date,
    attributes={
        "age_group": persons.age_on(LAST_DAY).groups_of(10, up_to=90),
        "sex": persons.sex,
    },
    tables={"Treated diabetes by age group and sex": ["age_group", "sex"]},
)
