// One handle in a list, and who holds it. Plain values; how they are printed is HandleTables' business.

import CLayout
import Wire

/// A client, or what is left of one whose worker is gone, with what can be read of its shared memory.
final class Holder {
    let name: String
    let pid: UInt64
    let program: String
    let workspace: String
    let generation: UInt32
    let workerPid: UInt64
    /// How its worker ended; nil while that lives.
    let lostCause: String?
    /// Living handles by name of kind, as its page has them: exact, whatever the ledger records.
    let live: [String: UInt64]
    let growth: Int64
    /// The worker has applied all that the client says it has made: what is not in the graph then is gone from it.
    let isSettled: Bool
    let ledger: Ledger?
    let arena: ArenaReader?
    /// Bytes that an object of a kind takes on average, for sums over many.
    var averageBytes: [UInt32: UInt64] = [:]

    init(_ row: JSONValue, daemonPid: Int64, arena: ArenaReader?, isLost: Bool) {
        name = row.text("id")
        pid = row.unsigned("pid")
        program = row.text("program")
        workspace = row.text("workspace")
        generation = UInt32(truncatingIfNeeded: row.unsigned("generation")) & 0xFF_FFFF
        workerPid = row.unsigned("worker_pid")
        lostCause = isLost ? row.text("cause") : nil
        live = Dictionary(
            (row["handles"]?.members ?? []).map { name, _ in (name, row["handles"]?.unsigned(name) ?? 0) },
            uniquingKeysWith: { $1 })
        growth = row.signed("growth_1m")
        isSettled = row.text("state") != "busy" && row.unsigned("request") >= row.unsigned("sent_requests")
        let hasLedger = row["ledger_fd"].map { $0 != .null } ?? false
        ledger = hasLedger ? SharedFile(pid: daemonPid, fd: Int64(row.unsigned("ledger_fd"))).flatMap(Ledger.init) : nil
        self.arena = arena
    }

    var isLost: Bool { lostCause != nil }
    var sitesMode: String { ledger?.modeText ?? "off" }

    /// Bytes of the object behind a handle, as the worker keeps it.
    func bytes(_ record: bd_ledger_record) -> UInt64 {
        let index = UInt32(truncatingIfNeeded: record.id)
        switch UInt32(record.id >> 56) {
        case BD_KIND_VIEW: return arena?.bytes(view: index) ?? 0
        case BD_KIND_NODE, BD_KIND_BOUND_NODE: return arena?.bytes(node: index) ?? 0
        case BD_KIND_EDGE, BD_KIND_BOUND_EDGE: return arena?.bytes(edge: index) ?? 0
        case let kind where HandleKind.documents.contains(kind): return UInt64(record.place) * UInt64(BD_GRANULE_BYTES)
        default: return 0
        }
    }

    /// The same for sums: what is small and many counts with its average.
    func bytesForSum(_ record: bd_ledger_record) -> UInt64 {
        let kind = UInt32(record.id >> 56)
        return averageBytes[kind].map { $0 * UInt64(record.weight) } ?? bytes(record)
    }

    /// Only this handle keeps the object alive: it is in no view.
    func isOrphan(_ record: bd_ledger_record) -> Bool {
        guard let arena, !isLost else { return false }
        let index = UInt32(truncatingIfNeeded: record.id)
        switch UInt32(record.id >> 56) {
        case BD_KIND_NODE, BD_KIND_BOUND_NODE:
            guard let node = arena.node(index), node.references <= 1 else { return false }
            return !views.contains { arena.contains($0, node: index) }
        case BD_KIND_EDGE, BD_KIND_BOUND_EDGE:
            guard arena.edge(index) != nil, arena.edgeReferences(index) <= 1 else { return false }
            return !views.contains { arena.contains($0, edge: index) }
        default: return false
        }
    }

    /// The client's living views, each once.
    private lazy var views: [ArenaReader.View] = {
        var ids: Set<UInt32> = []
        ledger?.forEach { if $0.id >> 56 == UInt64(BD_KIND_VIEW) { ids.insert(UInt32(truncatingIfNeeded: $0.id)) } }
        return ids.sorted().compactMap { arena?.view($0) }.filter(\.isLive)
    }()

    func record(of id: UInt64) -> bd_ledger_record? {
        var found: bd_ledger_record?
        ledger?.forEach { if $0.id == id { found = $0 } }
        return found
    }

    func label(of id: UInt64) -> String { record(of: id).map { ledger?.text($0.label) ?? "" } ?? "" }

    /// The view that the handle looks through, else the first of the client's that has the node.
    func view(of node: UInt32, handle id: UInt64) -> ArenaReader.View? {
        guard let arena else { return nil }
        let place = record(of: id)?.place ?? 0
        if place != 0, let view = arena.view(place) { return view }
        return views.first { arena.contains($0, node: node) }
    }

    /// live, lost (its worker is gone) or destroyed (the view, or the view that a bound handle looks through).
    func state(_ record: bd_ledger_record) -> String {
        if isLost { return "lost" }
        guard let arena else { return "live" }
        let view: UInt32
        switch UInt32(record.id >> 56) {
        case BD_KIND_VIEW: view = UInt32(truncatingIfNeeded: record.id)
        case BD_KIND_BOUND_NODE, BD_KIND_BOUND_EDGE, BD_KIND_PATH, BD_KIND_TYPE_GRAPH: view = record.place
        default: return "live"
        }
        return arena.view(view)?.isLive ?? !isSettled ? "live" : "destroyed"
    }
}

struct HandleRow {
    var record: bd_ledger_record
    var holder: Holder
    var bytes: UInt64

    var kind: String { HandleKind.name(UInt32(record.id >> 56)) }
    var address: String { "0x\(hexText(record.id, digits: 16))" }
    var label: String { holder.ledger?.text(record.label) ?? "" }
    var origin: HandleOrigin? { HandleOrigin(record) }
    var site: CreationSite { holder.ledger?.site(record.site) ?? .unknown }

    func ageMs(_ nowNs: UInt64) -> UInt64 { milliseconds(from: record.created_ns, to: nowNs) }

    func json(nowNs: UInt64) -> JSONValue {
        let members: [(String, JSONValue)] = [
            ("id", .uint(record.id)), ("address", .string(address)), ("kind", .string(kind)),
            ("client", .string(holder.name)), ("pid", .uint(holder.pid)), ("workspace", .string(holder.workspace)),
            ("state", .string(holder.state(record))), ("age_s", .double(Double(ageMs(nowNs)) / 1000)),
            ("bytes", .uint(bytes)), ("label", .string(label)), ("weight", .uint(UInt64(record.weight))),
            ("site", HandleRow.json(site)),
        ]
        let isCounted = HandleUse.isCounted(UInt32(record.id >> 56))
        return .object(
            members + HandleOrigin.members(origin) + (isCounted ? HandleUse(record).members(nowNs: nowNs) : []))
    }

    static func json(_ site: CreationSite) -> JSONValue {
        guard let first = site.places.first else { return .null }
        return .object(
            placeMembers(first) + [("callers", .array(site.places.dropFirst().map { .object(placeMembers($0)) }))])
    }

    private static func placeMembers(_ place: CodePlace) -> [(String, JSONValue)] {
        [("file", .string(place.file)), ("line", .uint(UInt64(place.line))), ("function", .string(place.function))]
    }

    static let csvHead = "address,kind,client,pid,workspace,state,age_s,bytes,label,weight,file,line,function,caller,caller2,request,made_by\n"

    func csv(nowNs: UInt64) -> String {
        let places = site.places
        func chain(_ index: Int) -> String {
            index < places.count ? "\(places[index].file):\(places[index].line) \(places[index].function)" : ""
        }
        let first = places.first
        let line = first.map { String($0.line) } ?? ""
        let age = String(Double(ageMs(nowNs)) / 1000)
        let request = origin.map { String($0.request) } ?? ""
        let fields: [String] = [
            address, kind, holder.name, String(holder.pid), holder.workspace, holder.state(record), age, String(bytes),
            label, String(record.weight), first?.file ?? "", line, first?.function ?? "", chain(1), chain(2), request,
            origin?.operation ?? "",
        ]
        return fields.map(csvField).joined(separator: ",") + "\n"
    }
}

/// RFC 4180.
func csvField(_ text: String) -> String {
    guard text.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
}
