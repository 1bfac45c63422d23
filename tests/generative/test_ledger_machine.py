"""A ledger used at random and killed between any two writes: the log never goes back or forks."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bercail.ledger import MerkleTree, SqlJournal
from bercail.ledger.folder import LogFolder
from bercail.ledger.verify_proof import verify_proof
from bercail.testing.fate import Killed
from bercail.testing.ledger_desk import Desk


class LedgerMachine(RuleBasedStateMachine):
    """Appends, publications and kills in any order, against a list of commitments."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.journal = SqlJournal(f"sqlite:///{self.folder}/journal.db")
        self.desk = Desk(self.folder, self.journal)
        self.desk.publish()
        self.kept: list[Path] = []
        self.published = 0
        self.recorded = 0

    def teardown(self) -> None:
        self.journal.close()
        shutil.rmtree(self.folder)

    @rule(count=st.one_of(st.integers(1, 5), st.integers(100, 300)), stream=st.sampled_from("abc"))
    def append(self, count: int, stream: str) -> None:
        self.desk.record(count, stream)
        self.recorded += count

    @rule()
    def publish(self) -> None:
        head = self.desk.publish()
        assert head.size == self.recorded
        self.published = head.size
        kept = self.folder / f"kept-{head.size}"
        shutil.copy(self.desk.log / "checkpoint", kept)
        self.kept.append(kept)

    @rule(writes=st.integers(0, 6), torn=st.booleans())
    def be_killed_while_publishing(self, writes: int, torn: bool) -> None:
        place = LogFolder._place
        left = writes

        def counted(self: LogFolder, path: Path, data: bytes) -> None:
            nonlocal left
            if left == 0:
                if torn:
                    (self._root / ".incoming" / "file").write_bytes(data[: len(data) // 2])
                raise Killed
            left -= 1
            place(self, path, data)

        LogFolder._place = counted  # type: ignore[method-assign]
        try:
            self.published = self.desk.publish().size
        except Killed:
            pass
        finally:
            LogFolder._place = place  # type: ignore[method-assign]

    @rule()
    def open_again(self) -> None:
        self.journal.close()

    @precondition(lambda self: self.published > 0)
    @rule(data=st.data())
    def prove(self, data: st.DataObject) -> None:
        position = data.draw(st.integers(1, self.published))
        proof = self.folder / "proof"
        self.desk.ledger.prove(position, proof)
        assert verify_proof(proof, self.desk.keys)["position"] == position

    @invariant()
    def the_second_reader_accepts(self) -> None:
        export = self.desk.exported()
        report = self.desk.ledger.verify(keys=self.desk.keys, export=export, earlier=self.kept[-3:])
        assert report["events"] == report["size"] == self.published
        assert report["unpublished"] == self.recorded - self.published
        tree = MerkleTree(event.commitment() for event in self.journal.read_all())
        assert report["root"] == tree.root(self.published).hex()


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)
