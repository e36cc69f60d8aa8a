"""Checks what this kernel, container and machine allow: each line is something that was tried.

Exit code 0 if Stretto can run here, 125 if something that it needs is missing.
"""

import json
from dataclasses import asdict, dataclass

from .. import probes
from ..errors import ExitCode, printable
from ..parser import Parser


@dataclass(frozen=True)
class Check:
    """One thing to try: what its absence costs, and how to get it."""

    name: str
    probe: probes.Probe
    needed: bool
    cost: str
    remedy: str


@dataclass(frozen=True)
class Finding:
    """What came of one check."""

    name: str
    status: str
    needed: bool
    detail: str
    cost: str = ""
    remedy: str = ""


TRACING = (
    "Docker: docker run --cap-add SYS_PTRACE, or a seccomp profile that allows ptrace; "
    "SELinux: setsebool deny_ptrace off"
)
CHECKS = (
    Check("architecture", probes.architecture, True, "nothing runs", "an x86-64 machine"),
    Check("kernel", probes.kernel, True, "what Stretto asks of it may be missing", "Linux 6.7 or later"),
    Check(
        "native core",
        probes.core,
        True,
        "nothing runs",
        "pip install . in the source tree, with Rust installed",
    ),
    Check("ptrace", probes.trace_child, True, "nothing runs: variants are stopped with it", TRACING),
    Check(
        "Yama",
        probes.yama,
        False,
        "at 2 only root can trace, at 3 nobody",
        "sysctl kernel.yama.ptrace_scope=1 (a value of 3 lasts until reboot)",
    ),
    Check(
        "no_new_privs", probes.no_new_privileges, True, "no seccomp filter without root", "a kernel since 3.5"
    ),
    Check(
        "seccomp",
        probes.seccomp_trace,
        True,
        "system calls can't be intercepted",
        "a kernel with CONFIG_SECCOMP_FILTER; Docker: --security-opt seccomp=unconfined",
    ),
    Check(
        "seccomp listener",
        probes.seccomp_notify,
        False,
        "calls that the monitor approves (files by their names) stop for that: 1.3 times as long",
        "a container without a listener of its own (as for SCMP_ACT_NOTIFY)",
    ),
    Check("process_vm_readv", probes.remote_memory, True, "arguments can't be compared", TRACING),
    Check(
        "pidfd_getfd",
        probes.fetch_descriptor,
        False,
        "descriptors that are mapped can't be shared with followers",
        TRACING,
    ),
    Check(
        "PR_SET_TSC",
        probes.trap_time_stamp,
        False,
        "programs that read the time stamp themselves may diverge",
        "x86-64 hardware or a virtual machine that lets rdtsc fault",
    ),
    Check(
        "membarrier",
        probes.membarrier,
        False,
        "calls of programs with threads are slow: their code is patched only before there are several",
        "Linux 4.16 or later, and a container that allows membarrier(2)",
    ),
    Check(
        "short slices",
        probes.short_slices,
        False,
        "pipelines and more variants than CPUs take up to twice as long",
        "Linux 6.12 or later, and no real-time policy",
    ),
    Check(
        "not traced",
        probes.untraced,
        False,
        "another tracer above Stretto may take its children",
        "run without strace -f, gdb or rr around it",
    ),
    Check("CPUs", probes.cpus, False, "variants take turns: several times slower", "a CPU for each variant"),
)


def main(argv: list[str]) -> int:
    """Prints one line for each check, in detail where something is missing."""
    parser = Parser("doctor", __doc__)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    arguments = parser.parse_args(argv)
    findings = [examine(check) for check in CHECKS]
    able = not any(finding.needed and finding.status == "missing" for finding in findings)
    if arguments.json:
        document = {
            "able": able,
            "container": probes.container(),
            "checks": [asdict(finding) for finding in findings],
        }
        print(json.dumps(document, indent=2))
    else:
        _print(findings, able)
    return ExitCode.OK if able else ExitCode.FAILED


def examine(check: Check) -> Finding:
    """Runs one probe; what it raises is what is missing."""
    try:
        return Finding(check.name, "ok", check.needed, check.probe())
    except (probes.Missing, OSError, AttributeError) as error:
        return Finding(check.name, "missing", check.needed, str(error), check.cost, check.remedy)


def _print(findings: list[Finding], able: bool) -> None:
    for finding in findings:
        mark = "ok" if finding.status == "ok" else "MISSING" if finding.needed else "weak"
        print(f"{mark:<8}{finding.name:<17} {printable(finding.detail)}")
        if finding.status != "ok":
            print(f"{'':<8}{'':<17} costs: {finding.cost}")
            print(f"{'':<8}{'':<17} get it: {finding.remedy}")
    where = probes.container()
    print(f"container: {where}")
    print("Stretto can run here." if able else "Stretto can't run here: what is marked MISSING is needed.")
