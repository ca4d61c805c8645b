// `bindd crash list | show` (replay and reduce have files of their own): what is known of workers that died. Reads the reports' folder; needs no daemon, starts none.

import ArgumentParser
import Glibc
import Wire

struct CrashCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crash", abstract: "Look at crashes: what died, where, after which requests.",
        discussion: "Reports are in crash/ of $BINDD_STATE, else of $XDG_STATE_HOME/bindd, else of ~/.local/state/bindd.",
        subcommands: [CrashListCommand.self, CrashShowCommand.self, CrashReplayCommand.self, CrashReduceCommand.self])
}

struct CrashListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "One line per crash, the newest first.")

    @Option(name: .shortAndLong, help: "table or json.")
    var output = OutputFormat.table

    func run() throws {
        let folder = CrashFolder.standard()
        let rows = folder.names().map { name in CrashReader.summary(folder, name) }
        switch output {
        case .json: Output.write(JSONValue.object([("schema", .int(1)), ("crashes", .array(rows))]).text + "\n")
        case .table: Output.write(crashListText(rows, folder: folder.path, width: Output.columns, style: Output.style))
        }
    }
}

/// Which report is meant, for the commands that take one.
struct ReportArgument: ParsableArguments {
    @Argument(
        help: "Place in the list (1: the newest, the default), pid of the worker, or beginning of the report's name.",
        completion: .custom(Completions.crashes))
    var report: String?

    /// The report's folder.
    func find() throws -> String {
        let folder = CrashFolder.standard()
        guard let name = folder.find(report) else {
            guard let report else { throw failure("no crash is recorded in \(folder.path)") }
            throw failure("no crash \"\(shownText(report))\" in \(folder.path)\n  hint: `bindd crash list` shows what is there")
        }
        return "\(folder.path)/\(name)"
    }
}

struct CrashShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "The report of one crash.")

    @OptionGroup var which: ReportArgument

    @Option(name: .shortAndLong, help: "table or json.")
    var output = OutputFormat.table

    @Flag(help: "All of the requests before it and of the stack.")
    var all = false

    func run() throws {
        let folder = try which.find()
        guard let report = CrashReader.report(folder) else {
            throw failure(
                "the report in \(folder) is not finished or damaged\n  hint: it is written within a second after the crash; "
                    + "the daemon's log tells when that failed")
        }
        switch output {
        case .json: Output.write(report.text + "\n")
        case .table: Output.write(crashText(report, folder: folder, isAll: all, style: Output.style))
        }
    }
}

/// Reports as they lie in their folders.
enum CrashReader {
    /// nil: there is none yet, or it is damaged.
    static func report(_ folder: String) -> JSONValue? {
        guard let file = MappedFile(path: "\(folder)/\(CrashFolder.reportName)") else { return nil }
        do throws(JSONError) {
            let report = try JSONReader.read(String(decoding: file.bytes, as: UTF8.self))
            return .object(report.members + [("python", .array(pythonStacks(folder)))])
        } catch { return nil }
    }

    private static let stackBytesMax = 1 << 16

    /// What clients have put beside the report: where their Python was.
    private static func pythonStacks(_ folder: String) -> [JSONValue] {
        CrashFolder.entries(folder).filter { $0.hasPrefix("python-") && $0.hasSuffix(".txt") }.sorted().compactMap { name in
            guard let file = MappedFile(path: "\(folder)/\(name)") else { return nil }
            let text = String(decoding: file.bytes.prefix(stackBytesMax), as: UTF8.self)
            return .object([("pid", .uint(UInt64(name.dropFirst(7).dropLast(4)) ?? 0)), ("stack", .string(text))])
        }
    }

    static func summary(_ folder: CrashFolder, _ name: String) -> JSONValue {
        let path = "\(folder.path)/\(name)"
        let head: [(String, JSONValue)] = [("name", .string(name)), ("folder", .string(path))]
        guard let report = report(path) else { return .object(head + [("finished", .bool(false))]) }
        let kept = ["at", "pid", "cause", "workspace", "operation", "request", "elapsed_ms", "memory_exhausted", "reason", "top"]
        return .object(
            head + [("finished", .bool(true))] + kept.map { ($0, report[$0] ?? .null) })
    }
}
