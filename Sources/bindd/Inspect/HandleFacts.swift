// `bindd inspect handles ID`: everything that is known of one handle. The worker is asked, and has 150 ms; what it does not
// say is read from the clients' ledgers and from its graph's memory. Cost: a pass over the ledgers.

import CLayout
import CShim
import Wire

struct HandleFacts {
    static func show(_ id: UInt64, _ selection: Selection, place: SocketOption, format: ListFormat) throws {
        guard ![.csv, .dot].contains(format) else { throw misuse("one handle is no table: -o table or json") }
        let isInside = [BD_KIND_PLACE, BD_KIND_CONSTRUCTED].contains(UInt32(id >> 56))  // no worker has a handle of it
        let asked = isInside ? [] : [Attribute(key: "id", value: .int(Int64(bitPattern: id)))]
        let report = try HandleListing.ask(place, asked)
        let look = HandleLook(report, selection)
        let handles = isInside ? structs(id, look) : find(id, look, selection)
        let overview = look.enriched(HandleScan(HandleScan.Plan(), holders: look.holders, nowNs: look.nowNs))
        let enriched = JSONValue.object(
            overview.members.filter { $0.0 != "handle" && $0.0 != "handles" } + [
                ("handle", handles.first ?? .null), ("handles", .array(handles)),
            ])
        switch format {
        case .json: Output.write(enriched.text + "\n")
        case .jsonl: Output.write(handles.map { $0.text + "\n" }.joined())
        case .table: Output.write(inspectionText(enriched, handle: id, width: Output.columns, style: Output.style))
        case .csv, .dot: break  // refused above
        }
        let silent = report["unanswered"]?.items.map(\.text) ?? []
        guard handles.isEmpty else {
            if !silent.isEmpty {
                writeAll(2, "bindd: no answer from pid \(silent.joined(separator: ", ")): shown from shared memory\n")
            }
            return
        }
        guard silent.isEmpty else {
            throw failure(
                "no worker that answered knows a handle 0x\(hexText(id, digits: 16)); "
                    + "no answer from pid \(silent.joined(separator: ", "))\n"
                    + "  hint: `bindd status` shows whether it is busy or stopped")
        }
        if UInt32(id >> 56) == BD_KIND_PLACE {
            throw failure(
                "0x\(hexText(id, digits: 16)) is a struct inside of document \(id >> 32 & 0xFF_FFFF): nobody shows such a "
                    + "document, or it has no such struct\n"
                    + "  hint: it was freed, or its client runs with BINDD_SITES=off; `bindd inspect handles` lists whole files")
        }
        if UInt32(id >> 56) == BD_KIND_CONSTRUCTED {
            throw failure(
                "0x\(hexText(id, digits: 16)) is a struct that was constructed in Python: it is in no file, and no worker knows it\n"
                    + "  hint: what is put into a file is copied; the copy in the file has an id of its own")
        }
        throw failure("no worker knows a handle 0x\(hexText(id, digits: 16))")
    }

    /// One entry for each workspace that knows it.
    static func find(_ id: UInt64, _ look: HandleLook, _ selection: Selection = Selection()) -> [JSONValue] {
        let generation = UInt32(id >> 32) & 0xFF_FFFF
        let answered = look.report["handles"]?.items ?? []
        var out: [JSONValue] = []
        var known: Set<UInt64> = []
        for answer in answered {
            let pid = answer.unsigned("worker_pid")
            known.insert(pid)
            let holders = look.holders.filter { $0.workerPid == pid && $0.generation == generation && !$0.isLost }
            guard !holders.isEmpty || selection.isOfAll else { continue }
            // Of what is in a document the client knows better than the worker: what was removed is not counted.
            let inner = holders.lazy.map { inside(id, $0) }.first { !$0.isEmpty } ?? []
            let members = answer.members.filter { name, value in
                !inner.contains { $0.0 == name } && !(name == "label" && value == .null)
            }
            let told = Set(members.map(\.0))
            let facts = holders.first.map { shared(id, $0).filter { !told.contains($0.0) } } ?? []
            let record = recorded(id, holders, look.nowNs, except: told.union(facts.map(\.0)))
            out.append(.object(members + inner + facts + record))
        }
        for holder in look.holders where holder.generation == generation && !known.contains(holder.workerPid) {
            let facts = shared(id, holder) + inside(id, holder)
            let record = recorded(id, [holder], look.nowNs, except: Set(facts.map(\.0)))
            let isRecorded = record.contains { $0.0 == "age_s" }
            guard isRecorded || !facts.isEmpty else { continue }
            let head: [(String, JSONValue)] = [
                ("workspace", .string(holder.workspace)), ("worker_pid", .uint(holder.workerPid)),
                ("clients", .array([.string(holder.name)])),
                ("kind", .string(HandleKind.name(UInt32(id >> 56)))), ("index", .uint(id & 0xFFFF_FFFF)),
            ]
            out.append(.object(head + facts + record))
        }
        return out
    }

    /// Structs of a KiCad file: how many there are, and how many Python objects look at them.
    private static func inside(_ id: UInt64, _ holder: Holder) -> [(String, JSONValue)] {
        if UInt32(id >> 56) == BD_KIND_DOCUMENT { return holder.ledger?.names(of: id).map { [("lists", $0.counts)] } ?? [] }
        guard HandleKind.documents.contains(UInt32(id >> 56)), let contents = holder.ledger?.contents(of: id) else { return [] }
        return inside(contents, DocumentContents.root)
    }

    private static func inside(_ contents: DocumentContents, _ record: Int) -> [(String, JSONValue)] {
        var counts: [String: UInt64] = [:]
        var objects: [String: UInt64] = [:]
        let records = contents.records(in: record)
        for group in contents.groups(in: records ?? [record]) {
            if group.record != record { counts[group.type, default: 0] += group.count }
            if group.objects > 0 { objects[group.type, default: 0] += group.objects }
        }
        let held = record == DocumentContents.root ? contents.objects : contents.objects(of: record)
        if record == DocumentContents.root, held > objects.values.reduce(0, +) {
            objects[removed] = held - objects.values.reduce(0, +)
        }
        let known: [(String, JSONValue)] =
            records == nil ? [] : [("children", .uint(counts.values.reduce(0, +))), ("structs", .counts(counts))]
        return [("type", .string(contents.type(of: record)))] + known + [("objects", .uint(held)), ("objects_at", .counts(objects))]
    }

    private static let removed = "what was removed"

    /// A struct inside of a document, for each client that has such a document.
    private static func structs(_ id: UInt64, _ look: HandleLook) -> [JSONValue] {
        guard UInt32(id >> 56) == BD_KIND_PLACE else { return [] }
        let record = Int(id & 0xFFFF_FFFF)
        return look.holders.compactMap { holder in
            guard let contents = holder.ledger?.contents(ofDocument: id >> 32 & 0xFF_FFFF),
                contents.contains(record) || contents.isRemoved(record)
            else { return nil }
            let isThere = contents.contains(record)
            let row = holder.record(of: contents.id)
            let members: [(String, JSONValue)] = [
                ("workspace", .string(holder.workspace)), ("worker_pid", .uint(holder.workerPid)),
                ("clients", .array([.string(holder.name)])), ("kind", .string(isThere ? contents.type(of: record) : "removed struct")),
                ("place", isThere ? .string(contents.path(of: record)) : .null),
                ("at_this_place", .uint(isThere ? contents.count(at: record) : 0)),
                ("file", .string("0x\(hexText(contents.id, digits: 16))")),
                ("file_kind", .string(HandleKind.name(UInt32(contents.id >> 56)))),
                ("label", row.map { .string(holder.ledger?.text($0.label) ?? "") } ?? .null),
                ("state", .string(row.map { holder.state($0) } ?? "live")),
                ("owner", .string("\(holder.name) pid \(holder.pid)")),
            ]
            guard isThere else { return .object(members + [("objects", .uint(contents.objects(of: record)))]) }
            return .object(members + inside(contents, record).filter { $0.0 != "type" })
        }
    }

    /// What the ledgers of its clients say.
    private static func recorded(
        _ id: UInt64, _ holders: [Holder], _ nowNs: UInt64, except: Set<String>
    ) -> [(String, JSONValue)] {
        var oldest: HandleRow?
        var count: UInt64 = 0
        var use = HandleUse()
        for holder in holders {
            holder.ledger?.forEach { record in
                guard record.id == id else { return }
                count += 1
                use.add(HandleUse(record))
                if record.created_ns < oldest?.record.created_ns ?? .max {
                    oldest = HandleRow(record: record, holder: holder, bytes: 0)
                }
            }
        }
        guard let row = oldest else {
            guard let holder = holders.first else { return [] }
            let why = holder.ledger == nil ? "not recorded (BINDD_SITES=off)" : "not in the sample (BINDD_SITES=full records each)"
            return [("created", .string(why))]
        }
        let ageMs = row.ageMs(nowNs)
        let createdNs = bd_clock_realtime_ns() - ageMs * 1_000_000
        let members: [(String, JSONValue)] = [
            ("label", row.label.isEmpty ? .null : .string(row.label)), ("bytes", .uint(row.holder.bytes(row.record))),
            ("state", .string(row.holder.state(row.record))), ("owner", .string("\(row.holder.name) pid \(row.holder.pid)")),
            ("handles", .uint(count)),
            ("created", .string(createdText(createdNs, ageMs, row.origin))),
            ("age_s", .double(Double(ageMs) / 1000)), ("site", HandleRow.json(row.site)),
        ]
        let isCounted = HandleUse.isCounted(UInt32(id >> 56))
        let lastUsed = ("last_used", JSONValue.string(use.text(nowNs: nowNs)))
        let uses = isCounted ? [lastUsed] + use.members(nowNs: nowNs) : []
        return (members + HandleOrigin.members(row.origin) + uses).filter { !except.contains($0.0) }
    }

    /// 2026-11-22T09:52:10.120Z (31m ago)  request 88,213 sexp.load 17ms
    private static func createdText(_ createdNs: UInt64, _ ageMs: UInt64, _ origin: HandleOrigin?) -> String {
        let ago = "\(isoText(realtimeNs: createdNs)) (\(Units.duration(milliseconds: ageMs)) ago)"
        return origin.map { "\(ago)  \($0.text)" } ?? ago
    }

    /// What the graph's memory says: how many hold the object in the worker, and what it has around it.
    private static func shared(_ id: UInt64, _ holder: Holder) -> [(String, JSONValue)] {
        guard let arena = holder.arena else { return [] }
        let index = UInt32(truncatingIfNeeded: id)
        switch UInt32(id >> 56) {
        case BD_KIND_NODE, BD_KIND_BOUND_NODE, BD_KIND_TYPE_GRAPH:
            guard let node = arena.node(index) else { return [] }
            return [
                ("attributes", .object(arena.attributes(node.attributes))), ("held_by", .uint(UInt64(node.references))),
            ] + neighbours(index, id, holder, arena)
        case BD_KIND_EDGE, BD_KIND_BOUND_EDGE:
            guard let edge = arena.edge(index) else { return [] }
            return [
                ("source", .uint(UInt64(edge.source))), ("target", .uint(UInt64(edge.target))),
                ("edge_type", .uint(UInt64(edge.type))), ("attributes", .object(arena.attributes(edge.attributes))),
                ("held_by", .uint(UInt64(arena.edgeReferences(index)))),
            ]
        case BD_KIND_VIEW:
            guard let view = arena.view(index) else { return [] }
            return [
                ("self_node", .uint(UInt64(view.selfNode))), ("nodes", .uint(UInt64(view.nodeCount))),
                ("edges", .uint(UInt64(view.edgeCount))),
            ]
        default: return []
        }
    }

    private static let edgesMax = 65_536

    /// Children are what the node's edges lead to, parents where edges to it come from, in the view that it is looked at
    /// through, or in the first that has it.
    private static func neighbours(
        _ node: UInt32, _ id: UInt64, _ holder: Holder, _ arena: ArenaReader
    ) -> [(String, JSONValue)] {
        guard let view = holder.view(of: node, handle: id) else { return [] }
        let edges = arena.edges(view, node: node, max: edgesMax)
        return [
            ("children", .int(Int64(edges.count { $0.source == node }))),
            ("parents", .int(Int64(edges.count { $0.target == node }))),
        ]
    }
}
