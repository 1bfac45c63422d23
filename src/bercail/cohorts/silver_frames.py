"""The events that silver alone has, as a study author holds them."""

from __future__ import annotations

from bercail.cohorts.events import Events
from bercail.cohorts.expressions import Column
from bercail.cohorts.frames import Picked, Ranked, Spans
from bercail.cohorts.series import EventDate, EventInt, EventText, PersonDate, PersonInt, PersonText


class _Care(Picked):
    @property
    def date(self) -> PersonDate:
        """Its date."""
        return self._date("date")


class _Coded(_Care):
    @property
    def code(self) -> PersonText:
        """Its code."""
        return self._text("code")


class _Counted(_Coded):
    @property
    def quantity(self) -> PersonInt:
        """Its quantity."""
        return self._int("quantity")


class OneAct(_Counted):
    """The first, last or nearest act of a person."""

    @property
    def system(self) -> PersonText:
        """Its coding system."""
        return self._text("system")

    @property
    def activity(self) -> PersonText:
        """Its activity code."""
        return self._text("activity")


class OneConsultation(_Care):
    """The first, last or nearest consultation of a person."""

    @property
    def nature(self) -> PersonText:
        """Its nature of care."""
        return self._text("nature")

    @property
    def specialty(self) -> PersonText:
        """The specialty of who gave it."""
        return self._text("specialty")

    @property
    def quantity(self) -> PersonInt:
        """Its quantity."""
        return self._int("quantity")


class OneExamination(_Counted):
    """The first, last or nearest biological examination of a person."""


class OneDevice(_Counted):
    """The first, last or nearest device of a person."""


class OneHospitalDrug(_Care):
    """The first, last or nearest drug of a hospital that a person was given."""

    @property
    def ucd(self) -> PersonText:
        """Its code UCD, seven digits."""
        return self._text("ucd")

    @property
    def thousandths(self) -> PersonInt:
        """How many units, in thousandths."""
        return self._int("thousandths")

    @property
    def way(self) -> PersonText:
        """Its way: `retrocession`, `on-top`, `early-access`, `thrombolysis` or `off-list`."""
        return self._text("way")


class OneOtherStay(Picked):
    """The first, last or nearest stay at home, in rehabilitation or psychiatry of a person."""

    @property
    def entry(self) -> PersonDate:
        """Its date of entry."""
        return self._date("entry")

    @property
    def discharge(self) -> PersonDate:
        """Its date of discharge."""
        return self._date("discharge")

    @property
    def sector(self) -> PersonText:
        """Its sector."""
        return self._text("sector")

    @property
    def exit_mode(self) -> PersonText:
        """Its mode of discharge; 9 is death."""
        return self._text("exit_mode")


class OneDiagnosis(_Coded):
    """The first, last or nearest diagnosis of a person."""

    @property
    def position(self) -> PersonText:
        """Its position."""
        return self._text("position")


class OneDeath(_Care):
    """One of the tellings of a person's death."""

    @property
    def cause(self) -> PersonText:
        """Its underlying cause."""
        return self._text("cause")

    @property
    def source(self) -> PersonText:
        """The table that tells of it."""
        return self._text("source")


class OnePlace(Picked):
    """The first, last or nearest place of residence of a person."""

    @property
    def start(self) -> PersonDate:
        """First care there."""
        return self._date("start")

    @property
    def end(self) -> PersonDate:
        """Last care there."""
        return self._date("end")

    @property
    def department(self) -> PersonText:
        """Its département."""
        return self._text("department")

    @property
    def commune(self) -> PersonText:
        """Its commune."""
        return self._text("commune")


class Acts(Ranked[OneAct]):
    """Acts: CCAM in town and in stays, and acts known by their nature (NGAP)."""

    view = "acts"
    one = OneAct
    date = EventDate(Column(of="acts", name="date"))
    system = EventText(Column(of="acts", name="system"))
    code = EventText(Column(of="acts", name="code"))
    activity = EventText(Column(of="acts", name="activity"))
    quantity = EventInt(Column(of="acts", name="quantity"))


class Consultations(Ranked[OneConsultation]):
    """Consultations and visits in town."""

    view = "consultations"
    one = OneConsultation
    date = EventDate(Column(of="consultations", name="date"))
    nature = EventText(Column(of="consultations", name="nature"))
    specialty = EventText(Column(of="consultations", name="specialty"))
    quantity = EventInt(Column(of="consultations", name="quantity"))


class Biology(Ranked[OneExamination]):
    """Biological examinations (NABM); never a result."""

    view = "biology"
    one = OneExamination
    date = EventDate(Column(of="biology", name="date"))
    code = EventText(Column(of="biology", name="code"))
    quantity = EventInt(Column(of="biology", name="quantity"))


class Devices(Ranked[OneDevice]):
    """Medical devices (LPP)."""

    view = "devices"
    one = OneDevice
    date = EventDate(Column(of="devices", name="date"))
    code = EventText(Column(of="devices", name="code"))
    quantity = EventInt(Column(of="devices", name="quantity"))


class HospitalDrugs(Ranked[OneHospitalDrug]):
    """Drugs given out by hospitals to outpatients, or paid on top of a stay (UCD)."""

    view = "hospital_drugs"
    one = OneHospitalDrug
    date = EventDate(Column(of="hospital_drugs", name="date"))
    ucd = EventText(Column(of="hospital_drugs", name="ucd"))
    thousandths = EventInt(Column(of="hospital_drugs", name="thousandths"))
    way = EventText(Column(of="hospital_drugs", name="way"))


class OtherStays(Spans[OneOtherStay]):
    """Stays at home (HAD), in rehabilitation (SSR) and in psychiatry (RIM-P)."""

    view = "other_stays"
    one = OneOtherStay
    entry = EventDate(Column(of="other_stays", name="entry"))
    discharge = EventDate(Column(of="other_stays", name="discharge"))
    sector = EventText(Column(of="other_stays", name="sector"))
    exit_mode = EventText(Column(of="other_stays", name="exit_mode"))


class Diagnoses(Ranked[OneDiagnosis]):
    """Diagnoses of hospital stays, dated by the entry; `position` says which one it is."""

    view = "diagnoses"
    one = OneDiagnosis
    date = EventDate(Column(of="diagnoses", name="date"))
    code = EventText(Column(of="diagnoses", name="code"))
    position = EventText(Column(of="diagnoses", name="position"))


class Deaths(Ranked[OneDeath]):
    """Deaths, one row for each source that tells of one."""

    view = "deaths"
    one = OneDeath
    date = EventDate(Column(of="deaths", name="date"))
    cause = EventText(Column(of="deaths", name="cause"))
    source = EventText(Column(of="deaths", name="source"))


class Residence(Spans[OnePlace]):
    """Places of residence over time, as the lines of care tell them."""

    view = "residence"
    one = OnePlace
    start = EventDate(Column(of="residence", name="start"))
    end = EventDate(Column(of="residence", name="end"))
    department = EventText(Column(of="residence", name="department"))
    commune = EventText(Column(of="residence", name="commune"))


acts = Acts(Events(of="acts"))
consultations = Consultations(Events(of="consultations"))
biology = Biology(Events(of="biology"))
devices = Devices(Events(of="devices"))
hospital_drugs = HospitalDrugs(Events(of="hospital_drugs"))
other_stays = OtherStays(Events(of="other_stays"))
diagnoses = Diagnoses(Events(of="diagnoses"))
deaths = Deaths(Events(of="deaths"))
residence = Residence(Events(of="residence"))
