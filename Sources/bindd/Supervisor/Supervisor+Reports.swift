// What status and inspect answer, from the supervisor's own records and from snapshots of the pages that clients and
// workers publish. Asks nobody, so it works while workers are stopped, looping or dying.
// Cost: a few microseconds per worker and client (a page snapshot and two small files of /proc each).

import CLayout
import CShim
import Glibc
import Wire

extension Supervisor {
    /// One worker at the moment of the report.
    struct WorkerReport {
        let worker: WorkerProcess
        let page: bd_worker_page
        let slots: [bd_worker_slot]
        let state: String
        let isBusy: Bool
        let elapsedMs: UInt64
        let operation: String

        init(_ worker: WorkerProcess, nowNs: UInt64, identity: DaemonIdentity) {
            self.worker = worker
            page = worker.pageSnapshot()
            slots = KindCounters.slots(page)
            isBusy = page.current_operation != 0
            elapsedMs = isBusy ? milliseconds(from: page.current_started_ns, to: nowNs) : 0
            operation = identity.name(ofOperation: page.current_operation)
            if worker.state == .queued || worker.state == .starting {
                state = "starting"
            } else if ProcessFiles.isStopped(pid: worker.pid) {
                state = "stopped"
            } else {
                state = isBusy ? "busy" : "idle"
            }
        }

        var request: UInt64 { isBusy ? page.current_request : 0 }
        var bytes: UInt64 { KindCounters.bytes(page).reduce(0, +) + min(page.attribute_bytes, KindCounters.valueMax) }
        var memoryBytes: UInt64 { min(page.memory_bytes, KindCounters.valueMax) }

        func slot(of client: ClientRecord) -> Int? { slots.firstIndex { $0.client_id == client.id } }

        /// The worker's present request is this client's.
        func isServing(_ client: ClientRecord) -> Bool {
            guard isBusy, let slot = slot(of: client) else { return false }
            return slot == Int(page.current_slot)
        }
    }

    private func workerReports() -> [WorkerReport] {
        let nowNs = loop.nowNs
        dropFinishedLost()
        return workers.values.sorted { $0.number < $1.number }
            .map { WorkerReport($0, nowNs: nowNs, identity: identity) }
    }

    /// Stopped, or busy with one request for longer than a question may wait for.
    func workersThatCannotAnswer() -> Set<UInt64> {
        Set(
            workerReports().filter { $0.state == "stopped" || ($0.isBusy && $0.elapsedMs >= DaemonLimits.busyMs) }
                .map(\.worker.number))
    }

    func statusJSON() -> JSONValue {
        let nowNs = loop.nowNs
        let rows = workerReports().map { report in
            JSONValue.object([
                ("pid", .int(Int64(report.worker.pid))), ("workspace", .string(report.worker.workspace)),
                ("clients", .int(Int64(report.worker.clients.count))), ("state", .string(report.state)),
                ("operation", .string(report.operation)), ("request", .uint(report.request)),
                ("elapsed_ms", .uint(report.elapsedMs)),
                ("heartbeat_age_ms", .uint(milliseconds(from: report.page.heartbeat_ns, to: nowNs))),
                ("memory_bytes", .uint(report.memoryBytes)),
            ])
        }
        return .object(statusHead() + [("workers", .array(rows))])
    }

    private func statusHead() -> [(String, JSONValue)] {
        [
            ("version", .string(identity.version)), ("build", .string(identity.build)),
            ("protocol", .string(identity.protocolText)), ("pid", .int(Int64(getpid()))),
            ("uptime_s", secondsJSON(milliseconds(from: startedNs, to: loop.nowNs))),
            ("socket", .string(options.path.socket)), ("rss_bytes", .uint(ProcessFiles.residentBytes(pid: getpid()))),
            ("crashes", .uint(obituaries.crashes)), ("last_crash", lastCrashJSON()),
        ]
    }

    private func lastCrashJSON() -> JSONValue {
        guard let crash = obituaries.lastCrash else { return .null }
        return .object([
            ("at", .string(isoText(realtimeNs: crash.endedRealtimeNs))), ("pid", .int(Int64(crash.pid))),
            ("cause", .string(crash.cause)), ("operation", .string(crash.operationName)),
            ("report", crash.crash.report.map { .string($0) } ?? .null),
        ])
    }

    /// Workers write their requests down for as long as this is asked for again; where, is the answer.
    func traceJSON() -> JSONValue {
        let question = ControlChannel.trace(milliseconds: DaemonLimits.traceMs)
        let rows = workers.values.sorted { $0.number < $1.number }.filter { $0.ask(question) }.map { worker in
            JSONValue.object([
                ("pid", .int(Int64(worker.pid))), ("workspace", .string(worker.workspace)),
                ("page_fd", .int(Int64(WorkerProcess.pageFdInWorker))),
                ("clients", .array(worker.clients.keys.sorted().map { .string("c\($0)") })),
            ])
        }
        return .object([("schema", .int(1)), ("workers", .array(rows))])
    }

    // -- inspect

    /// `found` is nil when no handle was asked for.
    /// `unanswered`: pids of workers that were asked and did not answer in time.
    func inspectionJSON(found: [JSONValue]?, unanswered: [Int32] = []) -> JSONValue {
        let reports = workerReports()
        let clientPages = Dictionary(uniqueKeysWithValues: clients.map { ($0.key, $0.value.page.clientPage()) })
        var members: [(String, JSONValue)] = [
            ("schema", .int(1)), ("supervisor", .object(statusHead())),
            ("clients", .array(reports.flatMap { report in clientRows(report, clientPages) })),
            ("lost_clients", .array(lostClients.map(lostRow))),
            ("workspaces", .array(reports.map(workspaceRow))),
            ("kinds", kindRows(reports, clientPages)),
            ("handle", found?.first ?? .null),
        ]
        if let found {
            members.append(("handles", .array(found)))
            members.append(("unanswered", .array(unanswered.map { .int(Int64($0)) })))
        }
        return .object(members)
    }

    private func clientRows(_ report: WorkerReport, _ pages: [UInt64: bd_client_page]) -> [JSONValue] {
        report.worker.clients.values.sorted { $0.id < $1.id }.map { client in
            let page = pages[client.id] ?? bd_client_page()
            let live = KindCounters.live(page)
            let slot = report.slot(of: client).map { report.slots[$0] }
            let nowNs = loop.nowNs
            let lastNs = max(slot?.last_request_ns ?? 0, client.connectedNs)
            let isServed = report.isServing(client)
            let isSole = report.worker.clients.count == 1
            return .object([
                ("id", .string(client.name)), ("pid", .int(Int64(client.pid))), ("user", .string(userName)),
                ("program", .string(client.program)), ("workspace", .string(client.workspace)),
                ("generation", .uint(UInt64(client.generation))), ("worker_pid", .int(Int64(report.worker.pid))),
                ("state", .string(clientState(client, report, isServed))),
                ("handles", countsJSON(live, KindNames.proxy)), ("handles_total", .uint(live.reduce(0, +))),
                ("growth_1m", .int(client.growth.growth(to: live, nowNs: nowNs).reduce(0, +))),
                ("sent_requests", .uint(min(page.sent_requests, KindCounters.valueMax))),
                ("unread_replies", .uint(unread(slot, page))), ("ledger_fd", ledgerJSON(client)),
                ("created_total", .uint(KindCounters.created(page).reduce(0, +))),
                ("bytes", isSole ? .uint(report.bytes) : .null),  // a shared workspace's bytes are nobody's alone
                ("age_s", secondsJSON(milliseconds(from: client.connectedNs, to: nowNs))),
                ("idle_s", secondsJSON(isServed ? 0 : milliseconds(from: lastNs, to: nowNs))),
                ("operation", .string(isServed ? report.operation : "")),
                ("request", .uint(isServed ? report.request : slot?.applied_requests ?? 0)),
                ("elapsed_ms", .uint(isServed ? report.elapsedMs : 0)),
            ])
        }
    }

    private func unread(_ slot: bd_worker_slot?, _ page: bd_client_page) -> UInt64 {
        let sent = min(slot?.replies ?? 0, KindCounters.valueMax)
        return sent - min(sent, page.received_replies)
    }

    /// Where the command finds the ledger, under /proc of this process.
    private func ledgerJSON(_ client: ClientRecord) -> JSONValue {
        client.ledger.map { .int(Int64($0.fd)) } ?? .null
    }

    private func lostRow(_ entry: LostClient) -> JSONValue {
        let live = KindCounters.live(entry.client.page.clientPage())
        return .object([
            ("id", .string(entry.client.name)), ("pid", .int(Int64(entry.client.pid))),
            ("user", .string(userName)), ("program", .string(entry.client.program)), ("workspace", .string(entry.client.workspace)),
            ("generation", .uint(UInt64(entry.client.generation))), ("worker_pid", .int(Int64(entry.workerPid))),
            ("cause", .string(entry.cause)),
            ("since_s", secondsJSON(milliseconds(from: entry.endedNs, to: loop.nowNs))),
            ("handles", countsJSON(live, KindNames.proxy)), ("handles_total", .uint(entry.handles)),
            ("ledger_fd", ledgerJSON(entry.client)),
        ])
    }

    private func clientState(_ client: ClientRecord, _ report: WorkerReport, _ isServed: Bool) -> String {
        if ProcessFiles.isStopped(pid: client.pid) { return "stopped" }
        if report.state == "starting" { return "starting" }
        return isServed ? "busy" : "idle"
    }

    private func workspaceRow(_ report: WorkerReport) -> JSONValue {
        .object([
            ("name", .string(report.worker.workspace)), ("private", .bool(report.worker.isPrivate)),
            ("worker_pid", .int(Int64(report.worker.pid))), ("state", .string(report.state)),
            ("objects", countsJSON(KindCounters.objects(report.page), KindNames.object)),
            ("bytes", countsJSON(KindCounters.bytes(report.page), KindNames.object)),
            ("memory_bytes", .uint(report.memoryBytes)),
            ("attribute_bytes", .uint(min(report.page.attribute_bytes, KindCounters.valueMax))),
            ("process_bytes", .uint(min(report.page.base_bytes, KindCounters.valueMax))),
            ("rss_bytes", .uint(ProcessFiles.residentBytes(pid: report.worker.pid))),
            ("arena_fd", .uint(min(report.page.arena_fd, 1 << 31))),
            ("clients", .array(report.worker.clients.keys.sorted().map { .string("c\($0)") })),
        ])
    }

    private func kindRows(_ reports: [WorkerReport], _ pages: [UInt64: bd_client_page]) -> JSONValue {
        var live = [UInt64](repeating: 0, count: Int(BD_KIND_COUNT))
        var created = live
        var bytes = live
        var growth = [Int64](repeating: 0, count: live.count)
        for client in clients.values {
            let now = KindCounters.live(pages[client.id] ?? bd_client_page())
            for (kind, more) in client.growth.growth(to: now, nowNs: loop.nowNs).enumerated() { growth[kind] += more }
        }
        for page in pages.values {
            for (kind, count) in KindCounters.live(page).enumerated() { live[kind] += count }
            for (kind, count) in KindCounters.created(page).enumerated() { created[kind] += count }
        }
        var unheld = UnheldObjects()
        for report in reports {
            let handles = report.worker.clients.keys.compactMap { pages[$0].map(KindCounters.live) }
                .reduce(into: [UInt64](repeating: 0, count: live.count)) { sums, page in for kind in page.indices { sums[kind] += page[kind] } }
            let shares = unheld.share(
                KindCounters.bytes(report.page), objects: KindCounters.objects(report.page), handles: handles)
            for (kind, count) in shares.enumerated() { bytes[kind] += count }
        }
        let rows = live.indices.filter { live[$0] + created[$0] + bytes[$0] > 0 }.map { kind in
            JSONValue.object([
                ("kind", .string(KindNames.proxy(kind))), ("live", .uint(live[kind])),
                ("created", .uint(created[kind])), ("growth_1m", .int(growth[kind])), ("bytes", .uint(bytes[kind])),
            ])
        }
        let attributes = reports.reduce(UInt64(0)) { $0 + min($1.page.attribute_bytes, KindCounters.valueMax) }
        return .array(
            rows + [
                memoryRow("nodes without handle", unheld.nodeBytes), memoryRow("edges without handle", unheld.edgeBytes),
                memoryRow("attributes", attributes),
            ])
    }

    /// No kind of handle, but memory all the same: what no handle is of, names and values at nodes and edges.
    private func memoryRow(_ name: String, _ bytes: UInt64) -> JSONValue {
        .object([
            ("kind", .string(name)), ("live", .uint(0)), ("created", .uint(0)), ("growth_1m", .int(0)), ("bytes", .uint(bytes)),
        ])
    }

    private func countsJSON(_ counts: [UInt64], _ name: (Int) -> String) -> JSONValue {
        .object(counts.enumerated().filter { $0.element > 0 }.map { (name($0.offset), .uint($0.element)) })
    }

    private func secondsJSON(_ milliseconds: UInt64) -> JSONValue { .double(Double(milliseconds) / 1000) }
}

/// Workers count the bytes of all nodes and all edges; reports have them at the kinds whose handles keep them, each object
/// once, by its average: bound handles first, then references, and the rest apart.
struct UnheldObjects {
    private(set) var nodeBytes: UInt64 = 0
    private(set) var edgeBytes: UInt64 = 0

    /// Bytes by kind of handle, of one worker.
    mutating func share(_ bytes: [UInt64], objects: [UInt64], handles: [UInt64]) -> [UInt64] {
        var shared = bytes
        nodeBytes += UnheldObjects.share(&shared, objects, handles, of: Int(BD_KIND_NODE), bound: Int(BD_KIND_BOUND_NODE))
        edgeBytes += UnheldObjects.share(&shared, objects, handles, of: Int(BD_KIND_EDGE), bound: Int(BD_KIND_BOUND_EDGE))
        return shared
    }

    /// What is left for no handle.
    private static func share(
        _ shared: inout [UInt64], _ objects: [UInt64], _ handles: [UInt64], of kind: Int, bound: Int
    ) -> UInt64 {
        let all = shared[kind]
        let count = objects[kind]
        let ofBound = min(handles[bound], count)
        let ofReferences = min(handles[kind], count - ofBound)
        let boundBytes = count == 0 ? 0 : UInt64(Double(all) * Double(ofBound) / Double(count))
        let rest = all - min(boundBytes, all)
        let referenceBytes = count == ofBound ? 0 : UInt64(Double(rest) * Double(ofReferences) / Double(count - ofBound))
        shared[bound] += all - rest
        shared[kind] = min(referenceBytes, rest)
        return rest - shared[kind]
    }
}
