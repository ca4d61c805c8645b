// One pass over the ledgers: counts, groups, the first rows. Streams: its memory depends on the number of groups and of
// rows asked for, not on that of handles. Cost: some 50 ns per record; what needs the graph's memory (bytes of single
// objects, orphans) costs more and is looked up only when asked for.

import CLayout

enum GroupDimension: String, CaseIterable { case kind, client, workspace, site, label }

enum SortKey: String, CaseIterable { case count, bytes, growth, age, kind, client, site, label }

struct HandleGroup {
    var kind: UInt32?
    var holder: Holder?
    var workspace: String?
    var site: CreationSite?
    var label: String?
    /// The label was given, or is a path.
    var hasName = false
    var count: UInt64 = 0
    var bytes: UInt64 = 0
    /// Made within the last minute and still there; or, between two looks, how many more there are.
    var growth: Int64 = 0
    var oldestNs: UInt64 = .max
    /// One of them, to go on with: the oldest.
    var example: UInt64 = 0

    /// The same in every look.
    var identity: [String] {
        [kind.map { HandleKind.name($0) } ?? "", holder?.name ?? "", workspace ?? "", site?.chainText ?? "", label ?? ""]
    }
}

struct HandleScan {
    static let youngMs: UInt64 = 60_000

    struct Plan {
        var selection = Selection()
        var dimensions: [GroupDimension] = []
        /// 0: no rows are kept.
        var rowsMax = 0
        var sort: SortKey?
        /// What was made since is growth; nil: within the last minute.
        var youngSinceNs: UInt64?

        /// The pages of clients have the count of each group, whatever was recorded.
        var isAnsweredByPages: Bool {
            !dimensions.isEmpty && selection.isAnsweredByPages && !dimensions.contains(.site) && !dimensions.contains(.label)
        }
    }

    struct SiteCount {
        var count: UInt64 = 0
        var young: UInt64 = 0
    }

    let plan: Plan
    let nowNs: UInt64
    private(set) var holders: [Holder]
    /// Records taken, and handles that they stand for.
    private(set) var records: UInt64 = 0
    private(set) var weighted: UInt64 = 0
    private(set) var bytes: UInt64 = 0
    private(set) var young: UInt64 = 0
    private(set) var groups: [HandleGroup] = []
    private(set) var rows: [HandleRow] = []
    /// By holder's place, kind and site's number: for the overview.
    private(set) var siteCounts: [[UInt64: SiteCount]] = []
    private(set) var oldestNs: [UInt64?] = []

    /// `onRow` gets each row as it comes, when rows need no order.
    init(_ plan: Plan, holders: [Holder], nowNs: UInt64, onRow: ((HandleRow) -> Void)? = nil) {
        self.plan = plan
        self.nowNs = nowNs
        self.holders = holders.filter(plan.selection.takes)
        for holder in self.holders { scan(holder, onRow) }
        if plan.isAnsweredByPages { countByPages() }
        if plan.sort != nil || plan.rowsMax > 0 { trimRows(to: plan.rowsMax) }
    }

    private struct GroupKey: Hashable {
        var kind: UInt32 = 0
        var site: UInt32 = 0
        var label: UInt32 = 0
    }

    private mutating func scan(_ holder: Holder, _ onRow: ((HandleRow) -> Void)?) {
        var memo = SelectionMemo(plan.selection, holder, nowNs: nowNs)
        var counts: [UInt64: SiteCount] = [:]
        var found: [GroupKey: HandleGroup] = [:]
        var oldest = UInt64.max
        let byKind = plan.dimensions.contains(.kind)
        let bySite = plan.dimensions.contains(.site)
        let byLabel = plan.dimensions.contains(.label)
        let isGrouped = !plan.dimensions.isEmpty
        let byPages = plan.isAnsweredByPages
        let keepsRows = plan.rowsMax > 0
        let takesAll = plan.selection.isEverything
        let youngSinceNs = plan.youngSinceNs ?? (nowNs - min(nowNs, HandleScan.youngMs * 1_000_000))
        // Records of one site come in runs: the last place looked up is kept at hand.
        var lastKey = UInt64.max
        var last = SiteCount()
        holder.ledger?.forEach { record in
            guard takesAll || memo.takes(record) else { return }
            let weight = UInt64(record.weight)
            let isYoung = record.created_ns >= youngSinceNs
            records += 1
            weighted += weight
            if isYoung { young += weight }
            oldest = min(oldest, record.created_ns)
            let key = (record.id >> 56) << 32 | UInt64(record.site)
            if key != lastKey {
                if lastKey != .max { counts[lastKey] = last }
                lastKey = key
                last = counts[key] ?? SiteCount()
            }
            last.count += weight
            if isYoung { last.young += weight }
            if isGrouped {
                let groupKey = GroupKey(
                    kind: byKind ? UInt32(record.id >> 56) : 0, site: bySite ? record.site : 0,
                    label: byLabel ? record.label : 0)
                let isAverage = holder.averageBytes[UInt32(record.id >> 56)] != nil
                found[groupKey, default: HandleGroup()].add(
                    record, bytes: byPages && isAverage ? 0 : holder.bytesForSum(record), isYoung: isYoung)
            }
            if let onRow {
                onRow(HandleRow(record: record, holder: holder, bytes: holder.bytes(record)))
            } else if keepsRows {
                keep(HandleRow(record: record, holder: holder, bytes: plan.sort == .bytes ? holder.bytes(record) : 0))
            }
            if !isGrouped { bytes += holder.bytesForSum(record) }
        }
        if lastKey != .max { counts[lastKey] = last }
        siteCounts.append(counts)
        oldestNs.append(oldest == .max ? nil : oldest)
        let shares = byKind && !byPages && plan.selection.isAnsweredByPages ? exactShares(holder, counts) : [:]
        for (key, group) in found {
            var group = group
            if let share = shares[key.kind] { group.scale(by: share) }
            merge(key, group, holder)
        }
    }

    /// What a sample says of a kind, against what the client's page counts: by so much its groups are to be scaled.
    private func exactShares(_ holder: Holder, _ counts: [UInt64: SiteCount]) -> [UInt32: Double] {
        guard (holder.ledger?.interval ?? 1) > 1 else { return [:] }
        var estimated: [UInt32: UInt64] = [:]
        for (key, count) in counts { estimated[UInt32(key >> 32), default: 0] += count.count }
        return estimated.compactMapValues { $0 > 0 ? 1 / Double($0) : nil }.reduce(into: [:]) { shares, one in
            if let exact = holder.live[HandleKind.name(one.key)], exact > 0 { shares[one.key] = Double(exact) * one.value }
        }
    }

    // -- groups

    private mutating func merge(_ key: GroupKey, _ group: HandleGroup, _ holder: Holder) {
        var group = group
        let has = plan.dimensions.contains
        group.kind = has(.kind) ? key.kind : nil
        group.holder = has(.client) ? holder : nil
        group.workspace = has(.workspace) ? holder.workspace : nil
        group.site = has(.site) ? holder.ledger?.site(key.site) : nil
        group.label = has(.label) ? holder.ledger?.text(key.label) : nil
        group.hasName = has(.label) && key.label != 0 && !Ledger.isOfText(key.label)
        bytes += group.bytes
        let identity = group.identity
        guard let known = groupPlaces[identity] else {
            groupPlaces[identity] = groups.count
            groups.append(group)
            return
        }
        groups[known].add(group)
    }

    private var groupPlaces: [[String]: Int] = [:]

    /// A sample may have missed a kind, or count one of two as 256.
    private mutating func countByPages() {
        for group in groups.indices { groups[group].count = 0 }
        for holder in holders {
            for kind in 1..<BD_KIND_COUNT where kind != BD_KIND_WORKSPACE {
                let count = holder.live[HandleKind.name(kind)] ?? 0
                guard count > 0, plan.selection.kinds.isEmpty || plan.selection.kinds.contains(kind) else { continue }
                var group = HandleGroup()
                group.count = count
                group.bytes = count * (holder.averageBytes[kind] ?? 0)
                merge(GroupKey(kind: kind), group, holder)
            }
        }
        groups.removeAll { $0.count == 0 }  // freed between the two looks
        for group in groups.indices { groups[group].growth = min(groups[group].growth, Int64(clamping: groups[group].count)) }
    }

    // -- rows

    private mutating func keep(_ row: HandleRow) {
        if plan.sort == nil, rows.count == plan.rowsMax { return }
        rows.append(row)
        if plan.rowsMax < Int.max / 4, rows.count > plan.rowsMax * 2 + 4096 { trimRows(to: plan.rowsMax) }
    }

    private mutating func trimRows(to most: Int) {
        switch plan.sort {
        case .bytes: rows.sort { $0.bytes > $1.bytes }
        case .age, .count, .growth: rows.sort { $0.record.created_ns < $1.record.created_ns }
        case .kind: rows.sort { $0.record.id < $1.record.id }
        case .client: rows.sort { ($0.holder.pid, $0.record.id) < ($1.holder.pid, $1.record.id) }
        case .site: rows.sort { ($0.site.text, $0.record.id) < ($1.site.text, $1.record.id) }
        case .label: rows.sort { ($0.label, $0.record.id) < ($1.label, $1.record.id) }
        case nil: break
        }
        if rows.count > most { rows.removeLast(rows.count - most) }
    }

    /// With the bytes that were not needed for sorting.
    var rowsWithBytes: [HandleRow] {
        guard plan.sort != .bytes else { return rows }
        return rows.map { HandleRow(record: $0.record, holder: $0.holder, bytes: $0.holder.bytes($0.record)) }
    }

    /// 1m
    var windowText: String {
        Units.duration(milliseconds: plan.youngSinceNs.map { milliseconds(from: $0, to: nowNs) } ?? HandleScan.youngMs)
    }

    var isEstimated: Bool { holders.contains { ($0.ledger?.interval ?? 1) > 1 } }
}

extension HandleGroup {
    /// At least one of what there is.
    fileprivate mutating func scale(by share: Double) {
        guard share != 1 else { return }
        count = max(UInt64((Double(count) * share).rounded()), 1)
        bytes = UInt64((Double(bytes) * share).rounded())
        growth = Int64((Double(growth) * share).rounded())
    }

    fileprivate mutating func add(_ record: bd_ledger_record, bytes more: UInt64, isYoung: Bool) {
        count += UInt64(record.weight)
        bytes += more
        if isYoung { growth += Int64(record.weight) }
        if record.created_ns < oldestNs {
            oldestNs = record.created_ns
            example = record.id
        }
    }

    fileprivate mutating func add(_ other: HandleGroup) {
        count += other.count
        bytes += other.bytes
        growth += other.growth
        if other.oldestNs < oldestNs {
            oldestNs = other.oldestNs
            example = other.example
        }
    }

    static func sort(_ groups: inout [HandleGroup], by key: SortKey?) {
        switch key {
        case .bytes: groups.sort { ($0.bytes, $0.count) > ($1.bytes, $1.count) }
        case .growth: groups.sort { ($0.growth, Int64($0.count)) > ($1.growth, Int64($1.count)) }
        case .age: groups.sort { $0.oldestNs < $1.oldestNs }
        case .kind, .client, .site, .label: groups.sort { $0.identity.lexicographicallyPrecedes($1.identity) }
        case .count, nil:
            groups.sort { $0.count != $1.count ? $0.count > $1.count : $0.identity.lexicographicallyPrecedes($1.identity) }
        }
    }
}
