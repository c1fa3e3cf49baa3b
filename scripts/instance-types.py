#!/usr/bin/env python3
"""Writes the tables of instance types: scripts/instance-types.py DUMP

DUMP is what `DescribeInstanceTypes` of EC2 answers, as JSON: an object of the types by name. Run it under the
end-to-end tests' Python; botocore's model says how EC2's XML spells each member. Three files come out, in
`control/model`:

- `instance-types.tsv`: the limits of interfaces and what else the model decides by, one type a line;
- `instance-type-details.tsv`: for each type the places, in the third, of everything else that is only described;
- `instance-type-parts.txt`: those descriptions, each once: `{member=value,…}`, `[value,…]`, a text, or `@` and the
  place of another one.
"""

import itertools
import json
import pathlib
import re
import sys

import botocore.session

MODEL = pathlib.Path(__file__).resolve().parents[1] / "control/model"
# Members that the first table holds.
DECIDED = {
    "InstanceType": [],
    "CurrentGeneration": [],
    "FreeTierEligible": [],
    "BareMetal": [],
    "Hypervisor": [],
    "MemoryInfo": [],
    "BurstablePerformanceSupported": [],
    "NetworkInfo": ["BandwidthWeightings"],
}
# Members that differ from type to type are told apart from those that many types share.
GROUPS = [
    ["EbsInfo"],
    ["ProcessorInfo"],
    ["VCpuInfo"],
    ["InstanceStorageInfo"],
    ["GpuInfo", "FpgaInfo", "InferenceAcceleratorInfo", "MediaAcceleratorInfo", "NeuronInfo"],
]
# Structures that many others share.
SHARED = {"ebsOptimizedInfo"}


class Parts:
    """The descriptions, each once, and where each begins."""

    def __init__(self):
        self.places = {}
        self.size = 0

    def place(self, text):
        if text not in self.places:
            self.places[text] = self.size
            self.size += len(text.encode()) + 1
        return self.places[text]

    def text(self):
        return "".join(f"{text}\n" for text in self.places)

    def written(self, value, shape, name=""):
        """`value` as the third file has it."""
        if shape.type_name == "structure":
            members = [
                (spelt(member, inner), value[member], inner) for member, inner in shape.members.items() if member in value
            ]
            text = ",".join(f"{wire}={self.written(part, inner, wire)}" for wire, part, inner in members)
            text = f"{{{text}}}"
            return f"@{self.place(text)}" if name in SHARED else text
        if shape.type_name == "list":
            return f"[{','.join(self.written(part, shape.member) for part in value)}]"
        text = scalar(value)
        assert not re.search(r"[][{}=,@\n\t]", text), text
        return text


def spelt(name, shape):
    return shape.serialization.get("name", name)


def scalar(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def details(types):
    shape = botocore.session.get_session().get_service_model("ec2").operation_model("DescribeInstanceTypes")
    shape = shape.output_shape.members["InstanceTypes"].member
    parts, lines = Parts(), []
    for name, found in sorted(types.items()):
        unknown = found.keys() - shape.members.keys()
        assert not unknown, f"{name}: the model has no {unknown}"
        kept = {member: value for member, value in found.items() if member not in DECIDED}
        for member, inner in DECIDED.items():
            value = {key: found[member][key] for key in inner if key in found[member]}
            if value:
                kept[member] = value
        rest = [member for member in kept if not any(member in group for group in GROUPS)]
        places = []
        for group in [rest, *GROUPS]:
            value = {member: kept[member] for member in group if member in kept}
            if value:
                places.append(str(parts.place(parts.written(value, shape))))
        lines.append(f"{name}\t{','.join(places)}\n")
    return "".join(lines), parts.text()


def limits(types):
    heading = (
        "instance_type current_generation hypervisor bare_metal burstable free_tier architectures"
        " vcpus cores threads_per_core memory_mib network_performance max_network_interfaces ipv4_per_interface"
        " ipv4_per_secondary_interface ipv6_per_interface ipv6_supported ena_support ena_srd_supported"
        " efa_max_interfaces flexible_ena_queues encryption_in_transit tcp_established_timeout_s udp_stream_timeout_s"
        " udp_timeout_s default_card cards"
    ).split()
    rows = [heading, *(row_of(name, found) for name, found in sorted(types.items()))]
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def row_of(name, found):
    network, processor, vcpu = found["NetworkInfo"], found["ProcessorInfo"], found["VCpuInfo"]
    tracking = network["ConnectionTrackingConfiguration"]
    return [
        name,
        int(found["CurrentGeneration"]),
        found.get("Hypervisor", ""),
        int(found["BareMetal"]),
        int(found["BurstablePerformanceSupported"]),
        int(found["FreeTierEligible"]),
        "|".join(processor["SupportedArchitectures"]),
        vcpu["DefaultVCpus"],
        vcpu["DefaultCores"],
        vcpu["DefaultThreadsPerCore"],
        found["MemoryInfo"]["SizeInMiB"],
        network["NetworkPerformance"],
        network["MaximumNetworkInterfaces"],
        network["Ipv4AddressesPerInterface"],
        network.get("Ipv4AddressesPerSecondaryInterface", ""),
        network["Ipv6AddressesPerInterface"],
        int(network["Ipv6Supported"]),
        network["EnaSupport"],
        int(network["EnaSrdSupported"]),
        network.get("EfaInfo", {}).get("MaximumEfaInterfaces", 0),
        network["FlexibleEnaQueuesSupport"],
        int(network["EncryptionInTransitSupported"]),
        tracking["DefaultTcpEstablishedTimeout"],
        tracking["DefaultUdpStreamTimeout"],
        tracking["DefaultUdpTimeout"],
        network["DefaultNetworkCardIndex"],
        cards_of(network["NetworkCards"]),
    ]


def cards_of(cards):
    """`0:2,0.064,5.0,2,,Up to 5 Gigabit,interface,,;…`, where `0-31:` stands for 32 equal cards."""

    def card(found):
        fields = [
            "MaximumNetworkInterfaces",
            "BaselineBandwidthInGbps",
            "PeakBandwidthInGbps",
            "DefaultEnaQueueCountPerInterface",
            "MaximumEnaQueueCountPerInterface",
            "NetworkPerformance",
        ]
        last = ["MaximumEnaQueueCount", "AdditionalFlexibleNetworkInterfaces"]
        texts = [str(found.get(field, "")) for field in fields]
        return ",".join([*texts, "|".join(found["InterfaceTypes"]), *(str(found.get(field, "")) for field in last)])

    runs = []
    for text, run in itertools.groupby(cards, key=card):
        indexes = [found["NetworkCardIndex"] for found in run]
        named = str(indexes[0]) if len(indexes) == 1 else f"{indexes[0]}-{indexes[-1]}"
        runs.append(f"{named}:{text}")
    return ";".join(runs)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    types = json.loads(pathlib.Path(sys.argv[1]).read_text())
    lines, parts = details(types)
    (MODEL / "instance-types.tsv").write_text(limits(types))
    (MODEL / "instance-type-details.tsv").write_text(lines)
    (MODEL / "instance-type-parts.txt").write_text(parts)


if __name__ == "__main__":
    main()
