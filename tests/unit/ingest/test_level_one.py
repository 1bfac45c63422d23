"""BEN_IDT_ANO is derived at the holder's desk, in the register and where there is no register."""

from __future__ import annotations

import pyarrow as pa

from bercail.catalogue import load
from bercail.foundation import Secret
from bercail.ingest.pseudonymise import level_one

SECRET = Secret(b"the holder's own secret, long enough")
OWN, PAID = "1620375056001196203121", "2620375056001196203121"
REGISTRY = load()


def turned(table: str, **columns: list[object]) -> dict[str, list[object]]:
    batch = pa.RecordBatch.from_pydict(
        {
            name: pa.array(values, pa.int64() if name == "BEN_RNG_GEM" else pa.string())
            for name, values in columns.items()
        }
    )
    known = [c for c in REGISTRY.pseudonyms(table) if c.name in columns]
    return level_one(batch, known, SECRET).to_pydict()


def test_the_derived_identity_of_every_kind_of_line() -> None:
    register = turned(
        "IR_BEN_R",
        BEN_NIR_PSA=[PAID, PAID],
        BEN_RNG_GEM=[1, 2],
        BEN_NIR_ANO=[OWN, None],
        BEN_IDT_ANO=[None, None],
    )
    own, paid = register["BEN_NIR_ANO"][0], str(register["BEN_NIR_PSA"][1])
    assert register["BEN_IDT_ANO"] == [own, f"{paid}2"]
    # A death has no BEN_NIR_PSA of its own: linked by the own number, by what is paid, to nobody.
    deaths = turned("KI_CCI_R", BEN_NIR_ANO=[OWN, None, None], BEN_IDT_ANO=[None, f"{PAID}2", None])
    assert deaths["BEN_IDT_ANO"] == [own, f"{paid}2", None]
    assert [len(str(one)) for one in deaths["BEN_IDT_ANO"][:2]] == [17, 18]


def test_no_clear_identity_is_left_in_a_table_that_has_nothing_else() -> None:
    alone = turned("KI_ECD_R", BEN_IDT_ANO=[f"{PAID}1", None])
    assert alone["BEN_IDT_ANO"][1] is None
    assert PAID not in str(alone)
