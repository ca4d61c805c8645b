// What is kept of a workspace whose worker died, until one of its clients comes and goes on: its journal and the history
// of its deaths. A new worker is started only then: nobody may come. Must not start anything by itself.

import Glibc

struct LostWorkspace {
    let workspace: String
    let journal: JournalFiles
    /// Clients by the key of their session: the process that may come back.
    var clients: [UInt64: PeerProcess]
    var deaths: Deaths

    /// Whether any process that could go on is left. A named workspace is for whoever comes.
    var isWanted: Bool {
        !workspace.isEmpty || clients.values.contains { !$0.isGone }
    }
}

/// Deaths of the workers of one workspace, so that a restart does not become a loop.
struct Deaths {
    private static let wordsMax = 300
    /// When workers died before they had applied anything new.
    private var fruitlessNs: [UInt64] = []
    private(set) var count = 0
    /// How the last one came about, in words.
    private(set) var lastWords = ""
    /// That one was for want of memory.
    private(set) var isLastOfMemory = false
    /// The newest report of them; nil: there is none.
    private(set) var lastReport: String?

    mutating func add(_ obituary: Obituary, hadProgress: Bool, nowNs: UInt64) {
        count += 1
        lastWords = obituary.cause + (obituary.operationName.isEmpty ? "" : " in \(obituary.operationName)")
        let said = obituary.stderrTail.split(separator: "\n").last.map(String.init) ?? ""
        if obituary.operationName.isEmpty, !said.isEmpty { lastWords += ": " + said.prefix(Deaths.wordsMax) }
        isLastOfMemory = obituary.crash.isOfMemory
        lastReport = obituary.crash.report ?? lastReport
        if hadProgress { fruitlessNs = [] }
        fruitlessNs.append(nowNs)
        if fruitlessNs.count > DaemonLimits.fruitlessDeathsMax { fruitlessNs.removeFirst() }
    }

    /// Too many in too short a time: no new worker for now.
    func isHopeless(nowNs: UInt64) -> Bool {
        guard fruitlessNs.count >= DaemonLimits.fruitlessDeathsMax, let first = fruitlessNs.first else { return false }
        return milliseconds(from: first, to: nowNs) < DaemonLimits.fruitlessWindowMs
    }

    /// How long a new worker waits: nothing after the first death, then twice as long each time.
    var backOffMs: UInt64 {
        let without = fruitlessNs.count
        return without < 2 ? 0 : min(DaemonLimits.backOffMsMax, DaemonLimits.backOffMs << UInt64(without - 2))
    }
}
