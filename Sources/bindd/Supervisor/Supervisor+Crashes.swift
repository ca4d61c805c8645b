// What the supervisor makes of a death beyond its exit status: what the worker's handler told, and a report.
// Must not wait, and reads numbers and names only: the requests themselves are the report writer's business.
// Cost: a look through the program's symbols, two milliseconds; a spawn.

import CLayout
import CShim
import Glibc
import Wire

extension Supervisor {
    func crashFacts(of worker: WorkerProcess, _ obituary: Obituary) -> CrashFacts {
        var facts = CrashFacts()
        let slot = worker.crashSlot()
        if let slot {
            facts.address = slot.address
            facts.sender = slot.sender
            facts.code = slot.code
            facts.residentBytes = min(slot.resident_bytes, KindCounters.valueMax)
            facts.frameCount = slot.frame_count
        }
        facts.isOfMemory = MemoryDeath.isLikely(
            signal: obituary.signal, isOurKill: worker.endReason != nil, stderr: obituary.stderrTail,
            killsBefore: worker.memoryKillsBefore,
            killsNow: obituary.signal == SIGKILL ? ProcessFiles.outOfMemoryKills() : 0)
        guard !obituary.isExpected || (slot != nil && obituary.operation != 0) else { return facts }
        if let slot { facts.stack = Symbolizer.told(Symbolizer.names(slot, atMost: DaemonLimits.framesNamed)) }
        if let page = worker.pageFile {
            facts.report = crashReports.begin(
                pid: worker.pid, page: page.fd, journal: worker.journal, facts: reportFacts(worker, obituary, facts))
        }
        return facts
    }

    /// What a report says besides what is in the worker's page.
    private func reportFacts(_ worker: WorkerProcess, _ obituary: Obituary, _ facts: CrashFacts) -> JSONValue {
        let page = worker.pageSnapshot()
        let slots = KindCounters.slots(page)
        let clients = worker.clients.values.sorted { $0.id < $1.id }.map { client in
            JSONValue.object([
                ("id", .string(client.name)), ("pid", .int(Int64(client.pid))), ("program", .string(client.program)),
                ("session", .string(hexText(client.session, digits: 16))),
                ("slot", slots.firstIndex { $0.client_id == client.id }.map { .int(Int64($0)) } ?? .null),
            ])
        }
        return .object([
            ("at", .string(isoText(realtimeNs: obituary.endedRealtimeNs))), ("pid", .int(Int64(obituary.pid))),
            ("workspace", .string(obituary.workspace)), ("cause", .string(obituary.cause)),
            ("signal", .int(Int64(obituary.signal))), ("exit_code", .int(obituary.exitCode)),
            ("code", .int(Int64(facts.code))), ("address", .uint(facts.address)), ("sender", .int(Int64(facts.sender))),
            ("ended_because", .string(worker.endReason ?? "")), ("memory_exhausted", .bool(facts.isOfMemory)),
            ("operation", .string(obituary.operationName)), ("request", .uint(obituary.request)),
            ("slot", .uint(UInt64(obituary.slot))), ("elapsed_ms", .uint(obituary.elapsedMs)),
            ("applied_again", .bool(worker.wasRecovering && obituary.operation != 0)), ("clients", .array(clients)),
            (
                "versions",
                .object([
                    ("bindd", .string(identity.version)), ("build", .string(identity.build)),
                    ("protocol", .string(identity.protocolText)), ("layout", .uint(UInt64(identity.layoutVersion))),
                    ("description", .string(hexText(identity.descriptionHash, digits: 16))),
                ])
            ),
            (
                "memory",
                .object([
                    ("resident_bytes", .uint(facts.residentBytes)),
                    ("state_bytes", .uint(min(page.memory_bytes, KindCounters.valueMax))),
                ])
            ),
            (
                "limits",
                .object([
                    ("BINDD_MEMORY_LIMIT", .string(environmentVariable("BINDD_MEMORY_LIMIT") ?? "")),
                    ("address_space", limitJSON(RLIMIT_AS)), ("stack", limitJSON(RLIMIT_STACK)),
                    ("descriptors", limitJSON(RLIMIT_NOFILE)),
                ])
            ),
            ("stderr", .string(obituary.stderrTail)), ("socket", .string(options.path.socket)),
        ])
    }

    /// null: no limit.
    private func limitJSON(_ kind: __rlimit_resource) -> JSONValue {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(kind.rawValue), &limit) == 0, limit.rlim_cur < 1 << 62 else { return .null }
        return .uint(UInt64(limit.rlim_cur))
    }
}
