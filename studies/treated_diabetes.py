"""Persons treated for diabetes in one year, by age and sex.

The French health insurance counts as treated whoever received an antidiabetic drug
(ATC A10) on at least three dates of the year, or two if one pack was large.
"""

from bercail.cohorts import Cohort, dispensings, example, persons

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

three_dates = [{"date": f"{YEAR}-0{month}-15", "atc": "A10BA02"} for month in (1, 2, 3)]
somebody = {"birth_year": 1950, "sex": "female"}
examples = [
    example(
        "treated on three dates",
        person=somebody,
        dispensings=three_dates,
        expect={"in_cohort": True, "age_group": "70-79", "index_date": f"{YEAR}-01-15"},
    ),
    example(
        "two dates with a small pack",
        person=somebody,
        dispensings=[{**row, "large_pack": False} for row in three_dates[:2]],
        expect={"in_cohort": False},
    ),
    example(
        "two dates with a large pack",
        person=somebody,
        dispensings=[{**row, "large_pack": True} for row in three_dates[:2]],
        expect={"in_cohort": True},
    ),
    example(
        "died in the year",
        person={**somebody, "death_date": f"{YEAR}-06-01"},
        dispensings=three_dates,
        expect={"in_cohort": False},
    ),
    example(
        "one date cancelled",
        person=somebody,
        dispensings=[*three_dates, {**three_dates[2], "quantity": -1}],
        expect={"in_cohort": False},
    ),
]
