"""Every rule of the inspection: how grave it is, what it says, and the one step that mends it.

In English and French. `cause-*` are the five usual causes of rejection (OpenSAFELY documentation,
outputs/output-checking: unrounded counts 30 %, no context 25 %, unredacted counts 20 %, no
underlying counts 10 %, file types 10 %). The others follow CNIL MR-005 SEC-EXP, TEHDAS2 M7.2
section 5.5.2 and the CASD guide of 06/2022.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import frozen

Severity = Literal["note", "fix", "blocking"]


@frozen
class Wording:
    """How grave a rule is, and its words."""

    severity: Severity
    says: str
    remedy: str
    says_fr: str
    remedy_fr: str


CAUSES: Mapping[str, Wording] = {
    "cause-unrounded": Wording(
        "fix",
        "Counts are not rounded.",
        "Round every count to the nearest 5, or hand in a count table, which is protected here.",
        "Des effectifs ne sont pas arrondis.",
        "Arrondissez chaque effectif au multiple de 5 le plus proche, ou remettez un tableau "
        "d'effectifs, qui est protégé ici.",
    ),
    "cause-no-context": Wording(
        "fix",
        "Nothing says what the output shows and of whom.",
        "Say it with `--context`: the population, the period, what each file shows.",
        "Rien ne dit ce que montre la sortie, ni pour quelle population.",
        "Dites-le avec `--context` : la population, la période, ce que montre chaque fichier.",
    ),
    "cause-unredacted": Wording(
        "fix",
        "Counts under the threshold are shown.",
        "Merge categories until every count reaches the threshold, or hand in a count table.",
        "Des effectifs sous le seuil sont visibles.",
        "Regroupez des catégories jusqu'à ce que chaque effectif atteigne le seuil, ou remettez "
        "un tableau d'effectifs.",
    ),
    "cause-no-counts": Wording(
        "fix",
        "A figure or statistic comes without the counts behind it.",
        "Add the table of the persons behind each number with `--supporting`; it does not leave.",
        "Une figure ou une statistique arrive sans les effectifs sous-jacents.",
        "Ajoutez avec `--supporting` le tableau des personnes derrière chaque nombre ; il ne "
        "sort pas.",
    ),
    "cause-file-type": Wording(
        "fix",
        "People cannot read this type of file safely.",
        "Save it as CSV, plain text, PNG or SVG.",
        "Ce type de fichier ne peut pas être relu sûrement.",
        "Enregistrez-le en CSV, en texte, en PNG ou en SVG.",
    ),
}

_IDENTIFIERS: Mapping[str, Wording] = {
    "identifier": Wording(
        "blocking",
        "It holds what identifies a person or a professional, encrypted or not.",
        "Take the identifiers out where they are shown.",
        "Il contient ce qui identifie une personne ou un professionnel, chiffré ou non.",
        "Retirez les identifiants aux endroits indiqués.",
    ),
    "identifier-possible": Wording(
        "note",
        "Numbers have the form of an identifier.",
        "Say in the context what they are, or take them out.",
        "Des nombres ont la forme d'un identifiant.",
        "Dites dans le contexte ce qu'ils sont, ou retirez-les.",
    ),
    "identifying-column": Wording(
        "blocking",
        "A column has the name of an identifier.",
        "Take the column out.",
        "Une colonne porte le nom d'un identifiant.",
        "Retirez la colonne.",
    ),
    "crossing": Wording(
        "blocking",
        "Rows cross traits (age, sex, place, date) so finely that persons stand out.",
        "Count persons by wider categories instead of listing rows.",
        "Les lignes croisent des traits (âge, sexe, lieu, date) au point d'isoler des personnes.",
        "Comptez les personnes par catégories plus larges au lieu de lister des lignes.",
    ),
    "secret": Wording(
        "blocking",
        "It holds a key, a token or a password.",
        "Take the secret out, and have it changed.",
        "Il contient une clé, un jeton ou un mot de passe.",
        "Retirez le secret et faites-le changer.",
    ),
    "file-name": Wording(
        "blocking",
        "The name of the file holds an identifier or signs that are not allowed.",
        "Rename it: letters, digits, `.`, `_` and `-`, at most 80.",
        "Le nom du fichier contient un identifiant ou des signes interdits.",
        "Renommez-le : lettres, chiffres, `.`, `_` et `-`, 80 au plus.",
    ),
}

_HIDDEN: Mapping[str, Wording] = {
    "encoded-data": Wording(
        "blocking",
        "Long stretches of base 64 or hexadecimal can hold anything.",
        "Take them out; hand in each picture or table as a file of its own.",
        "De longues suites en base 64 ou hexadécimal peuvent contenir n'importe quoi.",
        "Retirez-les ; remettez chaque image ou tableau comme un fichier à part.",
    ),
    "encoded-possible": Wording(
        "note",
        "A token has the form of a digest or of encoded data.",
        "Say in the context what it is, or take it out.",
        "Un jeton a la forme d'une empreinte ou d'une donnée encodée.",
        "Dites dans le contexte ce que c'est, ou retirez-le.",
    ),
    "encoded-number": Wording(
        "blocking",
        "Numbers spell text when their bytes are read as letters.",
        "Round every number to the digits that mean something.",
        "Des nombres forment du texte quand on lit leurs octets comme des lettres.",
        "Arrondissez chaque nombre aux chiffres qui ont un sens.",
    ),
    "long-number": Wording(
        "fix",
        "Numbers have more digits than a result has: the rest can hold data.",
        "Round to at most 8 significant digits.",
        "Des nombres ont plus de chiffres qu'un résultat : le reste peut porter des données.",
        "Arrondissez à 8 chiffres significatifs au plus.",
    ),
    "embedded-data": Wording(
        "blocking",
        "The data behind the picture, page or program are inside it.",
        "Save the drawing without its data, or aggregate them first.",
        "Les données derrière l'image, la page ou le programme y sont incluses.",
        "Enregistrez le dessin sans ses données, ou agrégez-les d'abord.",
    ),
    "plot-points": Wording(
        "note",
        "The drawing has many marks: each may be a person.",
        "Say in the context what a mark is; bin the points if it is a person.",
        "Le dessin a beaucoup de marques : chacune est peut-être une personne.",
        "Dites dans le contexte ce qu'est une marque ; regroupez les points si c'est une personne.",
    ),
    "hidden-content": Wording(
        "blocking",
        "Sheets, rows, columns, cells or elements are hidden.",
        "Delete what is hidden and save again.",
        "Des feuilles, lignes, colonnes, cellules ou éléments sont masqués.",
        "Supprimez ce qui est masqué et enregistrez de nouveau.",
    ),
    "comments": Wording(
        "blocking",
        "It holds comments or tracked changes.",
        "Delete them and save again.",
        "Il contient des commentaires ou des modifications suivies.",
        "Supprimez-les et enregistrez de nouveau.",
    ),
    "metadata": Wording(
        "fix",
        "It holds metadata: names, programs, places or free text.",
        "Remove the document's properties or export the picture without metadata.",
        "Il contient des métadonnées : noms, programmes, lieux ou texte libre.",
        "Retirez les propriétés du document ou exportez l'image sans métadonnées.",
    ),
    "trailing-data": Wording(
        "blocking",
        "Bytes stand after the end of the file's own content.",
        "Save the file again with an ordinary program.",
        "Des octets se trouvent après la fin du contenu du fichier.",
        "Enregistrez de nouveau le fichier avec un programme ordinaire.",
    ),
    "data-cache": Wording(
        "blocking",
        "The document carries a cache of the data that it was made from.",
        "Paste values only into a new document.",
        "Le document transporte un cache des données dont il est fait.",
        "Collez les valeurs seules dans un nouveau document.",
    ),
}

_PROGRAMS: Mapping[str, Wording] = {
    "formula": Wording(
        "blocking",
        "Cells would be run by a spreadsheet.",
        "Put a letter before the sign, or paste values only.",
        "Des cellules seraient exécutées par un tableur.",
        "Mettez une lettre devant le signe, ou collez les valeurs seules.",
    ),
    "active-content": Wording(
        "blocking",
        "It holds macros, scripts, embedded objects or links that load by themselves.",
        "Save it without them.",
        "Il contient des macros, scripts, objets incorporés ou liens chargés d'office.",
        "Enregistrez-le sans eux.",
    ),
    "notebook-outputs": Wording(
        "blocking",
        "Cells of the notebook keep outputs or attachments.",
        "Clear all outputs, and hand in each result as a file of its own.",
        "Des cellules du notebook gardent des sorties ou des pièces jointes.",
        "Effacez toutes les sorties et remettez chaque résultat comme un fichier à part.",
    ),
    "printed-rows": Wording(
        "blocking",
        "Lines look like rows of a table of records.",
        "Remove printed rows from the log or program; hand in counts as a table.",
        "Des lignes ressemblent à des enregistrements d'un tableau.",
        "Retirez les lignes imprimées du journal ou du programme ; remettez les effectifs en "
        "tableau.",
    ),
    "literal-data": Wording(
        "blocking",
        "The program carries a long list of values: data inside code.",
        "Read the values from a file instead, and hand in the program without them.",
        "Le programme porte une longue liste de valeurs : des données dans le code.",
        "Lisez les valeurs d'un fichier et remettez le programme sans elles.",
    ),
    "pickle": Wording(
        "blocking",
        "A serialised object runs code when it is opened and can hold every row.",
        "Export the model's numbers as JSON or PMML with a model card.",
        "Un objet sérialisé exécute du code à l'ouverture et peut contenir toutes les lignes.",
        "Exportez les nombres du modèle en JSON ou PMML avec une fiche de modèle.",
    ),
    "archive": Wording(
        "blocking",
        "An archive hides several files behind one name.",
        "Hand in its files one by one in the same request.",
        "Une archive cache plusieurs fichiers derrière un seul nom.",
        "Remettez ses fichiers un par un dans la même demande.",
    ),
    "bomb": Wording(
        "blocking",
        "It grows beyond the bounds when it is unpacked.",
        "Hand in the content itself.",
        "Il dépasse les bornes quand on le décompresse.",
        "Remettez le contenu lui-même.",
    ),
    "never-leaves": Wording(
        "blocking",
        "This type of file holds rows or programs, never results.",
        "Make a table, a picture or a text of the result.",
        "Ce type de fichier contient des lignes ou des programmes, jamais des résultats.",
        "Faites du résultat un tableau, une image ou un texte.",
    ),
}

_MODELS: Mapping[str, Wording] = {
    "model-card": Wording(
        "blocking",
        "The model has no card: persons it learnt from, purpose, what protects them.",
        "Add `card` with `persons`, `purpose` and `protection`.",
        "Le modèle n'a pas de fiche : personnes apprises, finalité, protection.",
        "Ajoutez `card` avec `persons`, `purpose` et `protection`.",
    ),
    "model-leaf": Wording(
        "blocking",
        "Leaves of a tree hold fewer persons than the threshold.",
        "Train again with a least leaf size at the threshold.",
        "Des feuilles d'un arbre contiennent moins de personnes que le seuil.",
        "Entraînez de nouveau avec une taille minimale de feuille égale au seuil.",
    ),
    "model-leaf-unknown": Wording(
        "blocking",
        "Leaves of a tree do not say how many persons they hold.",
        "Export the number of persons of every leaf.",
        "Des feuilles d'un arbre ne disent pas combien de personnes elles contiennent.",
        "Exportez le nombre de personnes de chaque feuille.",
    ),
    "model-rows": Wording(
        "blocking",
        "Nearest-neighbour and kernel models store rows of the data they learnt from.",
        "Use a model that stores parameters only.",
        "Les modèles de voisinage et à noyau gardent des lignes des données apprises.",
        "Utilisez un modèle qui ne garde que des paramètres.",
    ),
    "model-parameters": Wording(
        "blocking",
        "The model has so many parameters that it can remember its persons.",
        "Use fewer parameters, or train with differential privacy and say so in the card.",
        "Le modèle a tant de paramètres qu'il peut mémoriser ses personnes.",
        "Réduisez les paramètres, ou entraînez avec confidentialité différentielle et dites-le "
        "dans la fiche.",
    ),
    "membership": Wording(
        "blocking",
        "An attack on the confidences tells who was in the training data.",
        "Regularise the model, or train with differential privacy.",
        "Une attaque sur les confiances révèle qui était dans les données d'apprentissage.",
        "Régularisez le modèle, ou entraînez avec confidentialité différentielle.",
    ),
    "membership-unclear": Wording(
        "note",
        "The attack on the confidences is not far from telling members.",
        "Hand in more confidences, so that the measure is sharper.",
        "L'attaque sur les confiances n'est pas loin de révéler les membres.",
        "Remettez davantage de confiances pour affiner la mesure.",
    ),
    "confidences": Wording(
        "fix",
        "Confidences are one line per person: they support a model and do not leave.",
        "Hand them in with `--supporting`.",
        "Les confiances ont une ligne par personne : elles appuient un modèle et ne sortent pas.",
        "Remettez-les avec `--supporting`.",
    ),
}

_READING: Mapping[str, Wording] = {
    "extreme": Wording(
        "fix",
        "A column or a row is named as a minimum or a maximum: the value of one person.",
        "Take it out, or give a percentile with enough persons on each side.",
        "Une colonne ou une ligne porte le nom d'un minimum ou d'un maximum : la valeur d'une "
        "seule personne.",
        "Retirez-la, ou donnez un centile avec assez de personnes de chaque côté.",
    ),
    "not-understood": Wording(
        "note",
        "The program does not understand this file; people decide.",
        "Save it in a simpler form if they cannot.",
        "Le programme ne comprend pas ce fichier ; des personnes décident.",
        "Enregistrez-le sous une forme plus simple si elles ne le peuvent pas.",
    ),
    "by-eye": Wording(
        "note",
        "Only people can judge what this shows.",
        "Say in the context what it shows.",
        "Seules des personnes peuvent juger de ce qui est montré.",
        "Dites dans le contexte ce qu'il montre.",
    ),
    "broken": Wording(
        "blocking",
        "The file is not whole, or is not what it begins as.",
        "Save it again.",
        "Le fichier n'est pas entier, ou n'est pas ce que dit son début.",
        "Enregistrez-le de nouveau.",
    ),
    "disguised": Wording(
        "blocking",
        "The content is of another type than the name says.",
        "Give the file the name of its type.",
        "Le contenu est d'un autre type que ne le dit le nom.",
        "Donnez au fichier le nom de son type.",
    ),
    "too-much": Wording(
        "blocking",
        "The file is larger, deeper or longer than people and programs can judge.",
        "Hand in a smaller result.",
        "Le fichier est plus grand, plus profond ou plus long que ce qu'on peut juger.",
        "Remettez un résultat plus petit.",
    ),
    "protected-here": Wording(
        "note",
        "A count table: the disclosure engine protects it and audits the result.",
        "",
        "Un tableau d'effectifs : le moteur le protège et audite le résultat.",
        "",
    ),
}

RULES: Mapping[str, Wording] = {
    **CAUSES,
    **_IDENTIFIERS,
    **_HIDDEN,
    **_PROGRAMS,
    **_MODELS,
    **_READING,
}
"""Every rule by its id."""
