"""What every cohort engine must do, as tests; subclass `EngineContract` for a new engine."""

from __future__ import annotations

import pytest

from bercail.cohorts import Cohort, Model, Sources, dispensings, persons
from bercail.cohorts.engine import Engine
from bercail.foundation import Invalid
from bercail.testing.small_snds import METFORMIN, STATIN, SmallSnds


class EngineContract:
    """Give `engine`; the tests come with the class."""

    def engine(self, sources: Sources) -> Engine:  # noqa: ARG002 - a subclass uses it
        """The engine under test, over `sources`."""
        raise TypeError(f"`{type(self).__name__}` gives no engine")

    def test_persons_come_sorted_with_their_attributes(self) -> None:
        """The persons table is sorted and holds the attributes."""
        result = self.engine(_small().sources()).run(_metformin())
        assert result.persons.to_pylist() == [
            {"person": "a", "sex": "female"},
            {"person": "b", "sex": "male"},
        ]

    def test_the_flowchart_counts_who_is_left_after_each_step(self) -> None:
        """All persons, then what each step leaves."""
        result = self.engine(_small().sources()).run(_metformin())
        assert [step.persons for step in result.flowchart] == [4, 3, 2]

    def test_every_combination_of_categories_has_a_cell(self) -> None:
        """A table covers its categories."""
        (table,) = self.engine(_small().sources()).run(_metformin()).tables
        assert dict(table.cells) == {("female",): 1, ("male",): 1}

    def test_a_run_may_be_repeated(self) -> None:
        """The same engine gives the same result again."""
        engine = self.engine(_small().sources())
        first, second = engine.run(_metformin()), engine.run(_metformin())
        assert first.as_dict() == second.as_dict()
        assert first.persons.equals(second.persons)

    def test_lake_and_project_names_give_the_same(self) -> None:
        """The naming of the sources does not change the result."""
        lake = self.engine(_small().sources("lake")).run(_metformin())
        project = self.engine(_small().sources("project")).run(_metformin())
        assert lake.persons.equals(project.persons)

    def test_an_empty_cohort_has_its_columns(self) -> None:
        """No rows at all is a result, not an error."""
        result = self.engine(SmallSnds().sources()).run(_metformin())
        assert result.persons.column_names == ["person", "sex"]
        assert result.persons.num_rows == 0
        assert [step.persons for step in result.flowchart] == [0, 0, 0]

    def test_a_missing_table_is_named_with_the_permit(self) -> None:
        """A table that the extract lacks is `Invalid`."""
        tables = {k: v for k, v in _small().tables().items() if k != "ER_PHA_F"}
        engine = self.engine(Sources(tables=tables, permit="permit-1"))
        with pytest.raises(Invalid, match=r"`ER_PHA_F`.*permit `permit-1`"):
            engine.run(_metformin())

    def test_a_missing_column_is_named_as_the_extract_calls_it(self) -> None:
        """A column that the extract lacks is `Invalid`."""
        tables = _small().tables("project")
        tables["IR_BEN_R"] = tables["IR_BEN_R"].drop_columns(["NUM_ENQ_IDT"])
        engine = self.engine(Sources(tables=tables, naming="project", permit="permit-1"))
        with pytest.raises(Invalid, match=r"`NUM_ENQ_IDT` of `IR_BEN_R`.*permit `permit-1`"):
            engine.run(_metformin())


def _small() -> SmallSnds:
    data = SmallSnds()
    for person, sex in (("b", 1), ("a", 2), ("c", 2), ("d", 2)):
        data.person(person, sex=sex)
    for person in "abc":
        data.dispensing(person, "2024-03-01", METFORMIN)
    data.dispensing("d", "2024-03-01", STATIN)
    data.dispensing("c", "2024-04-01", STATIN)
    return data


def _metformin() -> Model:
    statins = dispensings.where(dispensings.atc.starts_with("C10"))
    return Cohort(
        name="metformin",
        title="Metformin without a statin",
        population=dispensings.where(dispensings.cip13.is_in([str(METFORMIN)])).exists(),
        exclude={"statin": statins.exists()},
        attributes={"sex": persons.sex},
        tables={"By sex": ["sex"]},
    ).model
