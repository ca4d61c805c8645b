// `bindd crash replay | reduce`: the requests of a report once more, in children of this process that die of them.

import ArgumentParser
import CShim
import Glibc
import Wire

struct CrashReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Apply a crash's requests again, to see whether it comes again.",
        discussion: "Exits with status 0 when it died of the same request in the same way, 1 when not.")

    @OptionGroup var which: ReportArgument

    @Option(help: "How often.")
    var times = 1

    @Flag(help: "Run it in gdb, which stops where it dies.")
    var gdb = false

    @Flag(help: ArgumentHelp("Apply the requests in this process, which dies of them.", visibility: .hidden))
    var here = false

    func run() throws {
        let folder = try which.find()
        if gdb { throw startGdb(folder) }
        do {
            let (report, crash) = try loadCrash(folder)
            if here {
                try CrashRun(crash: crash).applyHere()
                return
            }
            let run = CrashRun(crash: crash)
            let expected = report.text("cause")
            var same = 0
            var other = ""
            for _ in 0..<max(times, 1) {
                let outcome = try run.run(Array(crash.steps.indices))
                let isSame = outcome.step == crash.steps.count - 1 && outcome.words.hasSuffix(" \(expected)")
                if isSame { same += 1 } else { other = "\(outcome.words)\(outcome.step.map { " at step \($0 + 1)" } ?? "")" }
            }
            let last = crash.steps[crash.steps.count - 1]
            let words = "\(Units.count(UInt64(crash.steps.count))) requests applied again; it died with \(expected) in "
                + "\(report.text("operation")) (request \(Units.count(last.number)))"
            guard same == max(times, 1) else {
                throw failure("it died as reported \(same) times of \(max(times, 1)); else it \(other)")
            }
            Output.write("\(words), as reported, \(same) times of \(max(times, 1))\n")
        } catch let error as ExitCode { throw error } catch { throw failure("\(error)") }
    }

    /// Becomes gdb. Returns only when it could not.
    private func startGdb(_ folder: String) -> ExitCode {
        let name = folder.split(separator: "/").last.map(String.init) ?? folder
        let words = ["gdb", "-q", "-ex", "run", "-ex", "bt", "--args", programPath(), "crash", "replay", "--here", name]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        arguments.append(nil)
        execvp("gdb", arguments)
        return failure("gdb cannot be started: \(SystemError.text(errno))\n  hint: install gdb, or leave --gdb out")
    }
}

struct CrashReduceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reduce", abstract: "Find the shortest list of requests that still crashes, as a Python script.",
        discussion: "Writes reproducer.py into the report's folder too. Exits with status 1 when there is no script.")

    @OptionGroup var which: ReportArgument

    @Option(help: "At most so many seconds.")
    var seconds: UInt64 = 120

    @Flag(help: "Do not run the script to see whether it crashes.")
    var unchecked = false

    @Option(name: .shortAndLong, help: "table or json.")
    var output = OutputFormat.table

    func run() throws {
        let folder = try which.find()
        do {
            let (report, crash) = try loadCrash(folder)
            let count = crash.steps.count
            var reduction = try CrashReduction(
                crash, comparesPlaces: report["memory_exhausted"] != .bool(true), limits: .init(seconds: seconds))
            let steps = try reduction.reduce()
            let calls = steps.filter { ($0.operation ?? 0) >= Operation.firstMethod }
            let about = "\(report.text("cause")) in \(report.text("operation")), bindd \(report["versions"]?.text("bindd") ?? "")\n"
                + "\(calls.count) calls of \(Units.count(UInt64(count))) requests"
                + (reduction.isCutShort ? " (a limit of time was reached: fewer may do)" : "")
            var reduced = reduction.crash
            reduced.steps = steps
            var (script, objection) = ("", "")
            switch CrashRun(crash: reduced).script(about: about) {
            case .success(let text): script = text
            case .failure(let error): objection = error.description
            }
            let path = "\(folder)/reproducer.py"
            var verdict = ""
            if !script.isEmpty {
                try save(script, path)
                verdict = unchecked ? "not checked" : try ScriptCheck(script: path, report: report).run()
            }
            Result(steps: calls, script: script, verdict: verdict, path: path, runs: reduction.runs, about: about).write(output)
            if script.isEmpty { throw failure("there is no script: \(objection)") }
            if !unchecked, !verdict.hasPrefix("checked") { throw ExitCode(ExitStatus.failure) }
        } catch let error as ExitCode { throw error } catch { throw failure("\(error)") }
    }

    private func save(_ text: String, _ path: String) throws {
        let fd = bd_file_open(path, O_WRONLY | O_CREAT | O_TRUNC)
        guard fd >= 0, writeAll(fd, text) else { throw SystemError("write \(path)", code: errno) }
        close(fd)
    }

    private struct Result {
        let steps: [CrashStep]
        let script: String
        let verdict: String
        let path: String
        let runs: Int
        let about: String

        func write(_ format: OutputFormat) {
            let words = RequestWords()
            let trace = steps.compactMap { step -> String? in
                guard case .request(let operation, let payload) = step.action else { return nil }
                return "\(words.name(operation)) \(words.arguments(operation, payload))"
            }
            switch format {
            case .json:
                Output.write(
                    JSONValue.object([
                        ("schema", .int(1)), ("calls", .int(Int64(steps.count))), ("runs", .int(Int64(runs))),
                        ("trace", .array(trace.map { .string($0) })), ("script", .string(script)), ("path", .string(path)),
                        ("checked", .string(verdict)),
                    ]).text + "\n")
            case .table:
                Output.write(about.split(separator: "\n").map { "\($0)\n" }.joined() + "\ntrace\n")
                Output.write(trace.map { "  \(shownText($0))\n" }.joined())
                if !script.isEmpty { Output.write("\nscript (\(path); \(verdict))\n\n\(script)") }
            }
        }
    }
}

/// Report and steps of a folder. Only the build that wrote a report knows what its requests mean.
private func loadCrash(_ folder: String) throws -> (JSONValue, CrashCase) {
    guard let report = CrashReader.report(folder) else { throw CrashError("the report in \(folder) is not finished or damaged") }
    return (report, try CrashCase.load(folder, report))
}

func programPath() -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4097) { room in
        guard let start = room.baseAddress else { return "bindd" }
        let count = readlink("/proc/self/exe", start, 4096)
        guard count > 0 else { return "bindd" }
        start[count] = 0
        return String(cString: start)
    }
}
