"""Every stable diagnostic code: one line that says what is wrong, and a paragraph that says why and what to do.

`grammar/reference/diagnostics.md` is written from this list (`python -m contractlang.diagnostics.reference`).
A code never changes its meaning; a code that is no longer reported is removed, never used again for something else.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One code. `summary` is one line without a full stop; `explanation` is prose in Markdown."""

    code: str
    summary: str
    explanation: str


READING = (
    Entry(
        "syntax",
        "the text does not follow the grammar",
        "The message names what was found and what may stand there. Each item of a file is read by itself, so one mistake "
        "hides no other item.",
    ),
    Entry(
        "reserved-name",
        "a word of the language is used as a name",
        "A few words (`and`, `of`, `when`, `prior` …) mean something everywhere and cannot name an item, a column or a step. "
        "Choose another name.",
    ),
    Entry(
        "thousands-comma",
        "a number is written with thousands commas",
        "A comma separates values. Write `$250_000` for `$250,000`.",
    ),
    Entry(
        "nesting-too-deep",
        "parentheses or brackets are nested too deeply",
        "The limit keeps text from a stranger safe to compile. Name an inner part with `define` and use the name.",
    ),
    Entry(
        "file-too-large",
        "the file is larger than a contract may be",
        "Data belong into a bound file, not into a contract.",
    ),
    Entry(
        "table-too-large",
        "a table, scale or schedule has more rows than a contract may have",
        "Long tables belong into a bound file: declare a `table` with typed columns and name the file in the binding.",
    ),
    Entry(
        "contract-too-large",
        "a contract asks for more operations than it may",
        "The limit keeps text from a stranger safe to compile. What repeats belongs into a `table`, or into a bound file.",
    ),
    Entry(
        "unknown-item",
        "a line at the left margin starts with a word that opens no item",
        "Items start at the left margin with their word: `define`, `input`, `payment` …; their clauses are indented.",
    ),
    Entry("duplicate-clause", "a clause stands twice where it may stand once", "Keep one of the two."),
    Entry(
        "missing-header",
        "a clause that every document needs is missing",
        "A contract needs `version`, `settles` and `term`; a library needs `version`; an amendment `to` and `effective`.",
    ),
    Entry(
        "not-text",
        "the file is not UTF-8 text",
        "Save the file as plain text in UTF-8. The message names the first bad byte.",
    ),
)

DOCUMENTS = (
    Entry(
        "import-not-found",
        "a named document was not found",
        "`use`, `extends` and `amendment … to` look in the folder of the contract, in the folders above it up to the project, "
        "in the project's `contracts/`, in the given roots, and in the contracts that come with the language. The header of a "
        "file gives its name, not the file name.",
    ),
    Entry(
        "results-unusable",
        "a contract whose results are read does not check",
        "What a contract publishes is what it computes: mend its errors first, with `vbc check` on its own file.",
    ),
    Entry(
        "import-cycle",
        "documents name each other in a circle",
        "The message shows the circle. Move what both need into a third library.",
    ),
    Entry(
        "import-ambiguous",
        "a name could mean two documents",
        "Two files claim the same name and version and differ, or there are several versions and none is asked for. Delete or "
        'rename one, or write `version "…"`.',
    ),
    Entry(
        "import-kind",
        "a document of another kind is named",
        "`use` names a library, or with `results` a contract; a contract extends a contract; an amendment amends one.",
    ),
    Entry(
        "import-limit",
        "too many documents name one another",
        "The limit keeps text from a stranger safe to compile. Join libraries that are always used together.",
    ),
    Entry(
        "version-conflict",
        "a document exists, but not in the version that is asked for",
        "A version is matched exactly, and one contract uses one version of a library. Name a version that exists, or add the "
        "file of the version that is meant.",
    ),
    Entry(
        "duplicate-document",
        "two files claim to be the same document",
        "An amendment is applied once, and amendments find their contract by name and version. Delete or rename one.",
    ),
    Entry(
        "lock-differs",
        "a used document means something else than the lock file says",
        "It changed and kept its version. Give it another version, or write the lock file anew if the change is meant.",
    ),
    Entry(
        "lock-unreadable",
        "the lock file cannot be read",
        "Nothing is compared with it. Write it anew, or delete it.",
    ),
    Entry(
        "override-of-nothing",
        "an override names something that the base does not have",
        "Only named things are overridden. The help gives the nearest name, or the steps of the block.",
    ),
    Entry(
        "override-ambiguous",
        "an override names something that stands more than once",
        "A step whose word is used twice is named by its label. Write the block anew with a label for each.",
    ),
    Entry(
        "replace-missing",
        "an item has the name of an item of the base",
        "Write `replace` in front if the base's item is to be replaced; otherwise choose another name.",
    ),
    Entry(
        "replace-unneeded",
        "`replace` stands in a document that overrides no other",
        "Leave it out, or say which contract is extended.",
    ),
    Entry(
        "not-settable",
        "`set` names something that has no value of its own",
        "`set` gives a constant or the argument of a step another value. Write anything else anew with `replace`.",
    ),
    Entry(
        "amendment-header",
        "an amendment states a header clause of the contract",
        "An amendment has `title`, `version` and `effective`; term, payer and periods stay those of the contract. Write a "
        "contract that extends the old one to change them.",
    ),
    Entry(
        "amendment-outside-term",
        "an amendment takes effect outside the term",
        "No settlement period of the contract would be governed by it.",
    ),
    Entry(
        "amendment-inside-period",
        "an amendment takes effect inside a settlement period",
        "An amendment governs periods that start on or after its date. Only a schedule by month can change inside a period, on "
        "the first day of a month.",
    ),
    Entry(
        "amendment-conflict",
        "two changes of the same date touch the same place",
        "Which one is meant must not hang on the name of a file. Merge them, or give one another date.",
    ),
)

NAMES = (
    Entry("unknown-name", "a name is not known here", "The nearest names that are known stand in the help."),
    Entry(
        "ambiguous-name",
        "a name could mean two things",
        "Nothing shadows anything in a contract. Write the qualified name, for example `results.year`.",
    ),
    Entry(
        "duplicate-name",
        "two items have the same name",
        "All items of a contract share one set of names. Rename one of the two.",
    ),
    Entry(
        "circular-definition",
        "a definition reaches itself",
        "The notes show the circle. A value may read its own earlier period only by `prior x starting v`.",
    ),
    Entry(
        "unused-definition",
        "a named value is never used",
        "It reaches no payment, guarantee, example or other value. Remove it, or use it.",
    ),
)

TYPES = (
    Entry(
        "unit-mismatch",
        "two values with different units meet",
        "The help names the factor that is missing, for example `multiply by member_months`.",
    ),
    Entry(
        "kind-mismatch",
        "a value of one kind stands where another kind is needed",
        "Kinds are number, money, percent, count, date, period, category, flag and text.",
    ),
    Entry(
        "grain-mismatch",
        "a value varies by a key that does not exist where it is used",
        "A finer value becomes coarser only by a stated aggregate: `sum(x over member)`, `mean(x weighted by w over measure)`.",
    ),
    Entry(
        "percent-or-points",
        "a percentage is added to a percentage",
        "`50% + 5%` may mean 55% or 52.5%. Write `5 pp` for points, or multiply.",
    ),
    Entry(
        "not-an-aggregate",
        "a function needs rows to work on",
        "Write what it removes: `over member`, `over network`, `over measure`.",
    ),
    Entry(
        "root-without-decimals",
        "a function with irrational results does not state its decimals",
        "`sqrt`, fractional powers, `exp` and `ln` mean the correctly rounded decimal: `sqrt(x, 9 decimals)`.",
    ),
    Entry(
        "prior-without-starting",
        "a value reads its own earlier period and does not say where it starts",
        "Write `prior x starting v`.",
    ),
)

RULES = (
    Entry(
        "absence-in-payment",
        "a payment can meet a value that is not applicable or not reportable",
        "Say what is paid then: `x else y`, or a `when` case that tests `x is applicable`.",
    ),
    Entry(
        "payment-not-cents",
        "a payment does not end in whole cents",
        "Add `round to cents, MODE` or `round(x to cents, MODE)`.",
    ),
    Entry(
        "pool-not-whole",
        "the fund of a pool need not be a whole number of what is split",
        "A split to the cent of an amount that is no whole number of cents would leave something over. Round the fund first: "
        "`round to cents, half away from zero` before `split`.",
    ),
    Entry(
        "below-zero-in-pool",
        "the fund or a weight of a pool can be below zero",
        "What is not there cannot be handed out. Declare the ranges of the inputs with `within`, or state what counts then: "
        "`floor $0` for the fund, `max(weight, 0)` for a weight.",
    ),
    Entry(
        "money-in-counts",
        "a population that sees counts only reads money",
        "Rows that several payers share let everybody count people and events, and nobody see what another pays. The table has "
        "no column of money, and no spending adds up dollars of the population.",
    ),
    Entry(
        "residual-not-taken-up",
        "what is left of a pool goes to another pool that does not take it up",
        "Money never moves without being written on both sides: the pool that receives it says `add NAME.residual`.",
    ),
    Entry(
        "no-payment",
        "a contract has no payment",
        "A warning: a contract may only report, but more often its `payment` was forgotten. A contract that shows by an "
        "`example` what it computes is taken at its word.",
    ),
    Entry(
        "mid-period-change",
        "a schedule changes inside a settlement period",
        "A warning: a period is settled with the value in force on its first day.",
    ),
    Entry(
        "missing-clause",
        "a block lacks a clause that it cannot do without",
        "The help says which. A `sharing` starts with `compare`, a `budget` with `base`, a `population` says to whom members "
        "belong.",
    ),
    Entry("scale-gap", "a scale has a gap between two bands", "Every argument inside the ends needs a value."),
    Entry(
        "scale-overlap",
        "two bands of a scale overlap",
        "A shared border belongs to the upper band; anything more is an overlap.",
    ),
    Entry(
        "scale-outside",
        "the argument of a scale may lie outside its ends",
        "Write `flat outside`, list `below …` or `… and more`, or bound the argument.",
    ),
    Entry(
        "term-invalid",
        "the term does not hold whole settlement periods",
        "A term runs forwards, from the first day of a settlement period to the last day of one.",
    ),
    Entry("weights-not-100", "weights do not add to 100%", "The message names the sum."),
    Entry("schedule-gap", "a schedule does not cover the term", "Add the periods that the message names."),
    Entry("schedule-overlap", "two entries of a schedule cover the same period", "Keep one of the two."),
    Entry(
        "terms-row-missing",
        "a table of terms lacks a row",
        "A closed category needs a row for each value, or `| otherwise | … |`.",
    ),
    Entry(
        "terms-header",
        "the keys of a table of terms do not stand where they belong",
        "The header starts with the keys of the table, in the order in which `per` names them, and a lookup `t[k].column` "
        "names one value for each.",
    ),
    Entry(
        "unreachable-band",
        "no argument of a scale reaches one of its bands",
        "The range of the argument ends before the band starts. A warning: the band does no harm, but does not do what its "
        "author thought.",
    ),
    Entry(
        "unreachable-case",
        "a case can never be reached",
        "An earlier case already covers it. Remove it, or change the order.",
    ),
    Entry("otherwise-missing", "the cases of a `when` do not cover everything", "Add `otherwise: …`."),
    Entry("cap-below-floor", "a cap lies below a floor", "No value can satisfy both."),
    Entry(
        "unsupported",
        "the language allows this, this version of the compiler does not yet",
        "Nothing is settled on a guess. The message says what can be written instead.",
    ),
)

EXAMPLES = (
    Entry(
        "example-failed",
        "a worked example does not come out as stated",
        "The message gives what was expected and what came out; the note names the first step at which the two part.",
    ),
    Entry("example-value-missing", "an example does not give a value that is needed", "Add it under `given`."),
    Entry(
        "example-value-unused",
        "an example gives a value that nothing uses",
        "Remove it, or expect something that depends on it.",
    ),
    Entry(
        "guarantee-failed",
        "a guarantee does not hold on a settled row",
        "The message gives the group, the period and the amounts on both sides.",
    ),
    Entry(
        "control-failed",
        "a control does not agree with the stated figure",
        "The run can be looked at, and every page of it says so. The message gives both sides where they part.",
    ),
)

DATA = (
    Entry(
        "file-not-found",
        "a file of the binding does not exist",
        "Paths are read from the folder of the binding. `--table NAME=PATH` gives another file.",
    ),
    Entry("file-unreadable", "a file cannot be read", "The message says what is wrong with it. Nothing was settled."),
    Entry("file-empty", "a file has no rows", "An empty file is never taken for zero."),
    Entry(
        "column-not-found",
        "a file lacks a column that the binding names",
        "The nearest headers of the file stand in the help.",
    ),
    Entry(
        "cell-unreadable",
        "a cell does not read as what its column declares",
        "The notes name file, row, column, text and reason. Map the text in the binding, or mend the file.",
    ),
    Entry("duplicate-key", "two rows of a table have the same key", "A key names one row."),
    Entry(
        "unknown-category",
        "a cell holds a value that its category does not list",
        "Add the value to the `category`, or translate it in the binding with `map`.",
    ),
    Entry(
        "out-of-range",
        "a cell lies outside the bounds that the contract declares",
        "The contract says `within a to b` for this column.",
    ),
    Entry(
        "missing-value",
        "a column lacks values",
        "A unit that is paid on such a value is held. Say `when missing …` in the contract if the value may be missing.",
    ),
    Entry("binding-syntax", "the binding is not valid TOML, or has the wrong shape", "See the page on bindings."),
    Entry(
        "binding-unknown-key",
        "the binding has a key that means nothing",
        "The nearest known key stands in the help. Nothing in a binding is ignored silently.",
    ),
    Entry(
        "unbound-table",
        "a table of the contract is not in the binding, or `--table` names a table that does not exist",
        "The binding needs a section `[tables.NAME]` for every input and exhibit of the contract.",
    ),
    Entry(
        "unbound-column",
        "a column of the contract has no line in the binding",
        "Add a line, or say `when missing …` in the contract.",
    ),
    Entry(
        "exhibit-row-missing",
        "an exhibit and the data name different units",
        "The settled units are those of the exhibit. A unit on one side only would be left out silently, so it is an error: "
        "add the row, or leave the unit out of the data with `where`.",
    ),
    Entry(
        "results-mismatch",
        "a file of results was not made by the contract that is named",
        "`use c version … results` reads what `vbc run` wrote for that contract, that version, and the text as it is now. The file "
        "says so itself (Parquet), or `run.json` beside it does (CSV). Settle the other contract again, or bind the right file.",
    ),
    Entry(
        "roster-overlap",
        "a roster says twice on one day where something belongs",
        "On each day a practice belongs to one group. `until` is the first day on which a row does not hold any more, so the row "
        "before ends on the day on which the next one begins. The keys of a few such rows stand in the notes.",
    ),
    Entry(
        "roster-interval",
        "a row of a roster ends on the day it begins, or before",
        "`until` is the first day on which the row does not hold any more. A row that never held is left out of the file.",
    ),
    Entry(
        "member-overlap",
        "a member-month is claimed by more than one unit of a population that refuses it",
        "Mend the data, or say `allow overlap`: then each unit counts it, and the statement shows how many count twice.",
    ),
    Entry(
        "float-without-scale",
        "a floating column is bound without decimals",
        "State the decimals in the contract or in the binding; each number is then rounded once.",
    ),
)

SETTLING = (
    Entry("group-unknown", "there is no such group in the data", "The nearest names stand in the help."),
    Entry(
        "period-unknown",
        "there is no such settlement period",
        "The periods of the term or of the data stand in the help.",
    ),
    Entry(
        "value-unknown",
        "the contract has no value of this name",
        "The nearest names stand in the help. `vbc show CONTRACT` lists all.",
    ),
    Entry(
        "nothing-to-settle",
        "no group has data for a period of the term",
        "Check the binding, the term of the contract and `--period`.",
    ),
    Entry(
        "nothing-to-test",
        "there is no example and no case",
        "Write an `example` block, or a folder with a `case.toml`.",
    ),
    Entry(
        "rows-outside-term",
        "rows lie in months that no period of the contract reads",
        "They are neither paid on nor compared with, and counted nowhere. Files often hold other years as well; a mistyped month "
        "would show here too.",
    ),
    Entry(
        "rows-unplaced",
        "member rows that count, or payments made before, belong to no group or no period that is settled",
        "They would add to nobody's money. Check how the binding reads the key, or exclude the rows with a reason.",
    ),
    Entry(
        "period-without-rows",
        "no table has a row for a period of the term",
        "The period is not settled: sums over nobody would be zero. Bind its data, or name the periods to settle.",
    ),
    Entry(
        "held",
        "a payment is held because data are missing",
        "The note names table, column and rows. The other groups are settled.",
    ),
    Entry(
        "half-step-invalid",
        "`--uncertain` does not read as `INPUT=HALFSTEP`",
        "INPUT is a column of an input; HALFSTEP is a number: `quality=0.005%`, `benchmark=$0.50`.",
    ),
    Entry("case-invalid", "a case folder cannot be read", "See the page on cases for what `case.toml` holds."),
    Entry(
        "case-failed", "a case does not come out as stated", "The message gives what was expected and what came out."
    ),
    Entry(
        "engine-unable",
        "the chosen engine cannot evaluate the contract",
        "The message names the operations. `--engine auto` chooses one that can.",
    ),
    Entry(
        "memory-exceeded",
        "member rows need more memory than the run may take",
        "`--memory-limit` says how much that is. Most of what does not fit goes to a temporary folder, but not all can.",
    ),
    Entry("output-unwritable", "the results cannot be written", "No partial file is left behind."),
    Entry(
        "internal-error",
        "the program failed in a way that is not your mistake",
        "Please report it, with the contract if you may share it. `VBC_DEBUG=1` shows the details.",
    ),
)

SECTIONS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    ("Reading a file", READING),
    ("Documents, versions, amendments", DOCUMENTS),
    ("Names", NAMES),
    ("Kinds, units, grains", TYPES),
    ("Rules of a contract", RULES),
    ("Examples and guarantees", EXAMPLES),
    ("Data and bindings", DATA),
    ("Settling and explaining", SETTLING),
)

CATALOGUE: dict[str, Entry] = {entry.code: entry for _, entries in SECTIONS for entry in entries}
