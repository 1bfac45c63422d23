"""The words in which a study is explained, in English and in French."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen


@frozen(kw_only=True)
class Phrases:
    """Templates of one language; names in braces are filled in by `explain`."""

    language: str
    yes: str
    no: str
    both: str
    either: str
    negation: str
    known: str
    if_unknown: str
    starts_with: str
    any_starts_with: str
    is_in: str
    any_in: str
    or_word: str
    and_word: str
    many_codes: str
    plus: str
    minus: str
    years: tuple[str, str]
    days: tuple[str, str]
    year_of: str
    days_between: str
    band: str
    choose: str
    compare: Mapping[str, str]
    compare_dates: Mapping[str, str]
    where: str
    between: str
    since: str
    until: str
    exists: str
    count: str
    count_distinct: str
    total: str
    minimum: str
    maximum: str
    first: str
    last: str
    cleaned: str
    times: str
    divided: str
    months: tuple[str, str]
    part: Mapping[str, str]
    first_day: Mapping[str, str]
    least: Mapping[str, str]
    greatest: Mapping[str, str]
    case: str
    otherwise: str
    unknown: str
    interval_start: str
    interval_end: str
    washout: str
    periods: str
    open_periods: str
    gap: str
    mean: str
    nearest: str
    score: str
    measure: str
    each: Mapping[str, str]
    grouped: str
    controls: str
    controls_alike: str
    controls_nearest: str
    rows: str
    heads: Mapping[str, str]
    events: str
    table: str
    none: str
    age: str
    alive: str
    dead: str
    measure_sum: str
    index_date: str
    # Patterns that are put right in what was told: articles run together with prepositions.
    finish: tuple[tuple[str, str], ...] = ()


ENGLISH = Phrases(
    language="en",
    yes="yes",
    no="no",
    both="{left} and {right}",
    either="{left} or {right}",
    negation="it is not true that {value}",
    known="{value} is known",
    if_unknown="{value} (if unknown: {otherwise})",
    starts_with="{value} starts with {codes}",
    any_starts_with="one of the {value} starts with {codes}",
    is_in="{value} is {codes}",
    any_in="one of the {value} is {codes}",
    or_word="or",
    and_word="and",
    many_codes="one of {count} codes from {first} to {last}",
    plus="{left} plus {right}",
    minus="{left} less {right}",
    years=("year", "years"),
    days=("day", "days"),
    year_of="the year of {value}",
    days_between="the days from {start} to {end}",
    band="{value} in groups {labels}",
    choose="{then} where {condition}, else {otherwise}",
    compare={
        "==": "{left} is {right}",
        "!=": "{left} is not {right}",
        "<": "{left} is under {right}",
        "<=": "{left} is at most {right}",
        ">": "{left} is over {right}",
        ">=": "{left} is at least {right}",
    },
    compare_dates={
        "==": "{left} is {right}",
        "!=": "{left} is not {right}",
        "<": "{left} is before {right}",
        "<=": "{left} is on or before {right}",
        ">": "{left} is after {right}",
        ">=": "{left} is on or after {right}",
    },
    where="{events} where {condition}",
    between="{events} with {column} from {start} to {end}",
    since="{events} with {column} from {start} on",
    until="{events} with {column} up to {end}",
    exists="there is at least one of {events}",
    count="the number of {events}",
    count_distinct="the number of different values of {value} in {events}",
    total="the sum of {value} in {events}",
    minimum="the smallest {value} in {events}",
    maximum="the largest {value} in {events}",
    first="the {column} of the first of {events}",
    last="the {column} of the last of {events}",
    cleaned="{events}, cleaned by {rules}",
    times="{value} times {by}",
    divided="{left} divided by {right} (rounded down)",
    months=("month", "months"),
    part={
        "month": "the month of {value}",
        "day": "the day of the month of {value}",
        "quarter": "the quarter of {value}",
        "weekday": "the day of the week (1 is Monday) of {value}",
    },
    first_day={
        "month": "the first day of the month of {value}",
        "quarter": "the first day of the quarter of {value}",
        "year": "1 January of the year of {value}",
    },
    least={"date": "the earliest known of {values}", "int": "the smallest known of {values}"},
    greatest={"date": "the latest known of {values}", "int": "the largest known of {values}"},
    case="{value} where {condition}",
    otherwise="else {value}",
    unknown="unknown",
    interval_start="the first day of the interval",
    interval_end="the last day of the interval",
    washout="{events} with no other of them in the {days} days before",
    periods="periods of {events}, each covering {days} days from its date on{gap}",
    open_periods="one period from the first of {events} on, without an end",
    gap=", with up to {gap} uncovered days within a period",
    mean="the mean of {value} in {events} (rounded down{scale})",
    nearest="the {column} of the one of {events} nearest to {to}",
    score="the {index} over {value} in {events}",
    measure="{title}: of the persons for whom {denominator}, those for whom {numerator}, for "
    "{count} {each} from {first}",
    each={"month": "months", "quarter": "quarters", "year": "years"},
    grouped="{text}, by {by}",
    controls="up to {ratio} controls for each person, outside the cohort, {how}, for "
    "whom {condition}",
    controls_alike="with the same {on}",
    controls_nearest="nearest in propensity (from {names}; caliper {caliper})",
    rows="{name}: {columns} of {events}",
    heads={
        "persons": "Persons kept",
        "population": "Population",
        "exclusions": "Then excluded, in this order",
        "index_date": "Index date",
        "attributes": "For each person",
        "tables": "Tables of counts",
        "measures": "Measures over time",
        "matching": "Matched controls",
        "event_rows": "Rows of events",
        "sets": "Events",
        "rules": "Cleaning rules: what is kept",
        "inputs": "Reads",
    },
    events="events {number}",
    table="{title}: by {by}",
    none="there is none of {events}",
    age="age in {year} (year less year of birth)",
    alive="no death is recorded up to {day}",
    dead="a death is recorded up to {day}",
    measure_sum="{title}: {numerator}, added up over the persons for whom {denominator}, for "
    "{count} {each} from {first}",
    index_date="the index date",
)

FRENCH = Phrases(
    language="fr",
    yes="oui",
    no="non",
    both="{left} et {right}",
    either="{left} ou {right}",
    negation="il est faux que {value}",
    known="{value} : valeur connue",
    if_unknown="{value} (si inconnu : {otherwise})",
    starts_with="{value} commence par {codes}",
    any_starts_with="l'un des {value} commence par {codes}",
    is_in="{value} vaut {codes}",
    any_in="l'un des {value} vaut {codes}",
    or_word="ou",
    and_word="et",
    many_codes="l'un des {count} codes de {first} à {last}",
    plus="{left} plus {right}",
    minus="{left} moins {right}",
    years=("an", "ans"),
    days=("jour", "jours"),
    year_of="année de {value}",
    days_between="nombre de jours du {start} au {end}",
    band="{value} par classes {labels}",
    choose="{then} lorsque {condition}, sinon {otherwise}",
    compare={
        "==": "{left} vaut {right}",
        "!=": "{left} ne vaut pas {right}",
        "<": "{left} < {right}",
        "<=": "{left} ≤ {right}",
        ">": "{left} > {right}",
        ">=": "{left} ≥ {right}",
    },
    compare_dates={
        "==": "{left} est le {right}",
        "!=": "{left} n'est pas le {right}",
        "<": "{left} est avant le {right}",
        "<=": "{left} est au plus tard le {right}",
        ">": "{left} est après le {right}",
        ">=": "{left} est au plus tôt le {right}",
    },
    where="{events} pour lesquels {condition}",
    between="{events} avec {column} du {start} au {end}",
    since="{events} avec {column} à partir du {start}",
    until="{events} avec {column} jusqu'au {end}",
    exists="il y a au moins un parmi les {events}",
    count="nombre des {events}",
    count_distinct="nombre de valeurs différentes de {value} parmi les {events}",
    total="somme de {value} parmi les {events}",
    minimum="plus petite valeur de {value} parmi les {events}",
    maximum="plus grande valeur de {value} parmi les {events}",
    first="{column} du premier parmi les {events}",
    last="{column} du dernier parmi les {events}",
    cleaned="{events}, avec les règles {rules}",
    times="{value} fois {by}",
    divided="{left} divisé par {right} (arrondi à l'entier inférieur)",
    months=("mois", "mois"),
    part={
        "month": "mois de {value}",
        "day": "jour du mois de {value}",
        "quarter": "trimestre de {value}",
        "weekday": "jour de la semaine (1 : lundi) de {value}",
    },
    first_day={
        "month": "premier jour du mois de {value}",
        "quarter": "premier jour du trimestre de {value}",
        "year": "1er janvier de l'année de {value}",
    },
    least={"date": "première date connue parmi {values}", "int": "plus petit connu de {values}"},
    greatest={"date": "dernière date connue parmi {values}", "int": "plus grand connu de {values}"},
    case="{value} lorsque {condition}",
    otherwise="sinon {value}",
    unknown="inconnu",
    interval_start="premier jour de l'intervalle",
    interval_end="dernier jour de l'intervalle",
    washout="{events} sans autre parmi eux dans les {days} jours précédents",
    periods="périodes des {events}, chacun couvrant {days} jours dès sa date{gap}",
    open_periods="une période dès le premier parmi les {events}, sans fin",
    gap=", avec au plus {gap} jours non couverts au sein d'une période",
    mean="moyenne de {value} parmi les {events} (arrondie à l'inférieur{scale})",
    nearest="{column} de celui, parmi les {events}, qui est le plus proche du {to}",
    score="{index} sur {value} parmi les {events}",
    measure="{title} : parmi les personnes pour lesquelles {denominator}, celles pour "
    "lesquelles {numerator}, pour {count} {each} à partir du {first}",
    each={"month": "mois", "quarter": "trimestres", "year": "années"},
    grouped="{text}, par {by}",
    controls="au plus {ratio} témoins par personne, hors de la cohorte, {how}, pour "
    "lesquels {condition}",
    controls_alike="avec les mêmes {on}",
    controls_nearest="les plus proches en propension (d'après {names} ; calibre {caliper})",
    rows="{name} : {columns} des {events}",
    heads={
        "persons": "Personnes retenues",
        "population": "Population",
        "exclusions": "Puis exclues, dans cet ordre",
        "index_date": "Date index",
        "attributes": "Pour chaque personne",
        "tables": "Tableaux d'effectifs",
        "measures": "Mesures au fil du temps",
        "matching": "Témoins appariés",
        "event_rows": "Lignes d'événements",
        "sets": "Événements",
        "rules": "Règles de nettoyage : ce qui est gardé",
        "inputs": "Lit",
    },
    events="événements {number}",
    table="{title} : par {by}",
    none="il n'y a aucun des {events}",
    age="âge en {year} (année moins année de naissance)",
    alive="aucun décès n'est enregistré jusqu'au {day}",
    dead="un décès est enregistré jusqu'au {day}",
    measure_sum="{title} : {numerator}, additionnée sur les personnes pour lesquelles "
    "{denominator}, pour {count} {each} à partir du {first}",
    index_date="date index",
    finish=(
        (r"\ben année de ", "dans l'année de "),
        (r"\bdate index : valeur connue", "la date index est connue"),
        (r"\bde (?=date index)", "de la "),
        (r"\bdu (?=date |première |dernière )", "de la "),
        (r"\bau (?=date |première |dernière )", "à la "),
        (r"\bjusqu'au (?=date |première |dernière )", "jusqu'à la "),
        (r"\ble (?=date |première |dernière )", "la "),
        (r"\bde (?=année |âge |un |une |aucun )", "d'"),
        (r"\bde (?=événements \d)", "des "),
    ),
)

PHRASES: Mapping[str, Phrases] = {"en": ENGLISH, "fr": FRENCH}
