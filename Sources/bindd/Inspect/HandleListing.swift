// What `bindd inspect handles` does after its flags are read: ask, scan, print. One look; watching is the caller's loop.

import CLayout
import CShim
import Glibc
import Wire

struct HandleListing {
    let place: SocketOption
    var selection: Selection
    let isGrowing: Bool
    /// Two looks so far apart; nil: one.
    let overMs: UInt64?
    var dimensions: [GroupDimension]
    var sort: SortKey?
    let top: Int?
    let format: ListFormat
    let needsHead: Bool

    static func ask(_ place: SocketOption, _ arguments: [Attribute] = []) throws -> JSONValue {
        try parsedAnswer(try askDaemon(place, "inspect", arguments))
    }

    private static let rowsInTable = 50

    private var isOverview: Bool {
        selection.isEverything && dimensions.isEmpty && sort == nil && top == nil && !isGrowing
            && (format == .table || format == .json)
    }

    /// What --fail-if compares.
    func run(save: String?) throws -> FailCondition.Facts {
        let before = try overMs.map { _ in HandleLook(try Self.ask(place)) }
        let earlier = before.map { Counts($0, selection) }
        if let overMs { usleep(UInt32(min(overMs, 3_600_000) * 1000)) }
        let look = HandleLook(try Self.ask(place))
        if let save { try SavedSums(look).write(to: save) }
        if isOverview { return showOverview(look) }
        tellStrangers(look)
        var listing = self
        if isGrowing { listing.restrictToGrowing(look, since: earlier) }
        return listing.showList(look, since: earlier)
    }

    /// A name that nobody has is no error, its client may have ended, but it may be a slip.
    private func tellStrangers(_ look: HandleLook) {
        let clients = look.holders.flatMap { [$0.name, String($0.pid)] }
        for name in selection.clients.subtracting(clients).sorted() {
            let known = look.holders.map(\.name).joined(separator: ", ")
            writeAll(2, "bindd: no client \(shownText(name)) (there \(known.isEmpty ? "is none" : "are \(known)"))\n")
        }
        let workspaces = Set((look.report["workspaces"]?.items ?? []).map { $0.text("name") } + look.holders.map(\.workspace))
        for name in selection.workspaces.subtracting(workspaces.union(["private"])).sorted() {
            let known = workspaces.subtracting([""]).sorted().joined(separator: ", ")
            writeAll(2, "bindd: no workspace \(shownText(name)) (\(known.isEmpty ? "none has a name" : "named are \(known)"))\n")
        }
    }

    // -- growth

    /// Living handles by kind at one moment.
    struct Counts {
        var kinds: [UInt32: Int64] = [:]
        let nowNs: UInt64

        init(_ look: HandleLook, _ selection: Selection) {
            nowNs = look.nowNs
            for holder in look.holders where selection.takes(holder) {
                for kind in 1..<BD_KIND_COUNT { kinds[kind, default: 0] += Int64(holder.live[HandleKind.name(kind)] ?? 0) }
            }
        }
    }

    private mutating func restrictToGrowing(_ look: HandleLook, since earlier: Counts?) {
        let now = Counts(look, selection)
        var growths: [UInt32: Int64] = [:]
        for kind in 1..<BD_KIND_COUNT where kind != BD_KIND_WORKSPACE {
            let growth: Int64 =
                if let earlier { (now.kinds[kind] ?? 0) - (earlier.kinds[kind] ?? 0) } else {
                    (look.report["kinds"]?.items ?? []).first { $0.text("kind") == HandleKind.name(kind) }?
                        .signed("growth_1m") ?? 0
                }
            if selection.kinds.isEmpty || selection.kinds.contains(kind) { growths[kind] = growth }
        }
        // One more may be on its way to being freed; beside what grows fast, little is noise.
        let most = growths.values.max() ?? 0
        let growing = Set(growths.filter { $0.value > 1 && $0.value >= most / 100 }.keys)
        selection.kinds = growing.isEmpty ? [0] : growing  // no handle is of kind 0
        if dimensions.isEmpty { dimensions = [.kind, .site] }
        if sort == nil { sort = .growth }
    }

    // -- showing

    private func showOverview(_ look: HandleLook) -> FailCondition.Facts {
        let scan = HandleScan(HandleScan.Plan(), holders: look.holders, nowNs: look.nowNs)
        let report = look.enriched(scan)
        switch format {
        case .json: Output.write(report.text + "\n")
        default: Output.write(inspectionText(report, handle: nil, width: Output.columns, style: Output.style))
        }
        let kinds = report["kinds"]?.items ?? []
        return FailCondition.Facts(
            count: kinds.filter { $0.text("kind") != "Workspace" }.reduce(0) { $0 + $1.unsigned("live") },
            bytes: kinds.reduce(0) { $0 + $1.unsigned("bytes") }, growth: kinds.reduce(0) { $0 + $1.signed("growth_1m") },
            clients: UInt64(look.holders.count { !$0.isLost }))
    }

    private func showList(_ look: HandleLook, since earlier: Counts?) -> FailCondition.Facts {
        var plan = HandleScan.Plan()
        plan.selection = selection
        plan.dimensions = dimensions
        plan.sort = sort
        plan.youngSinceNs = earlier?.nowNs
        let isStreamed = dimensions.isEmpty && (format == .jsonl || format == .csv) && sort == nil && top == nil
        if dimensions.isEmpty, !isStreamed { plan.rowsMax = top == 0 ? Int.max : top ?? (format == .table ? Self.rowsInTable : Int.max) }
        if format == .csv, needsHead { Output.write(dimensions.isEmpty ? HandleRow.csvHead : HandleGroup.csvHead) }
        var buffer = ""
        let scan = HandleScan(
            plan, holders: look.holders, nowNs: look.nowNs,
            onRow: isStreamed
                ? { row in
                    buffer += format == .csv ? row.csv(nowNs: look.nowNs) : row.json(nowNs: look.nowNs).text + "\n"
                    if buffer.utf8.count > 1 << 16 {
                        Output.write(buffer)
                        buffer = ""
                    }
                } : nil)
        Output.write(buffer)
        let facts = facts(scan, look, since: earlier)
        if dimensions.isEmpty { printRows(scan, look, facts) } else { printGroups(scan, look, facts) }
        return facts
    }

    private func facts(_ scan: HandleScan, _ look: HandleLook, since earlier: Counts?) -> FailCondition.Facts {
        let isExact = selection.isAnsweredByPages
        let count = isExact ? scan.holders.reduce(0) { $0 + selection.exactCount($1) } : scan.weighted
        var growth = Int64(scan.young)
        if let earlier {
            let now = Counts(look, selection).kinds
            growth = now.filter { selection.kinds.isEmpty || selection.kinds.contains($0.key) }
                .reduce(0) { $0 + $1.value - (earlier.kinds[$1.key] ?? 0) }
        }
        return FailCondition.Facts(
            count: count, bytes: scan.bytes, growth: growth, clients: UInt64(scan.holders.count { !$0.isLost }))
    }

    private func head(_ scan: HandleScan, _ facts: FailCondition.Facts) -> [(String, JSONValue)] {
        [
            ("schema", .int(1)), ("count", .uint(facts.count)), ("bytes", .uint(facts.bytes)), ("growth", .int(facts.growth)),
            ("clients", .uint(facts.clients)), ("recorded", .uint(scan.records)), ("estimated", .bool(scan.isEstimated)),
        ]
    }

    private func printRows(_ scan: HandleScan, _ look: HandleLook, _ facts: FailCondition.Facts) {
        switch format {
        case .table:
            Output.write(rowsText(scan, facts, nowNs: look.nowNs, width: Output.columns, style: Output.style))
        case .json:
            Output.write(JSONValue.object(head(scan, facts)).text.dropLast() + ",\"rows\":[")
            for (index, row) in scan.rows.enumerated() {
                let row = HandleRow(record: row.record, holder: row.holder, bytes: row.holder.bytes(row.record))
                Output.write((index > 0 ? "," : "") + row.json(nowNs: look.nowNs).text)
            }
            Output.write("]}\n")
        case .jsonl: for row in scan.rowsWithBytes { Output.write(row.json(nowNs: look.nowNs).text + "\n") }
        case .csv: for row in scan.rowsWithBytes { Output.write(row.csv(nowNs: look.nowNs)) }
        case .dot: return
        }
    }

    private func printGroups(_ scan: HandleScan, _ look: HandleLook, _ facts: FailCondition.Facts) {
        var groups = scan.groups
        HandleGroup.sort(&groups, by: sort)
        let all = groups.count
        let most = top ?? (format == .table ? Self.rowsInTable : 0)
        if most > 0, groups.count > most { groups.removeLast(groups.count - most) }
        switch format {
        case .table:
            Output.write(
                groupsText(
                    groups, dimensions, all: all, scan: scan, facts, nowNs: look.nowNs, width: Output.columns,
                    style: Output.style))
        case .json:
            let items = groups.map { $0.json(dimensions, nowNs: look.nowNs) }
            Output.write(JSONValue.object(head(scan, facts) + [("groups", .array(items))]).text + "\n")
        case .jsonl: Output.write(groups.map { $0.json(dimensions, nowNs: look.nowNs).text + "\n" }.joined())
        case .csv: Output.write(groups.map { $0.csv(nowNs: look.nowNs) }.joined())
        case .dot: return
        }
    }
}
