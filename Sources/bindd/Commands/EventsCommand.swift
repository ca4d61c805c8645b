// `bindd events`: what happens, as it happens, one line each. The daemon tells; nobody is asked again and again. What could
// not be told is counted, not passed over in silence. Cost: one connection.

import ArgumentParser
import Glibc
import Wire

struct EventsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Show what happens: workers and clients that come and go, handles, changed files.",
        discussion: """
            worker_started, worker_restarted, worker_ended, worker_crashed, client_connected, client_gone, handles (every five \
            seconds, of clients that hold more or fewer), file_changed, folder_hangs (what changes in there is not seen, until it \
            answers), daemon_stopping. Each has a number, one higher than the one before. Exits with status 3 when no daemon runs, and with 0 when the daemon stops.
            """)

    @OptionGroup var place: SocketOption

    @Option(help: ArgumentHelp("Only these, separated by commas.", valueName: "events"), completion: .custom(Completions.events))
    var only: String?

    @Option(help: ArgumentHelp("Begin behind the event of this number; 0, or a number that this daemon has not given yet: with the oldest that is kept.", valueName: "number"))
    var after: UInt64?

    @Option(help: ArgumentHelp("Tell when this file changes (can be given again).", valueName: "path"), completion: .file())
    var file: [String] = []

    @Option(parsing: .unconditional, help: ArgumentHelp("End after so many events.", valueName: "count"))
    var count: Int?

    @Option(name: .shortAndLong, help: "table (words) or jsonl.")
    var output = StreamFormat.table

    func run() throws {
        let wanted = try checked()
        var arguments = file.enumerated().map { index, path in
            Attribute(key: "file\(index)", value: .string(absolute(path)))
        }
        if let after { arguments.append(Attribute(key: "after", value: .int(Int64(clamping: after)))) }
        let client = try connectedClient(place)
        let head: JSONValue
        do { head = try parsedAnswer(try client.ask("subscribe", arguments)) } catch let error as ControlError {
            throw commandFailure(error)
        }
        lost(head.unsigned("lost"))
        var shown = 0
        var last = head.unsigned("after")
        do {
            while shown < count ?? .max {
                let event = try parsedAnswer(try client.next("events"))
                last = event.unsigned("number")
                if event.text("event") == "daemon_stopping", wanted == nil { show(event) }
                if event.text("event") == "daemon_stopping" { return }
                guard wanted?.contains(event.text("event")) ?? true else { continue }
                show(event)
                shown += 1
            }
        } catch ControlError.ended {
            throw failure(
                "the daemon (pid \(client.daemonPid)) ended; event \(last) is the last one that it told\n"
                    + "  hint: `bindd logs` may tell why; who uses bindd next starts another one, which counts from 1")
        } catch let error as ControlError {
            throw failure("\(error)\n  hint: `bindd events --after \(last)` goes on where this ended, if the same daemon still runs")
        }
    }

    /// The events that are wanted; nil: all. Wrong words end the command before a daemon is asked.
    private func checked() throws -> Set<String>? {
        if let count { try atLeast(1, count, "--count") }
        guard file.count <= DaemonLimits.filesWatchedMax else {
            throw misuse("at most \(DaemonLimits.filesWatchedMax) files can be watched, \(file.count) were given")
        }
        if let folder = file.first(where: { $0.isEmpty || $0.hasSuffix("/") }) { throw misuse("--file \"\(shownText(folder))\" is no path of a file") }
        guard let only else { return nil }
        let wanted = Set(only.split(separator: ",").map(String.init))
        if let unknown = wanted.subtracting(EventBoard.names).min() {
            throw misuse("there is no event \"\(shownText(unknown))\"\n  hint: \(EventBoard.names.joined(separator: ", "))")
        }
        return wanted
    }

    private func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return "\(String(cString: folder))/\(path)"
    }

    private func lost(_ count: UInt64) {
        guard count > 0 else { return }
        Output.write(
            output == .jsonl
                ? JSONValue.object([("event", .string("lost")), ("count", .uint(count))]).text + "\n"
                : "… \(Units.count(count)) events are too long ago\n")
    }

    /// 10:22:01.123 17 worker_crashed pid=4711 cause=SIGSEGV
    private func show(_ event: JSONValue) {
        guard output == .table else { return Output.write(event.text + "\n") }
        var line = "\(event.text("at").dropFirst(11).dropLast()) \(event.unsigned("number")) \(event.text("event"))"
        for (name, value) in event.members where !["number", "at", "event"].contains(name) && value != .null && value != .uint(0) {
            if case .string(let text) = value { line += text.isEmpty ? "" : " \(name)=\(quotedForLog(text))" } else { line += " \(name)=\(value.text)" }
        }
        Output.write(shownText(line) + "\n")
    }
}
