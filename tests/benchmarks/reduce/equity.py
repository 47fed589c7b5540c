"""What equity adds to a contract: python -m tests.benchmarks.reduce.equity DATADIR

The contract of the benchmark with ten measures, settled without and with two `equity` blocks, by race and by age band.
Prints one JSON line each: CPU seconds of the whole run, checks of the files included.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.reduce.run_contract import FILES, HERE, MEASURES

TEN = 10
START = "import sys; from contractlang.cli import main; sys.exit(main())"
PAID = """
payment quality to group = round((mean(clinical.rate over measure) else 0%) * $1.00 pmpm * panel.member_months to cents, half away from zero)
payment spent to group = round(1% of cost to cents, half away from zero)
payment risk_part to group = round((risk_weight else 0 member_months) * $0.01 pmpm to cents, half away from zero)
"""
BLOCK = """
equity by_{0} of panel {{
  dimension  {0} in {0}
  measures   clinical
  stratum    reportable when denominator >= 30 events and persons >= 30 members, pooling 2 years
  gap        between_group_variance, mix frozen at baseline
  compare    own baseline 2023
  guard      every stratum at least its baseline rate
  reward     scale improvement linear, flat outside {{ 0%: $0.00 pmpm, 10%: $0.75 pmpm, 25%: $1.50 pmpm }}
}}

payment pay_{0} to group = round((mean(by_{0}.reward over measure) else $0 pmpm) * panel.member_months to cents, half away from zero)
"""


def contract(*dimensions: str) -> str:
    lines = (HERE / "contract.vbc").read_text(encoding="utf-8").splitlines(keepends=True)
    later = {word for i in range(TEN, MEASURES) for word in (f"d{i}", f"n{i}", f"m{i}")}
    text = "".join(line for line in lines if not later & set(line.replace("|", " ").split()[:1]))
    text = text.partition("\npayment ")[0].replace("from measures_wide per race {", "from measures_wide {")
    text = text.replace("| denominator | weight |", "| denominator | weight | lower_is_better |")
    text = re.sub(r"(\| m\d+ .*\|)\n", r"\1 no |\n", text).replace("term     2023-01-01", "term     2024-01-01")
    return text + PAID + "".join(BLOCK.format(dimension) for dimension in dimensions)


def cpu(text: str, data: Path) -> float:
    """CPU seconds of `vbc run`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "contract.vbc"
        path.write_text(text, encoding="utf-8")
        files = [f"--table={table}={data / f'{file}.parquet'}" for table, file in FILES.items()]
        command = [
            sys.executable,
            "-c",
            START,
            "run",
            str(path),
            "--data",
            str(HERE / "binding.toml"),
        ]
        subprocess.run([*command, *files], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(data: str) -> None:
    for dimensions in ((), ("race", "age_band")):
        sys.stdout.write(
            json.dumps({"dimensions": dimensions, "cpu_s": round(cpu(contract(*dimensions), Path(data)), 2)}) + "\n"
        )


if __name__ == "__main__":
    main(sys.argv[1])
