// `bindd trace`: every request of every client in words, as workers apply them, with the values that its first 128 bytes
// and the first 64 of its answer hold. `BINDD_DEBUG=1` does the same in one client. Workers write a line's worth into a ring in shared memory while this asks for it; a ring that turned
// faster than it was read is told as so many lost. Cost: none when nobody traces; two looks at the clock per request else.

import ArgumentParser
import CLayout
import CShim
import Glibc
import Wire

struct TraceCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace", abstract: "Show every request as it is applied.",
        discussion: """
            10:22:01.123456 c1 #88213 NodeReference.create node 5 name='R1' 2us
            10:22:01.123461 c1 #88214 GraphView.get_node_count self 3 -> 12 4us
            A command that wants no reply has no arrow; a size stands where the values are more than is shown. Exits with
            status 3 when no daemon runs.
            """)

    @OptionGroup var place: SocketOption

    @Option(help: "Only of this client (c1).", completion: .custom(Completions.clients))
    var client: String?

    @Option(help: ArgumentHelp("Only operations with this text in their name.", valueName: "text"))
    var grep: String?

    @Option(parsing: .unconditional, help: ArgumentHelp("End after so many seconds.", valueName: "seconds"))
    var seconds: Double?

    @Option(name: .shortAndLong, help: "table (words) or jsonl.")
    var output = StreamFormat.table

    func run() throws {
        if let seconds, !(seconds > 0 && seconds < 1e9) { throw misuse("--seconds \(seconds) is no number of seconds above 0") }
        let startNs = bd_clock_monotonic_ns()
        let endNs = seconds.map { startNs + UInt64($0 * 1e9) } ?? .max
        var rings: [UInt64: TraceRing] = [:]
        var askedNs: UInt64 = 0
        while true {
            let nowNs = bd_clock_monotonic_ns()
            if nowNs - askedNs >= 1_000_000_000 {
                askedNs = nowNs
                update(&rings, try parsedAnswer(try askDaemon(place, "trace")))
            }
            for ring in rings.values.sorted(by: { $0.pid < $1.pid }) { show(ring) }
            guard nowNs < endNs else { return }
            usleep(20_000)
        }
    }

    private func update(_ rings: inout [UInt64: TraceRing], _ answer: JSONValue) {
        let workers = answer["workers"]?.items ?? []
        let pids = Set(workers.map { $0.unsigned("pid") })
        rings = rings.filter { pids.contains($0.key) }
        for worker in workers where rings[worker.unsigned("pid")] == nil {
            let pid = worker.unsigned("pid")
            rings[pid] = TraceRing(pid: pid, fd: worker.unsigned("page_fd"))
        }
    }

    private func show(_ ring: TraceRing) {
        let (events, lost) = ring.newEvents()
        if lost > 0 {
            Output.write(
                output == .jsonl
                    ? JSONValue.object([("lost", .uint(lost)), ("worker_pid", .uint(ring.pid))]).text + "\n"
                    : "… \(Units.count(lost)) requests of the worker \(ring.pid) came too fast and are not shown\n")
        }
        for event in events {
            let name = UInt16(exactly: event.operation).flatMap { operationName($0) ?? messageName($0) } ?? "operation \(event.operation)"
            if let client, client != "c\(event.client_id)" { continue }
            if let grep, !name.contains(grep) { continue }
            Output.write(output == .jsonl ? json(event, name, ring.pid).text + "\n" : words(event, name))
        }
    }

    private func words(_ event: bd_trace_event, _ name: String) -> String {
        let nowNs = bd_clock_monotonic_ns()
        let realtimeNs = bd_clock_realtime_ns()
        let agoNs = nowNs - min(nowNs, event.started_ns)  // another process's number: it may say what it wants
        let time = isoText(realtimeNs: realtimeNs - min(realtimeNs, agoNs)).dropFirst(11).dropLast()
        var out = "\(time) c\(event.client_id) #\(event.request) \(name)"
        for part in [TraceValues.arguments(event), event.request_bytes > BD_TRACE_REQUEST_SHOWN ? Units.bytes(UInt64(event.request_bytes)) : ""]
        where !part.isEmpty { out += " " + part }
        if event.flags & (BD_TRACE_ERROR | BD_TRACE_REPLY) != 0 {
            let answer = TraceValues.answer(event)
            out += event.flags & BD_TRACE_ERROR != 0 ? " -> error" : " ->"
            out += answer.isEmpty ? (event.flags & BD_TRACE_ERROR != 0 ? "" : " ok") : " " + answer
            if event.reply_bytes > BD_TRACE_REPLY_SHOWN { out += " " + Units.bytes(UInt64(event.reply_bytes)) }
        }
        return shownText(out) + " \(event.elapsed_ns / 1000)us\n"
    }

    private func json(_ event: bd_trace_event, _ name: String, _ pid: UInt64) -> JSONValue {
        .object([
            ("client", .string("c\(event.client_id)")), ("worker_pid", .uint(pid)), ("request", .uint(event.request)),
            ("operation", .string(name)), ("arguments", .string(TraceValues.arguments(event))),
            ("answer", .string(TraceValues.answer(event))), ("request_bytes", .uint(UInt64(event.request_bytes))),
            ("reply", .bool(event.flags & BD_TRACE_REPLY != 0)), ("reply_bytes", .uint(UInt64(event.reply_bytes))),
            ("error", .bool(event.flags & BD_TRACE_ERROR != 0)), ("elapsed_us", .double(Double(event.elapsed_ns) / 1000)),
            ("started_ns", .uint(event.started_ns)),
        ])
    }

    /// Messages of the protocol itself.
    private func messageName(_ operation: UInt16) -> String? {
        let names: [UInt16: String] = [
            Operation.sync: "sync", Operation.release: "release", Operation.pin: "pin", Operation.batch: "batch",
            Operation.lease: "lease", Operation.advance: "advance",
        ]
        return names[operation]
    }
}

/// What an event has of a request and its answer, in words. The bytes are another process's: they show as far as they go.
enum TraceValues {
    private static let words = RequestWords()

    static func arguments(_ event: bd_trace_event) -> String {
        guard let operation = UInt16(exactly: event.operation) else { return "" }
        let shown = start(event.request_start, of: event.request_bytes)
        return words.arguments(operation, shown, isCut: event.request_bytes > BD_TRACE_REQUEST_SHOWN)
    }

    /// Of an error its message.
    static func answer(_ event: bd_trace_event) -> String {
        if event.flags & BD_TRACE_ERROR != 0 {
            let text = start(event.reply_start, of: BD_TRACE_REPLY_SHOWN).prefix { $0 != 0 }
            return String(decoding: text, as: UTF8.self) + (text.count == Int(BD_TRACE_REPLY_SHOWN) ? "…" : "")
        }
        guard let operation = UInt16(exactly: event.operation) else { return "" }
        return words.answer(operation, start(event.reply_start, of: event.reply_bytes))
    }

    private static func start<Bytes>(_ bytes: Bytes, of count: UInt32) -> [UInt8] {
        withUnsafeBytes(of: bytes) { Array($0.prefix(Int(count))) }
    }
}

/// The ring of one worker, read from where the last reading ended.
final class TraceRing {
    let pid: UInt64
    private let file: SharedFile
    private var shown: UInt64

    /// nil when the worker is gone. What was traced before is not shown.
    init?(pid: UInt64, fd: UInt64) {
        guard let file = SharedFile(pid: Int64(pid), fd: Int64(min(fd, 1 << 20))) else { return nil }
        self.pid = pid
        self.file = file
        shown = TraceRing.written(file)
    }

    private static func written(_ file: SharedFile) -> UInt64 {
        file.value(at: MemoryLayout<bd_worker_page>.offset(of: \.traced) ?? 0, of: UInt64(0))
    }

    func newEvents() -> (events: [bd_trace_event], lost: UInt64) {
        let written = TraceRing.written(file)
        guard written > shown else { return ([], 0) }
        let ring = file.values(at: Int(BD_TRACE_OFFSET), count: Int(BD_TRACE_EVENTS), of: bd_trace_event.self)
        let kept = UInt64(BD_TRACE_EVENTS) - 1
        let first = max(shown + 1, written > kept ? written - kept + 1 : 1)
        let events = (first...written).map { ring[Int($0 % UInt64(BD_TRACE_EVENTS))] }
        // A place whose number is another one was written over, or is being written, while it was read.
        let whole = zip(first...written, events).filter { $0.0 == $0.1.number }.map(\.1)
        let lost = written - shown - UInt64(whole.count)
        shown = written
        return (whole, lost)
    }
}
