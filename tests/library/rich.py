"""A contract with every kind of item, for properties that must hold for all of them."""

RICH = """\
## The whole language in one contract.
contract tst.rich
title    "Everything"
version  "2024.1"
payer    "A payer"
settles  group per year
term     2021-07-01 to 2024-06-30
pays     2022-07-01 to 2025-06-30
year starts july

use tst.rates version "1" as rates

category track source "rule 1" { ONE, TWO, THREE }
category zip { "02139", "02140" }

## One row per group.
input results per group, year {
  track      category in track
  benchmark  USD                            within $0 to $1_000_000_000
  quality    percent     4 decimals         when missing not applicable "not scored"
  risk       number      3 decimals         when missing 1
  started    date
  scored     flag                           source "letter"
}

exhibit elections per group {
  share  percent  within 50% to 100%  assumed "as negotiated elsewhere"
}

table terms per track, year {
  | track     | year       | max_rate | losses | since      |
  | ONE       | 2021..2022 |      50% | no     | 2021-07-01 |
  | TWO       | 2021..2022 |      60% | yes    | -          |
  | otherwise | 2023..     |      75% | yes    | 2023-07-01 |
}

table member_month per member, month {
  group_id   key
  allowed    USD
  completion percent
}

schedule trend per year assumed "unpublished" { ..2021: 4.0%, 2022..2023: 3.5%, 2024..: 3.0% }
schedule fee per month { 2021-07-01..2022-06-30: $3 pmpm, 2022-07-01..: $4.50 pmpm }
baseline history { 2019: 40%, 2020: 60% }

scale upside(points) linear, flat outside { 1: 20%, 5: 80% }
scale limits(savings_share) marginal symmetric { 0% to 25%: 100%, 25% to 35%: 50%, 35% and more: 10% }
scale uplift(gap) step { below -1.5 points: 1.5%, -1.5 points to 0 points: 1% to 0.5%, 0 points and more: 0% }

constant attachment = $250_000  source "appendix B"

population panel from member_month per line {
  member     member_id
  where      product in [HMO, POS, "1".."9"] and not (age >= 65 or age is missing)
  attribute  to group by group_id
  months     0.5
  exclude    track is not ONE, "carved out"
  refuse     overlap
  require    panel.member_months / 12 months >= 5_000 members, otherwise "too few"
}

spending expense of panel {
  amount     allowed + pharmacy
  truncate   at attachment per member per year, prorated
  complete   by completion
}
spending other of rest like expense

budget target of panel {
  base       expense.pmpm at history
  trend      compounded trend since 2020
  adjust     by 1.01
  cap        120% of expense.pmpm as ceiling
  round      to cents, half to even
}

rate screened of panel from results {
  numerator    hits
  denominator  members
  better       higher
  reportable   when denominator >= 30
}

define rank = percentile(75%, screened.rate over network except own where track is ONE)
define growth = power(1 + trend, 1 / 12, 12 decimals) - prior growth starting 0%
define mixed = mean(risk weighted by member_months over line, measure) else 1 if missing 2
define looked = terms[ONE, 2021].max_rate ^ 2 * round(benchmark to dollars, up)
define chosen
  when quality is applicable and scored:  max(quality, 10%)
  when track in [TWO, THREE]:             -1 pp
  otherwise:                              2%

sharing risk {
  compare    target to expense
  surplus    minimum 2% of target, first dollar unless scored
  deficit    refuse when not terms.losses, "one-sided"
  surplus    share upside(quality)
  deficit    share 1 - chosen
  bands      limits of target when looked > 1
  less       $100
  cap        10% of target as hard_cap source "clause 7"
  net        of advance
  round      to cents, half away from zero
}

payment settlement to group = risk
payment care_fee to practice monthly
  when month < 2022-07-01:  round(fee to cents, down)
  otherwise:                $0

guarantee "exposure is bounded"   always abs(settlement) <= 20% of target
guarantee "quality helps"         settlement never falls as quality rises
guarantee "no cliff"              settlement jumps at most $5 as quality rises

example "small" {
  given   target = $100, expense = $90, track = ONE
  given   | measure | rate |
          | a       |  10% |
          | b       |  20% |
  expect  risk = $5 within $0.01, settlement is not applicable
}
"""

RATES = 'library tst.rates\nversion "1"\n\nconstant base = $1.50 pmpm\n'
