"""Fuzzing with libFuzzer and the address sanitizer: builds the targets, runs each for a while, tells what was found.

    fuzz/run.py [--seconds 60] [--canary] [--no-build] [TARGET…]      (make fuzz, make fuzz-canary)
    fuzz/run.py --record                                      new seeds for the session target, from the client's tests

Targets: the daemon's own in Tests/FuzzTests (wire, gate, json, sexp, view-file, session, journal), compiled into one bundle; of the
extension c-wire, c-idset, c-arena (a file of csrc each) and c-replies (all of it in an interpreter, against a daemon
that answers with chosen bytes). Corpora grow in .fuzz/corpus and are thrown away with it. What is found goes to
Tests/fixtures/fuzz/TARGET, where `make test` replays it from then on, and this ends with status 1.

--canary runs each target with a planted bug, which it must find: in the daemon's targets an overread behind a switch, in
the extension a check taken out of a copy of the source. Status 1 when one does not.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".fuzz"
FIXTURES = ROOT / "Tests" / "fixtures" / "fuzz"
CSRC = ROOT / "python_client" / "csrc"
LAYOUT = ROOT / "Sources" / "CLayout" / "include"
TOOLCHAIN = Path(shutil.which("swiftc") or "/usr/bin/swiftc").resolve().parent
CLANG = str(TOOLCHAIN / "clang")
BUNDLE = ROOT / ".build-fuzz" / "release" / "binddPackageTests.xctest"
SWIFT_TARGETS = ["wire", "gate", "json", "sexp", "view-file", "session", "journal"]
C_FLAGS = ["-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-fno-omit-frame-pointer"]
SANITIZERS = "address,undefined"
CANARY_SECONDS = 60

# What is taken out of a copy of the extension: the file, the check, what stands in its place.
CANARIES = {
    "c-wire": ("bd_wire.c", "if (reader->bad || bytes > bd_reader_left(reader)) {\n        reader->bad = true;\n        return NULL;\n    }\n    const unsigned char *at = reader->data + reader->at;\n    size_t padded", "if (reader->bad) return NULL;\n    const unsigned char *at = reader->data + reader->at;\n    size_t padded"),
    "c-idset": ("bd_idset.c", "    memset(counts->recent, 0, sizeof counts->recent);\n", ""),
    "c-arena": ("bd_arena_inside.h", "if (end > arena->limit && !bd_arena_reach(arena, end)) return NULL;", "bd_arena_reach(arena, end);"),
    "c-replies": ("bd_sexp.c", "if (node->text_start > document->text_bytes || node->text_length > document->text_bytes - node->text_start)", "if (node->text_start > document->text_bytes)"),
}
C_TARGETS = list(CANARIES)


@dataclass
class Outcome:
    target: str
    runs: int = 0
    seconds: float = 0
    coverage: int = 0
    corpus: int = 0
    found: list[Path] = field(default_factory=list)
    words: str = ""


def run(*words: str | Path, **options: object) -> None:
    subprocess.run([str(word) for word in words], check=True, **options)  # type: ignore[call-overload]


# -- building ------------------------------------------------------------------------------------------------------------


def build_swift() -> None:
    """The test bundle, instrumented, with libFuzzer in it; a bundle has a main of its own, so libFuzzer's stays out."""
    library = next(TOOLCHAIN.parent.glob(f"lib/clang/*/lib/linux/libclang_rt.fuzzer_no_main-{platform.machine()}.a"))
    swift = ["-enable-testing", "-DFUZZING", "-sanitize=address", "-use-ld=lld",
             "-sanitize-coverage=edge,indirect-calls,trace-cmp,inline-8bit-counters,pc-table"]
    options = [word for flag in swift for word in ("-Xswiftc", flag)]
    options += [word for flag in (str(library), "-lstdc++") for word in ("-Xlinker", flag)]
    run("swift", "build", "--build-tests", "-c", "release", "--scratch-path", ".build-fuzz", *options, cwd=ROOT)


def source(canary: str | None) -> Path:
    """The extension's sources: as they are, or a copy that lacks a check."""
    if canary is None:
        return CSRC
    folder = WORK / "canary" / canary / "python_client"
    shutil.rmtree(folder.parent, ignore_errors=True)
    shutil.copytree(ROOT / "python_client", folder, ignore=shutil.ignore_patterns("build", "*.so", "*.egg-info"))
    name, check, instead = CANARIES[canary]
    text = (folder / "csrc" / name).read_text()
    if text.count(check) < 1:
        raise SystemExit(f"{canary}: the check that its canary takes out of {name} is not there any more:\n{check}")
    (folder / "csrc" / name).write_text(text.replace(check, instead, 1))
    return folder / "csrc"


def build_c(target: str, canary: str | None, compiler: str = CLANG, driver: Path | None = None) -> Path:
    """A target of one file of csrc, and what that needs. With `driver`, a main of its own in place of libFuzzer."""
    name = target.removeprefix("c-")
    binary = WORK / f"{target}{'-canary' if canary else ''}{'-replay' if driver else ''}"
    binary.parent.mkdir(exist_ok=True)
    csrc = source(canary)
    engine = f"-fsanitize={'' if driver else 'fuzzer,'}{SANITIZERS}"
    link = ["-fno-sanitize-recover=all"] if driver else ["-fuse-ld=lld"]
    run(compiler, *C_FLAGS, engine, *link, f"-I{ROOT / 'fuzz'}", f"-I{csrc}", f"-I{LAYOUT}",
        ROOT / "fuzz" / f"fuzz_{name}.c", *sorted(csrc.glob(f"bd_{name}*.c")), csrc / "bd_descriptor.c", *([driver] if driver else []), "-o", binary)
    return binary


def build_replies(canary: str | None) -> tuple[Path, Path]:
    """The extension for libFuzzer, and the program with the interpreter. The folder of the package, and the program."""
    folder = WORK / ("extension-canary" if canary else "extension")
    copy = folder / "python_client"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "python_client", copy, ignore=shutil.ignore_patterns("build", "*.so", "*.egg-info"))
    shutil.copytree(ROOT / "Sources" / "CLayout", folder / "Sources" / "CLayout")
    if canary:
        shutil.copytree(source(canary), copy / "csrc", dirs_exist_ok=True)
    shutil.copytree(ROOT / "tools", folder / "tools")
    shutil.copytree(copy / "src" / "bindd", folder / "built" / "bindd")
    flags = f"-fsanitize=fuzzer-no-link,{SANITIZERS} -fno-omit-frame-pointer -O1 -g"
    build = "import native, pathlib, sys; native.build_extension('release', lambda _: None, pathlib.Path(sys.argv[1]))"
    run(sys.executable, "-c", build, folder / "built" / "bindd" / "_bindd.abi3.so", cwd=folder / "tools",
        env={**os.environ, "CC": CLANG, "CFLAGS": flags})
    binary = WORK / "c-replies"
    library = sysconfig.get_config_var("LIBDIR")
    run(CLANG, *C_FLAGS, f"-fsanitize=fuzzer,{SANITIZERS}", "-rdynamic", "-fuse-ld=lld", f"-I{ROOT / 'fuzz'}",
        f"-I{sysconfig.get_config_var('INCLUDEPY')}", ROOT / "fuzz" / "fuzz_replies.c", f"-L{library}", f"-Wl,-rpath,{library}",
        f"-lpython{sysconfig.get_config_var('VERSION')}", "-o", binary)
    return folder / "built", binary


# -- running -------------------------------------------------------------------------------------------------------------


def seeds(target: str) -> Path:
    """A folder with what the target begins with: its own seeds, and what was found before."""
    folder = WORK / "seeds" / target
    folder.mkdir(parents=True, exist_ok=True)
    if target == "c-replies":
        sys.path.insert(0, str(ROOT / "fuzz"))
        import replies

        for number, seed in enumerate(replies.seeds()):
            (folder / f"seed-{number}").write_bytes(seed)
    if target == "c-wire":
        for number, line in enumerate((ROOT / "Tests/fixtures/frames.tsv").read_text().splitlines()[2:]):
            data = bytes.fromhex(line.split("\t")[-1])
            (folder / f"seed-{number}").write_bytes(bytes([2, 0, 3, 5, 1, 4] * (len(data) // 6 + 1))[: len(data)] + data)
    for path in FIXTURES.glob(f"{target}/*"):
        if path.suffix != ".txt":
            shutil.copy(path, folder)
    return folder


def bundle(name: str, **environment: str) -> None:
    """Runs one function of the bundle that is no fuzzing."""
    run(BUNDLE, "--testing-library", "swift-testing", "--filter", f"FuzzTests/{name}", stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0", **environment})


def fuzz(target: str, seconds: int, canary: bool, build: bool) -> Outcome:
    corpus = WORK / "corpus" / (f"{target}-canary" if canary else target)
    artifacts = WORK / "artifacts" / target
    for folder in (corpus, artifacts):
        if canary or folder == artifacts:
            shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
    options = [str(corpus), str(seeds(target)), f"-max_total_time={seconds}", f"-artifact_prefix={artifacts}/", "-timeout=20",
               "-max_len=4096", "-rss_limit_mb=3000", "-print_final_stats=1", "-use_value_profile=1", "-verbosity=1"]
    environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1", "SWIFT_BACKTRACE": "enable=no",
                   "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
    planted = target if canary else None
    if target in SWIFT_TARGETS:
        words = [str(BUNDLE), "--testing-library", "swift-testing", "--filter", "FuzzTests/fuzz"]
        environment |= {"BINDD_FUZZ": target, "BINDD_FUZZ_ARGUMENTS": "\n".join(options), "BINDD_FUZZ_CANARY": str(int(canary))}
    elif target == "c-replies":
        folder, binary = build_replies(planted) if build else (WORK / "extension" / "built", WORK / "c-replies")
        words = [str(binary), *options]
        environment |= {"PYTHONPATH": f"{folder}:{ROOT / 'fuzz'}", "BINDD_FUZZ_PYTHON": sys.executable}
    else:
        words = [str(build_c(target, planted) if build else WORK / target), *options]
    outcome = Outcome(target)
    log = WORK / f"{target}{'-canary' if canary else ''}.log"
    started = time.monotonic()
    with log.open("w") as output:
        child = subprocess.Popen(words, env=environment, stdout=output, stderr=output, cwd=WORK)
        try:
            child.wait(seconds + 120)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            outcome.words = "did not end"
    outcome.seconds = time.monotonic() - started
    read_log(outcome, log.read_text(errors="replace"), child.returncode)
    outcome.corpus = sum(1 for _ in corpus.iterdir())
    outcome.found = sorted(artifacts.iterdir())
    return outcome


def read_log(outcome: Outcome, text: str, status: int) -> None:
    if runs := re.findall(r"^(?:#|stat::number_of_executed_units: |Done )(\d+)", text, re.M):
        outcome.runs = max(map(int, runs))
    if coverage := re.findall(r" cov: (\d+)", text):
        outcome.coverage = int(coverage[-1])
    blamed = re.search(r"^fuzz: (?!Running).*|^.*(?:ERROR: (?:Addr|libF)|runtime error:|Fatal error:).*", text, re.M)
    if blamed and status != 0:
        outcome.words = blamed.group()[:160]
    elif status != 0 and not outcome.words:
        outcome.words = f"ended with status {status}"


def keep(outcome: Outcome) -> None:
    """What was found becomes a fixture; a session's case as text."""
    if not outcome.found:
        return
    folder = FIXTURES / outcome.target
    folder.mkdir(parents=True, exist_ok=True)
    if outcome.target == "session":
        bundle("texts", BINDD_FUZZ_TEXTS=str(WORK / "artifacts" / "session"))
    for path in outcome.found:
        data = path.read_bytes()
        name = f"found-{hashlib.sha256(data).hexdigest()[:12]}"
        text = path.with_name(path.name + ".txt")
        kept = folder / (name + ".txt" if text.exists() else name)
        shutil.copy(text if text.exists() else path, kept)
        print(f"{outcome.target}: kept as {kept.relative_to(ROOT)}")


def record() -> None:
    build_swift()
    folder = WORK / "record"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    run(sys.executable, ROOT / "fuzz" / "record.py", folder)
    bundle("texts", BINDD_FUZZ_TEXTS=str(folder))
    target = FIXTURES / "session"
    target.mkdir(parents=True, exist_ok=True)
    for path in folder.glob("*.wire.txt"):
        shutil.copy(path, target / path.name.replace(".wire", ""))


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzzing with libFuzzer and the address sanitizer.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(SWIFT_TARGETS + C_TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--canary", action="store_true", help="with planted bugs, which must be found")
    parser.add_argument("--no-build", action="store_true", help="what was built before")
    parser.add_argument("--record", action="store_true", help="makes the session's seeds anew")
    options = parser.parse_args()
    targets = options.targets or SWIFT_TARGETS + C_TARGETS
    if unknown := set(targets) - set(SWIFT_TARGETS + C_TARGETS):
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    WORK.mkdir(exist_ok=True)
    if options.record:
        record()
        return 0
    if set(targets) & set(SWIFT_TARGETS):
        if not options.no_build:
            build_swift()
        (WORK / "seeds").mkdir(exist_ok=True)
        bundle("seeds", BINDD_FUZZ_SEEDS=str(WORK / "seeds"))
    failed = 0
    print(f"{'target':<10} {'runs':>9} {'per s':>7} {'edges':>6} {'corpus':>6}  result", flush=True)
    for target in targets:
        outcome = fuzz(target, CANARY_SECONDS if options.canary else options.seconds, options.canary, not options.no_build)
        is_found = bool(outcome.found or outcome.words)
        result = outcome.words or "nothing found"
        if options.canary:
            result = f"planted bug found after {outcome.seconds:.1f} s" if outcome.found else f"PLANTED BUG NOT FOUND; {result}"
            failed += not outcome.found
        else:
            failed += is_found or outcome.runs == 0
            keep(outcome)
        print(f"{target:<10} {outcome.runs:>9} {outcome.runs / outcome.seconds:>7.0f} {outcome.coverage:>6} {outcome.corpus:>6}  {result}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
