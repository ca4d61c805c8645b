// Which handles a command is about. Pure: built from flags, asked for each record. What concerns places and labels is
// looked up once per place and label, not per handle.

import CLayout

struct Selection {
    var clients: Set<String> = []
    var workspaces: Set<String> = []
    var kinds: Set<UInt32> = []
    var site: Glob?
    var label: Glob?
    var olderThanMs: UInt64 = 0
    var minBytes: UInt64 = 0
    var onlyOrphans = false
    var onlyStale = false

    /// Whether the pages' exact counts answer it; else records are counted, each with its weight.
    var isAnsweredByPages: Bool {
        site == nil && label == nil && olderThanMs == 0 && minBytes == 0 && !onlyOrphans && !onlyStale
    }

    /// Whether saved sums, which know kind, client and place, can be chosen by it.
    var isOfSums: Bool {
        workspaces.isEmpty && label == nil && olderThanMs == 0 && minBytes == 0 && !onlyOrphans && !onlyStale
    }

    /// Of all clients.
    var isOfAll: Bool { clients.isEmpty && workspaces.isEmpty }

    var isEverything: Bool { isAnsweredByPages && isOfAll && kinds.isEmpty }

    func takes(_ holder: Holder) -> Bool {
        guard clients.isEmpty || clients.contains(holder.name) || clients.contains(String(holder.pid)) else { return false }
        guard workspaces.isEmpty || workspaces.contains(holder.workspace.isEmpty ? "private" : holder.workspace) else {
            return false
        }
        return true
    }

    /// Living handles that the pages count; the workspace's own handle is none.
    func exactCount(_ holder: Holder) -> UInt64 {
        (1..<BD_KIND_COUNT).filter { $0 != BD_KIND_WORKSPACE && (kinds.isEmpty || kinds.contains($0)) }
            .reduce(0) { $0 + (holder.live[HandleKind.name($1)] ?? 0) }
    }

    /// By name, whatever its case.
    static func kind(named name: String) -> UInt32? {
        (1..<BD_KIND_COUNT).first { HandleKind.name($0).lowercased() == name.lowercased() }
    }

    static var kindNames: [String] {
        (1..<BD_KIND_FILE_END).filter { $0 != BD_KIND_WORKSPACE }.map { HandleKind.name($0) }
    }
}

/// The answers of a selection for the places and labels of one ledger.
struct SelectionMemo {
    let selection: Selection
    let holder: Holder
    let nowNs: UInt64
    private var sites: [UInt32: Bool] = [:]
    private var labels: [UInt32: Bool] = [:]

    init(_ selection: Selection, _ holder: Holder, nowNs: UInt64) {
        self.selection = selection
        self.holder = holder
        self.nowNs = nowNs
    }

    mutating func takes(_ record: bd_ledger_record) -> Bool {
        if !selection.kinds.isEmpty, !selection.kinds.contains(UInt32(record.id >> 56)) { return false }
        if selection.olderThanMs > 0, milliseconds(from: record.created_ns, to: nowNs) < selection.olderThanMs {
            return false
        }
        if let glob = selection.site, !site(record.site, glob) { return false }
        if let glob = selection.label, !label(record.label, glob) { return false }
        if selection.onlyStale, holder.state(record) == "live" { return false }
        if selection.onlyOrphans, !holder.isOrphan(record) { return false }
        if selection.minBytes > 0, holder.bytes(record) < selection.minBytes { return false }
        return true
    }

    /// The whole path, the short one, or the function.
    private mutating func site(_ number: UInt32, _ glob: Glob) -> Bool {
        if let known = sites[number] { return known }
        let site = holder.ledger?.site(number) ?? .unknown
        let isTaken =
            site.places.first.map { place in
                glob.matches("\(place.file):\(place.line) \(place.function)") || glob.matches(site.text)
                    || glob.matches(place.function)
            } ?? false
        sites[number] = isTaken
        return isTaken
    }

    private mutating func label(_ number: UInt32, _ glob: Glob) -> Bool {
        if let known = labels[number] { return known }
        let isTaken = glob.matches(holder.ledger?.text(number) ?? "")
        labels[number] = isTaken
        return isTaken
    }
}
