"""The report: everything from the journal, the same bytes each time, nothing from outside."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from attrs import evolve

from bercail.foundation import Missing, Refused, Unproven
from bercail.hosting import Basis as ProofBasis
from bercail.hosting import Depth
from bercail.hosting.erasure.rules import EvidenceBasis, Subject
from bercail.hosting.events import MIGRATION_EVENTS
from bercail.hosting.naming import NAMES, named
from bercail.hosting.report import ReportDesk
from bercail.hosting.report.facts import DECISIONS, Facts, Verdict
from bercail.hosting.report.glossary import GLOSSARY, VERDICTS
from bercail.hosting.report.page import html
from bercail.hosting.report.sheet import pdf, sheet
from bercail.hosting.report.wording import HEADINGS, LANGUAGES, SENTENCES, number, sentence, size
from bercail.ledger import RecordedEvent
from bercail.storage import Passing
from bercail.testing.moving import Labelled, MovingWorld


class Slow(Passing):
    """A source that takes its time, on the clock of the world."""

    def __init__(self, world: MovingWorld) -> None:
        super().__init__(world.source)
        self._clock = world.clock

    def stream(self, name: str, **options: object):
        self._clock.advance(timedelta(seconds=2))
        return super().stream(name, **options)


@pytest.fixture
def world(tmp_path: Path) -> MovingWorld:
    made = MovingWorld(tmp_path)
    made.fill({"secret-name": b"x" * 3_000_000, "b": b"y" * 1_000_000})
    service = made.service(source=Slow(made), threads=1)
    service.survey()
    service.plan()
    service.copy()
    flipped = max(made.home.list(), key=lambda info: info.size)
    made.home.put(flipped.name, b"wrong")
    with pytest.raises(Unproven):
        service.prove()
    service.copy()
    service.prove()
    service.cut_over()
    service.roll_back(reason="<b>too early</b>")
    return made


def facts(world: MovingWorld) -> Facts:
    return Facts.of("moving", world.journal.read("migration/moving"))


def test_it_tells_what_moved_what_was_proven_and_who_decided(world: MovingWorld) -> None:
    found = facts(world)
    assert (found.carried, found.canonical) == ((2, 4_000_000), "source")
    assert found.exceptions == {"failed_proofs": 1, "unproven_objects": 1, "roll_backs": 1}
    assert [one.kind for one in found.decisions] == ["SourceFrozen", "CutOver", "RolledBack"]
    run = found.runs[0]
    assert (run.objects, run.bytes, run.seconds) == (2, 4_000_000, 4.0)
    assert run.megabytes_per_second == 1.0
    made = found.last("ProofMade")
    assert made is not None
    for language in LANGUAGES:
        page = html(found, language)
        assert made.body["root"] in page
        assert "operator" in page
        assert HEADINGS[language]["decisions"] in page


def test_what_is_carried_with_a_caution_is_an_exception_in_both_languages(tmp_path: Path) -> None:
    world = MovingWorld(tmp_path)
    world.fill({"a": b"a", "b": b"b"})
    extra = {"a": {"blob_type": "BlockBlob", "tier": "Cool"}, "b": {"tier": "Hot"}}
    service = world.service(source=Labelled(world.source, extra))
    service.survey()
    plan = service.plan()
    found = facts(world)
    assert len(plan.cautions) == len(found.exceptions) > 0
    assert found.exceptions["caution_other_tier"] == 1
    for language in LANGUAGES:
        page = unescape(html(found, language))
        for code in ("leased", "locked", "held", "no_details", "no_tags", "other_tier"):
            key = f"caution_{code}"
            assert (HEADINGS[language][key] in page) == (key in found.exceptions)


def test_the_same_journal_gives_the_same_files(world: MovingWorld, tmp_path: Path) -> None:
    desk = ReportDesk(world.ledger)
    first = desk.write("moving", tmp_path / "one")
    second = desk.write("moving", tmp_path / "two")
    digests = [
        {path.name: digest for path, digest in made.files.items()} for made in (first, second)
    ]
    assert digests[0] == digests[1]
    assert sorted(digests[0]) == [
        f"migration-moving.{language}.{kind}"
        for language in ("en", "fr")
        for kind in ("html", "pdf")
    ]
    world.service().survey()
    assert desk.write("moving", tmp_path / "one").files != first.files


def test_the_page_asks_nothing_of_the_network_runs_nothing_and_names_no_object(
    world: MovingWorld,
) -> None:
    for language in LANGUAGES:
        page = html(facts(world), language)
        assert "default-src 'none'" in page
        assert "<script" not in page
        addresses = set(re.findall(r"(?:https?:)?//[^\s\"'<>)]+", page))
        assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
        assert "secret-name" not in page
        assert "<b>too early" not in page
        assert "&lt;b&gt;too early" in page


def test_the_plots_are_drawn_from_the_journal(world: MovingWorld) -> None:
    page = html(facts(world), "en")
    assert page.count("<svg") == 2
    assert HEADINGS["en"]["throughput_axis"] in page


def test_the_pdf_says_its_title_language_date_and_profile(world: MovingWorld) -> None:
    found = facts(world)
    for language in LANGUAGES:
        made = pdf(found, language)
        assert made.startswith(b"%PDF-1.7")
        assert f"/Lang({language})".encode() in made
        title = HEADINGS[language]["title"].format(name="moving")
        assert f"{title}</rdf:li>".encode() in made
        assert found.moments[-1].at[:19].encode() in made
        assert b"<pdfuaid:part>1</pdfuaid:part>" in made
        assert b"<pdfaid:part>2</pdfaid:part>" in made
        assert re.search(rb"/MarkInfo<</Marked true", made)


def test_the_pdf_is_broken_into_pages_and_a_longer_journal_gives_more(world: MovingWorld) -> None:
    found = facts(world)
    short, long = (
        int(re.search(rb"<xmpTPg:NPages>(\d+)<", pdf(one, "fr"))[1])  # type: ignore[index]
        for one in (found, Facts(name="moving", moments=found.moments * 20))
    )
    assert 3 <= short <= 5
    assert long > short + 5


def test_no_word_of_the_journal_is_read_as_markup(world: MovingWorld) -> None:
    """Were the reason read as typst, `#panic()` would stop it and the brackets would not close."""
    reason = '#panic() *early* $x$ [ ] \\ `code " // <label> @who'
    body = {"reason": reason, "written": 0, "changed": 0, "removed": 0, "digest": ""}
    plain, hostile = (
        Facts(name=name, moments=(*facts(world).moments, made))
        for name in ("moving", "#panic() *a* [")
        for made in [evolve(facts(world).moments[-1], body=body)]
    )
    assert sheet(plain, "en")["timeline"][-1][2] == f"rolled back to the source: {reason}"
    assert pdf(plain, "en").startswith(b"%PDF-")
    assert b"Report of the migration \xe2\x80\x9c#panic() *a* [\xe2\x80\x9d" in pdf(hostile, "en")


def test_the_verdict_follows_the_journal(world: MovingWorld) -> None:
    found = facts(world)
    kinds = [moment.kind for moment in found.moments]
    verdicts = [
        Facts(name="moving", moments=found.moments[: end + 1]).verdict for end in range(len(kinds))
    ]
    assert dict(zip(kinds, verdicts, strict=True)) == {
        "SurveyTaken": Verdict.OPEN,
        "PlanMade": Verdict.OPEN,
        "CopyFinished": Verdict.OPEN,
        "ProofFailed": Verdict.UNPROVEN,
        "ProofMade": Verdict.PROVEN,
        "SourceFrozen": Verdict.PROVEN,
        "CutOver": Verdict.HOME,
        "RolledBack": Verdict.RETURNED,
    }
    begun = evolve(found.moments[-1], kind="ErasureBegun")
    erased = evolve(found.moments[-1], kind="SourceErased")
    assert Facts(name="moving", moments=(*found.moments, begun)).verdict is Verdict.ERASING
    assert Facts(name="moving", moments=(*found.moments, begun, erased)).verdict is Verdict.ERASED
    for language in LANGUAGES:
        short, _ = VERDICTS[language][Verdict.RETURNED]
        assert short in html(found, language)
        assert sheet(found, language)["verdict"][0] == short


def test_every_event_has_its_sentence_and_every_heading_its_translation() -> None:
    kinds = {kind.__name__ for kind in MIGRATION_EVENTS}
    for language in LANGUAGES:
        assert set(SENTENCES[language]) == kinds
        assert set(HEADINGS[language]) == set(HEADINGS["en"])
        assert set(VERDICTS[language]) == set(Verdict)
        assert len(GLOSSARY[language]) == len(GLOSSARY["en"])
    assert set(DECISIONS) <= kinds


def test_a_sentence_names_only_what_its_event_has() -> None:
    fields = {
        kind.__name__: {one.name for one in kind.__attrs_attrs__} for kind in MIGRATION_EVENTS
    }
    for sentences in SENTENCES.values():
        for kind, words in sentences.items():
            assert set(re.findall(r"{(\w+)}", words)) <= fields[kind], kind


def test_a_freeze_is_told_with_the_words_of_a_person_or_without() -> None:
    body = {"how": "attestation", "by": "Odile", "statement": "nobody writes"}
    told = "the source is read-only (attested), says Odile: nobody writes"
    assert sentence("en", "SourceFrozen", body) == told
    probed = {"how": "probe-write", "by": "Odile", "statement": ""}
    assert sentence("fr", "SourceFrozen", probed) == (
        "la source est en lecture seule (écriture d'essai refusée), dit Odile"
    )


def test_numbers_are_written_as_the_language_writes_them() -> None:
    assert (number("en", 1234567), number("fr", 1234567)) == (
        "1,234,567",
        "1\u202f234\u202f567",
    )


def test_bytes_are_shown_exactly_and_rounded_for_the_eye() -> None:
    assert size("en", 999) == "999"
    assert size("en", 4_000_000) == "4,000,000 (4.0 MB)"
    assert size("fr", 999_960) == "999\u202f960 (1,0 Mo)"
    assert size("en", 3 * 10**18) == "3,000,000,000,000,000,000 (3000.0 PB)"


def test_a_journal_without_durations_has_no_throughput() -> None:
    body = {"run": 1, "copied": 1, "copied_bytes": 5, "carried": 1, "carried_bytes": 5, "failed": 0}
    record = RecordedEvent(
        position=1,
        stream="migration/old",
        version=1,
        kind="CopyFinished",
        body={**body, "plan": ""},
        actor="op",
        at="2026-11-21T09:00:00.000000Z",
        salt=bytes(16),
    )
    other = RecordedEvent(
        position=2,
        stream="migration/older",
        version=1,
        kind="RolledBack",
        body={"reason": "x"},
        actor="op",
        at="2026-11-21T09:00:00.000000Z",
        salt=bytes(16),
    )
    old = Facts.of("old", [record, other])
    assert len(old.moments) == 1
    assert old.runs[0].megabytes_per_second is None
    page = html(old, "en")
    assert HEADINGS["en"]["no_throughput"] in page
    assert HEADINGS["en"]["no_proof"] in page
    assert HEADINGS["en"]["no_decisions"] in page
    assert pdf(old, "fr").startswith(b"%PDF-")


def test_a_migration_that_the_journal_does_not_know_is_missing(
    world: MovingWorld, tmp_path: Path
) -> None:
    with pytest.raises(Missing, match="`elsewhere`"):
        ReportDesk(world.ledger).write("elsewhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(Refused):
        world.service().landed()


def test_codes_and_moments_are_told_in_words() -> None:
    compared = {"comparison": 1, "depth": "heads-and-all-contents", "same": 2, "objects": 2}
    told = sentence("fr", "SidesCompared", compared)
    assert told == "comparaison 1 (chaque objet relu) : 2 objets sur 2 concordent"
    notice = {"given_by": "A", "given_to": "B", "not_before": "2026-12-13T20:36:08.246037Z"}
    assert sentence("en", "ErasureNotified", notice).endswith("until 2026-12-13 20:36:08 UTC")
    word = {"subject": "backups", "basis": "provider's-word", "by": "A", "remaining": 0}
    assert sentence("fr", "ErasureEvidenced", word) == "sauvegardes : parole du prestataire, A"
    looked = {**word, "basis": "seen-by-us", "remaining": 3}
    assert sentence("en", "ErasureEvidenced", looked) == "backups: seen by us, A; 3 remain"


def test_every_code_of_the_journal_has_its_words_in_both_languages() -> None:
    codes = {*ProofBasis, *Depth, *Subject, *EvidenceBasis, "probe-write", "attestation"}
    assert set(NAMES["en"]) == set(NAMES["fr"]) == {str(code) for code in codes}
    assert named("fr", "of-a-later-program") == "of-a-later-program"
