// What happened, numbered from 1 without a gap, the newest kept for whoever comes later or comes again. Pure: who is told is
// Supervisor+Events' business. Must not grow: what is too old, or too much, is gone, and who asks for it is told how much that is.
// Cost: a text per event.

import Wire

struct EventBoard {
    static let names = [
        "client_connected", "client_gone", "daemon_stopping", "file_changed", "folder_hangs", "handles", "worker_crashed",
        "worker_ended", "worker_restarted", "worker_started",
    ]

    private var kept: [String] = []
    private var keptBytes = 0
    private(set) var last: UInt64 = 0
    /// When counting began.
    let beganNs: UInt64

    init(beganNs: UInt64) { self.beganNs = beganNs }

    /// The event as JSON text.
    mutating func add(_ event: String, at realtimeNs: UInt64, _ members: [(String, JSONValue)]) -> String {
        last += 1
        let text = JSONValue.object(
            [("number", .uint(last)), ("at", .string(isoText(realtimeNs: realtimeNs))), ("event", .string(event))] + members
        ).text
        kept.append(text)
        keptBytes += text.utf8.count
        while kept.count > DaemonLimits.eventsKept || keptBytes > DaemonLimits.eventBytesKept {
            keptBytes -= kept.removeFirst().utf8.count
        }
        return text
    }

    /// What came after that number: how many are gone, and those that are not. A number that was not given yet is another
    /// daemon's: then everything is new.
    func since(_ number: UInt64) -> (lost: UInt64, events: [String]) {
        let wanted = number > last ? last : last - number
        let there = min(wanted, UInt64(kept.count))
        return (wanted - there, Array(kept.suffix(Int(there))))
    }
}
