"""The README's tour runs as it stands there."""

import os
import pathlib
import re
import subprocess

from region import AWS, OPENENI, ROOT

TOUR_SECONDS = 180


def test_the_tour_runs(region):
    readme = (ROOT / "README.md").read_text()
    (tour,) = re.findall(r"^```bash\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    # The only difference: this region's data directory is not the default.
    prelude = f"""
set -eu
openeni() {{ command=$1; shift; {OPENENI} "$command" --data-dir {region.data} "$@"; }}
"""
    path = f"{pathlib.Path(AWS).parent}:{os.environ['PATH']}"
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
