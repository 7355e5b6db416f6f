#!/usr/bin/env python3
"""Measures all-gather and reduce-scatter between ranks of this machine: Kintsugi over shared memory, Kintsugi over Aeron (UDP on the loopback
interface) and PyTorch over gloo, in turn, and writes one table.

    python3 bench/collectives.py            # 16 and 64 MiB, 2 ranks, 3 turns
    python3 bench/collectives.py --write    # and writes the table to docs/benchmarks/collectives.md

Run it with a Python that has torch. GB/s are bytes of the full f32 buffer by the time of one call, for all three. Machines with neighbours are not
quiet, so the figures that count are ratios of medians over turns that alternate. Every sum is checked.
"""
import argparse
import collections
import datetime
import os
import platform
import statistics
import subprocess
import sys

from workload import ROOT, java, rewrite_section

PAGE = ROOT / "docs" / "benchmarks" / "collectives.md"
WORKER = ROOT / "worker" / "target"
OURS = {"shared memory": "SHM", "Aeron": "AERON"}
PEER = "gloo"
TARGETS = {"shared memory": 8.0, "Aeron": 1.2}


def build():
    if (WORKER / "test-classes/dev/kintsugi/worker/collective/CollectiveBenchmark.class").exists() and (WORKER / "lib").is_dir():
        return
    print("building once ...", file=sys.stderr)
    subprocess.run(["mvn", "-B", "-q", "-pl", "worker", "-am", "-DskipTests", "package"], cwd=ROOT, check=True, stdout=sys.stderr)


def command(name, a):
    if name == PEER:
        return [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(a.ranks), str(ROOT / "bench/peer_gloo.py"), "--sizes", a.sizes]
    return [java(), "-XX:+UseSerialGC", "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "--add-exports",
            "java.base/jdk.internal.misc=ALL-UNNAMED", "--sun-misc-unsafe-memory-access=allow", "-cp",
            "%s:%s:%s/*" % (WORKER / "test-classes", WORKER / "classes", WORKER / "lib"),
            "dev.kintsugi.worker.collective.CollectiveBenchmark", OURS[name], str(a.ranks), a.sizes]


def run(name, a, into):
    done = subprocess.run(command(name, a), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=600,
                          env=dict(os.environ, OMP_NUM_THREADS="1"))
    rows = [line.split() for line in done.stdout.splitlines() if line[:1].isdigit()]
    if done.returncode != 0 or not rows:
        sys.exit("%s ended with %d:\n%s%s" % (name, done.returncode, done.stdout[-2000:], done.stderr[-2000:]))
    for size, collective, speed in rows:
        into[name, collective, int(size)].append(float(speed))


def table(a, speeds):
    lines = ["%d ranks of one thread on one machine (%s, %d cores), f32, medians of %d turns of 5 rounds; %s." % (
        a.ranks, platform.machine(), os.cpu_count(), a.turns, datetime.date.today().strftime("%B %Y")), "",
        "| GB/s | gloo | shared memory | x gloo | Aeron over UDP loopback | x gloo |", "|---|---|---|---|---|---|"]
    short = []
    for collective in ("all-gather", "reduce-scatter"):
        for size in map(int, a.sizes.split(",")):
            medians = {n: statistics.median(speeds[n, collective, size]) for n in (PEER, *OURS)}
            ratios = {n: medians[n] / medians[PEER] for n in OURS}
            lines.append("| %s, %d MiB | %.2f | %.2f | **%.1f** | %.2f | **%.2f** |" % (
                collective, size, medians[PEER], medians["shared memory"], ratios["shared memory"], medians["Aeron"], ratios["Aeron"]))
            short += ["%s %s %d MiB: %.2f x, wanted %.1f x" % (n, collective, size, ratios[n], TARGETS[n]) for n in OURS if ratios[n] < TARGETS[n]]
    return lines, short


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--ranks", type=int, default=2)
    p.add_argument("--sizes", default="16,64", help="MiB of the full buffer")
    p.add_argument("--turns", type=int, default=3)
    p.add_argument("--write", action="store_true", help="rewrite this number of ranks' table of %s" % PAGE.relative_to(ROOT))
    a = p.parse_args()
    build()
    speeds = collections.defaultdict(list)
    for _ in range(a.turns):
        for name in (PEER, *OURS):
            run(name, a, speeds)
    lines, short = table(a, speeds)
    print("\n".join(lines))
    for s in short:
        print("short of the target: " + s)
    if a.write:
        rewrite_section(PAGE, "%d-ranks" % a.ranks, lines)


if __name__ == "__main__":
    main()
