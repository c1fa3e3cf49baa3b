"""The README's tour runs as it stands there."""

import os
import pathlib
import re
import subprocess
import time

from region import AWS, OPENENI, ROOT

TOUR_SECONDS = 180
# What the tour may take besides the start-up of its AWS CLI calls: its curl calls wait three seconds for a server that is
# still starting and for an answer that must not come.
OWN_SECONDS = 6.0


def test_the_tour_runs(region):
    readme = (ROOT / "README.md").read_text()
    (tour,) = re.findall(r"^```bash\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    # The only differences: this region's data directory is not the default, and each call of the AWS CLI is timed.
    times = region.directory / "times"
    prelude = f"""
set -eu
openeni() {{ command=$1; shift; {OPENENI} "$command" --data-dir {region.data} "$@"; }}
aws() {{
    local began=$EPOCHREALTIME
    {AWS} "$@"
    echo "$began $EPOCHREALTIME" >>{times}
}}
"""
    path = f"{pathlib.Path(AWS).parent}:{os.environ['PATH']}"
    began = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", prelude + tour],
        env={"PATH": path, "HOME": str(region.directory)},
        capture_output=True,
        text=True,
        timeout=TOUR_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    names = [line for line in done.stdout.splitlines() if re.fullmatch(r"ip-10-0-1-\d+", line)]
    assert len(names) == 2 and names[0] != names[1], done.stdout
    assert "security_group" in done.stdout.replace("-", "_"), done.stdout

    # A waiter that looks twice takes 15 s. What the calls took in the region stands in its log; the rest of their time is
    # the start-up of the AWS CLI.
    calls = [tuple(map(float, line.split())) for line in times.read_text().splitlines()]
    took = time.monotonic() - began - sum(ended - started for started, ended in calls)
    lines = [line for line in region.log.read_text().splitlines() if " openeni::api: " in line]
    assert len(lines) == len(calls), f"{len(lines)} requests of {len(calls)} calls: a waiter looked twice"
    took += sum(float(re.search(r" ([0-9.]+) ms ", line)[1]) for line in lines) / 1000
    assert took < OWN_SECONDS, f"{took:.1f} s besides the start-up of the AWS CLI"
