// What the reports know beyond the present moment: how many handles each client had some seconds ago, and clients whose
// worker is gone while their handles are still held. Must not read ledgers: they may be long.
// Cost: a page snapshot per client every five seconds while there are clients.

import CLayout
import Glibc

/// Living handles of one client by kind, as they were: one look every `stepMs`, for a minute.
struct GrowthHistory {
    static let stepMs: UInt64 = 5_000
    static let windowMs: UInt64 = 60_000
    private static let looksMax = Int(windowMs / stepMs) + 1

    private var looks: [(ns: UInt64, live: [UInt64])] = []

    mutating func add(_ live: [UInt64], nowNs: UInt64) {
        if looks.count == GrowthHistory.looksMax { looks.removeFirst() }
        looks.append((nowNs, live))
    }

    /// By kind: how many more there are than at the oldest look of the last minute. Zeros before the first look: what a
    /// program makes when it starts is no growth.
    func growth(to live: [UInt64], nowNs: UInt64) -> [Int64] {
        let slackMs = GrowthHistory.stepMs / 2
        guard
            let base = looks.first(where: {
                milliseconds(from: $0.ns, to: nowNs) <= GrowthHistory.windowMs + slackMs
            })
        else { return live.map { _ in 0 } }
        return zip(live, base.live).map { Int64($0) - Int64($1) }
    }
}

/// A client process whose worker ended: what it holds is stale, and still takes its memory.
struct LostClient {
    let client: ClientRecord
    let workerPid: Int32
    let cause: String
    let endedNs: UInt64
    let startTicks: UInt64  // of the client's process: its pid may be used again
}

extension Supervisor {
    private static let lostMax = 256

    func clientCame(_ client: ClientRecord) {
        // One that comes again with the same generation goes on with the same handles.
        lostClients.removeAll { $0.client.pid == client.pid && $0.client.generation == client.generation }
        if growthTimer == nil { growthTimer = Timer(loop: loop) { [weak self] in self?.lookAtGrowth() } }
        guard let growthTimer, !growthTimer.isActive else { return }
        growthTimer.start(afterMs: GrowthHistory.stepMs, repeatMs: GrowthHistory.stepMs)
    }

    private func lookAtGrowth() {
        dropFinishedLost()
        for client in clients.values { client.growth.add(KindCounters.live(client.page.clientPage()), nowNs: loop.nowNs) }
        tellHandles()
        if clients.isEmpty, lostClients.isEmpty { growthTimer?.stop() }
    }

    /// Before the worker is forgotten. Clients that left first are not among its own any more.
    func keepClients(of worker: WorkerProcess, _ obituary: Obituary) {
        for client in worker.clients.values {
            guard let ticks = ProcessFiles.startTicks(pid: client.pid) else { continue }
            if lostClients.count == Supervisor.lostMax { lostClients.removeFirst() }
            lostClients.append(
                LostClient(
                    client: client, workerPid: obituary.pid, cause: obituary.cause, endedNs: loop.nowNs, startTicks: ticks))
        }
    }

    /// Forgets those whose process is gone, or who let go of everything.
    func dropFinishedLost() {
        lostClients.removeAll { entry in
            ProcessFiles.startTicks(pid: entry.client.pid) != entry.startTicks || entry.handles == 0
        }
    }
}

extension LostClient {
    var handles: UInt64 { client.handleCount }
}
