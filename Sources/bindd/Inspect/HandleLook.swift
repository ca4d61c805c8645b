// A look at the daemon: the supervisor's report, and behind it the clients' ledgers and the workers' graphs, which are
// opened here and read in place. Nothing waits for a worker. Cost: one question, and opening two files per client.

import CLayout
import CShim
import Wire

struct HandleLook {
    let report: JSONValue
    let holders: [Holder]
    let nowNs: UInt64

    /// Of the clients and workspaces that are selected.
    init(_ report: JSONValue, _ selection: Selection = Selection()) {
        self.report = report
        nowNs = bd_clock_monotonic_ns()
        let daemonPid = Int64(report["supervisor"]?.unsigned("pid") ?? 0)
        var arenas: [UInt64: ArenaReader] = [:]
        var averages: [UInt64: [UInt32: UInt64]] = [:]
        for workspace in report["workspaces"]?.items ?? [] {
            let pid = workspace.unsigned("worker_pid")
            let fd = workspace.unsigned("arena_fd")
            if fd > 0 { arenas[pid] = SharedFile(pid: Int64(pid), fd: Int64(fd)).flatMap(ArenaReader.init) }
            averages[pid] = HandleLook.averages(workspace)
        }
        let living = (report["clients"]?.items ?? []).map { row in
            let holder = Holder(row, daemonPid: daemonPid, arena: arenas[row.unsigned("worker_pid")], isLost: false)
            holder.averageBytes = averages[row.unsigned("worker_pid")] ?? [:]
            return holder
        }
        let lost = (report["lost_clients"]?.items ?? []).map {
            Holder($0, daemonPid: daemonPid, arena: nil, isLost: true)
        }
        holders = (living + lost).filter(selection.takes)
    }

    /// Nodes and edges are many and alike: sums take their average.
    private static func averages(_ workspace: JSONValue) -> [UInt32: UInt64] {
        let nodes = workspace["objects"]?.unsigned("Node") ?? 0
        let edges = workspace["objects"]?.unsigned("Edge") ?? 0
        let attributes = workspace.unsigned("attribute_bytes") / max(nodes + edges, 1)
        let node = (workspace["bytes"]?.unsigned("Node") ?? 0) / max(nodes, 1) + attributes
        let edge = (workspace["bytes"]?.unsigned("Edge") ?? 0) / max(edges, 1) + attributes
        return [
            BD_KIND_NODE: node, BD_KIND_BOUND_NODE: node, BD_KIND_EDGE: edge, BD_KIND_BOUND_EDGE: edge, BD_KIND_PATH: 0,
            BD_KIND_TYPE_GRAPH: 0, BD_KIND_SEXP_LIST: 0, BD_KIND_SEXP_ATOM: 0,
        ]
    }

    /// The report with what the ledgers add, without what only this program needs. `overview` is a scan of everything.
    func enriched(_ overview: HandleScan) -> JSONValue {
        var out: [(String, JSONValue)] = []
        for (name, value) in report.members {
            switch name {
            case "clients": out.append((name, .array(value.items.map { client($0, overview) })))
            case "lost_clients":
                out.append((name, .array(value.items.map { .object($0.members.filter { $0.0 != "ledger_fd" }) })))
            case "workspaces":
                out.append((name, .array(value.items.map { .object($0.members.filter { $0.0 != "arena_fd" }) })))
            case "kinds": out.append((name, .array(value.items.map { kind($0, overview) })))
            default: out.append((name, value))
            }
        }
        out.append(("hints", .array(Hints.find(self, overview).map(\.json))))
        return .object(out)
    }

    private func client(_ row: JSONValue, _ overview: HandleScan) -> JSONValue {
        let place = overview.holders.firstIndex { $0.name == row.text("id") && !$0.isLost }
        let oldest = place.flatMap { overview.oldestNs[$0] }
        let ledger = place.flatMap { overview.holders[$0].ledger }
        return .object(
            row.members.filter { $0.0 != "ledger_fd" } + [
                ("oldest_s", oldest.map { .double(Double(milliseconds(from: $0, to: nowNs)) / 1000) } ?? .null),
                ("sites", .string(place.map { overview.holders[$0].sitesMode } ?? "off")),
                ("recorded", .uint(ledger?.header.living ?? 0)), ("not_recorded", .uint(ledger?.header.dropped ?? 0)),
            ])
    }

    /// The place that made most of the living handles of the kind, and its share.
    private func kind(_ row: JSONValue, _ overview: HandleScan) -> JSONValue {
        guard let kind = Selection.kind(named: row.text("kind")) else { return row }
        let sites = overview.sites(ofKind: kind)
        let total = sites.reduce(0) { $0 + $1.value.count }
        let top = sites.max { ($0.value.count, $1.key.chainText) < ($1.value.count, $0.key.chainText) }
        return .object(
            row.members + [
                ("top_site", top.map { HandleRow.json($0.key) } ?? .null),
                ("top_site_share", .double(top.map { Double($0.value.count) / Double(max(total, 1)) } ?? 0)),
            ])
    }
}

extension HandleScan {
    /// Living handles of a kind by the place that made them; without those whose worker is gone, which reports count apart.
    func sites(ofKind kind: UInt32) -> [CreationSite: SiteCount] {
        var sites: [CreationSite: SiteCount] = [:]
        for (place, counts) in siteCounts.enumerated() where !holders[place].isLost {
            for (key, count) in counts where UInt32(key >> 32) == kind {
                let site = holders[place].ledger?.site(UInt32(truncatingIfNeeded: key)) ?? .unknown
                sites[site, default: SiteCount()].count += count.count
                sites[site, default: SiteCount()].young += count.young
            }
        }
        return sites
    }
}
