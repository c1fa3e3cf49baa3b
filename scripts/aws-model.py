#!/usr/bin/env python3
"""Writes what OpenENI takes over from botocore's models of AWS: scripts/aws-model.py [--check]

Run it under the end-to-end tests' Python (`.venv/bin/python`) after botocore was upgraded, and review what changed.
`--check` writes nothing and fails where a committed file is not what this botocore gives.
"""

import pathlib
import sys

import botocore.session

ROOT = pathlib.Path(__file__).resolve().parents[1]
API = ROOT / "crates/shell/eni-ec2-api/aws"
SERVED = ("ec2", "sts")


def actions(session, service):
    """Every action of a service, one a line."""
    return "".join(f"{name}\n" for name in sorted(session.get_service_model(service).operation_names))


def services(session):
    """One line for each AWS service other than those served; the one that a signing name stands for comes first."""
    rows = []
    for client in session.get_available_services():
        if client in SERVED:
            continue
        metadata = session.get_service_model(client).metadata
        signing = metadata.get("signingName", metadata["endpointPrefix"])
        # Plain names before the names of side services that sign alike.
        order = (signing, client != signing, metadata["endpointPrefix"] != signing, len(client), client)
        row = (
            signing,
            metadata["protocol"],
            metadata["apiVersion"],
            metadata.get("targetPrefix", ""),
            metadata["serviceFullName"],
        )
        rows.append((order, row))
    heading = ("signing_name", "protocol", "version", "target_prefix", "name")
    return "".join("\t".join(row) + "\n" for row in [heading, *(row for _, row in sorted(rows))])


def files():
    """The text of each file, by its path."""
    session = botocore.session.get_session()
    texts = {API / f"{service}-actions.txt": actions(session, service) for service in SERVED}
    texts[API / "services.tsv"] = services(session)
    return texts


def differing():
    """The committed files that are not what this botocore gives."""
    return [
        str(path.relative_to(ROOT)) for path, text in files().items() if not path.exists() or path.read_text() != text
    ]


def main():
    if sys.argv[1:] == ["--check"]:
        stale = differing()
        if stale:
            sys.exit(f"not what botocore {botocore.__version__} gives: {', '.join(stale)}")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        for path, text in files().items():
            path.write_text(text)


if __name__ == "__main__":
    main()
