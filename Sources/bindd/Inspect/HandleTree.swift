// `--tree ID`: what a handle holds, as indented lines, as JSON, or as a graph for dot(1). A view holds its nodes, a node
// holds what its edges lead to, a KiCad file its structs, another document its lists by name and the handles of its places.
// Read from the graph's memory and the ledgers, so that a stopped worker can be looked at. Cost: bounded by depth and by the children shown of each.

import CLayout
import Wire

struct HandleTree {
    final class Branch {
        /// 0: it stands for several structs.
        let id: UInt64
        var text: String
        let edge: String
        var structs: DocumentContents.Group?
        /// Lists of a plain document, with the number of their row.
        var lists: (number: Int, row: DocumentNames.Row)?
        var children: [Branch] = []
        var more = 0
        /// Its own in the tree.
        var dotName: String { structs.map { "s\($0.place)" } ?? lists.map { "l\($0.number)" } ?? hexText(id, digits: 16) }

        init(id: UInt64, text: String, edge: String = "") {
            self.id = id
            self.text = text
            self.edge = edge
        }

        var json: JSONValue {
            .object([
                ("id", id == 0 ? .null : .uint(id)), ("address", id == 0 ? .null : .string("0x\(hexText(id, digits: 16))")),
                ("text", .string(text)), ("edge", .string(edge)),
            ] + (structs.map { group in
                [
                    ("field", .string(group.field)), ("type", .string(group.type)), ("count", .uint(group.count)),
                    ("objects", .uint(group.objects)),
                ]
            } ?? lists.map { lists in
                [("field", .string(lists.row.name)), ("type", .string("list")), ("count", .uint(lists.row.count)), ("objects", .uint(0))]
            } ?? []) + [("children", .array(children.map(\.json))), ("more", .int(Int64(more)))])
        }
    }

    static let depthMax = 16
    static let branchesMax = 10_000

    let root: Branch
    let holder: Holder
    let depth: Int
    let childrenMax: Int
    /// In the root's text: gives way where that is too long.
    let label: String
    /// What is to be said below it.
    var note = ""
    private var seen: Set<UInt64> = []
    private var branches = 0

    /// nil when nobody knows the id.
    init?(_ id: UInt64, _ look: HandleLook, depth: Int, childrenMax: Int) {
        let depth = min(max(depth, 1), HandleTree.depthMax)
        let childrenMax = childrenMax > 0 ? childrenMax : Int.max
        if let (holder, contents, record) = HandleTree.document(id, look) {
            self.holder = holder
            self.depth = depth
            self.childrenMax = childrenMax
            label = holder.label(of: contents.id)
            root = Branch(id: id, text: HandleTree.text(contents, record, holder))
            growStructs(contents, record)
            return
        }
        let generation = UInt32(id >> 32) & 0xFF_FFFF
        let index = UInt32(truncatingIfNeeded: id)
        let kind = UInt32(id >> 56)
        var found: (holder: Holder, record: bd_ledger_record?)?
        for holder in look.holders where holder.generation == generation && found == nil {
            holder.ledger?.forEach { record in
                if record.id == id, found == nil { found = (holder, record) }
            }
        }
        if found == nil {
            found = look.holders.first { $0.generation == generation && HandleTree.exists(kind, index, $0) }.map { ($0, nil) }
        }
        guard let (holder, record) = found else { return nil }
        self.holder = holder
        self.depth = depth
        self.childrenMax = childrenMax
        label = record.map { holder.ledger?.text($0.label) ?? "" } ?? ""
        root = Branch(id: id, text: HandleTree.text(kind, index, holder) + (label.isEmpty ? "" : " \(label)"))
        grow(kind, index, view: record?.place ?? 0)
    }

    private static func exists(_ kind: UInt32, _ index: UInt32, _ holder: Holder) -> Bool {
        switch kind {
        case BD_KIND_VIEW: holder.arena?.view(index) != nil
        case BD_KIND_NODE, BD_KIND_BOUND_NODE, BD_KIND_TYPE_GRAPH: holder.arena?.node(index) != nil
        case BD_KIND_EDGE, BD_KIND_BOUND_EDGE: holder.arena?.edge(index) != nil
        default: false
        }
    }

    /// BoundNode 17 name=R1 value=10k
    private static func text(_ kind: UInt32, _ index: UInt32, _ holder: Holder) -> String {
        var text = "\(HandleKind.name(kind)) \(index)"
        guard let arena = holder.arena else { return text }
        switch kind {
        case BD_KIND_NODE, BD_KIND_BOUND_NODE, BD_KIND_TYPE_GRAPH:
            for (key, value) in arena.attributes(arena.node(index)?.attributes ?? 0).prefix(3) { text += " \(key)=\(short(value))" }
        case BD_KIND_VIEW:
            if let view = arena.view(index) {
                text += " \(Units.count(UInt64(view.nodeCount))) nodes, \(Units.count(UInt64(view.edgeCount))) edges, "
                    + Units.bytes(arena.bytes(view: index)) + (view.isLive ? "" : " (destroyed)")
            }
        default: break
        }
        return text
    }

    private static func short(_ value: JSONValue) -> String {
        if case .string(let text) = value { return text.count > 40 ? text.prefix(39) + "…" : text }
        return value.text
    }

    // -- growing: one level after the other, so that each object stands where it is nearest to the root

    private mutating func grow(_ kind: UInt32, _ index: UInt32, view place: UInt32) {
        guard let arena = holder.arena else { return addPlaces(of: index, kind) }
        switch kind {
        case BD_KIND_VIEW:
            guard let view = arena.view(index) else { return }
            var level: [(Branch, UInt32)] = []
            for node in arena.nodes(view, max: min(childrenMax, HandleTree.branchesMax)) {
                seen.insert(UInt64(node))
                level.append((add(node, to: root, edge: ""), node))
            }
            root.more = view.nodeCount - level.count
            growNodes(level, in: view, arena)
        case BD_KIND_NODE, BD_KIND_BOUND_NODE, BD_KIND_TYPE_GRAPH:
            guard let view = viewOf(index, place, arena) else { return }
            seen.insert(UInt64(index))
            growNodes([(root, index)], in: view, arena)
        case BD_KIND_EDGE, BD_KIND_BOUND_EDGE:
            guard let edge = arena.edge(index) else { return }
            _ = add(edge.source, to: root, edge: "source")
            _ = add(edge.target, to: root, edge: "target")
        default: addPlaces(of: index, kind)
        }
    }

    /// The view that the handle looks through, else the first of the client's that has the node.
    private func viewOf(_ node: UInt32, _ place: UInt32, _ arena: ArenaReader) -> ArenaReader.View? {
        if place != 0, let view = arena.view(place) { return view }
        var found: ArenaReader.View?
        holder.ledger?.forEach { record in
            guard found == nil, record.id >> 56 == UInt64(BD_KIND_VIEW) else { return }
            if let view = arena.view(UInt32(truncatingIfNeeded: record.id)), arena.contains(view, node: node) { found = view }
        }
        return found
    }

    private mutating func growNodes(_ start: [(Branch, UInt32)], in view: ArenaReader.View, _ arena: ArenaReader) {
        var level = start
        for _ in 0..<depth where !level.isEmpty && branches < HandleTree.branchesMax {
            var next: [(Branch, UInt32)] = []
            for (branch, node) in level {
                let held = arena.edges(view, node: node, max: 65_536).filter { $0.source == node && $0.target != node }
                for edge in held {
                    guard branches < HandleTree.branchesMax, branch.children.count < childrenMax else {
                        branch.more += 1
                        continue
                    }
                    guard seen.insert(UInt64(edge.target)).inserted else { continue }
                    next.append((add(edge.target, to: branch, edge: HandleTree.edgeText(edge, arena)), edge.target))
                }
            }
            level = next
        }
    }

    /// type 3 name=p1
    private static func edgeText(_ edge: ArenaReader.Edge, _ arena: ArenaReader) -> String {
        let name = arena.attributes(edge.attributes).first { $0.0 == "name" || $0.0 == "child_identifier" }
        return "type \(edge.type)" + (name.map { " \(short($0.1))" } ?? "")
    }

    private mutating func add(_ node: UInt32, to branch: Branch, edge: String) -> Branch {
        let child = Branch(
            id: UInt64(BD_KIND_BOUND_NODE) << 56 | UInt64(holder.generation) << 32 | UInt64(node),
            text: HandleTree.text(BD_KIND_BOUND_NODE, node, holder), edge: edge)
        branch.children.append(child)
        branches += 1
        return child
    }

    /// Handles of places in a document, as far as they are recorded.
    private mutating func addPlaces(of document: UInt32, _ kind: UInt32) {
        guard kind == BD_KIND_DOCUMENT else { return }
        if let names = holder.ledger?.names(of: root.id) { addLists(names) }
        holder.ledger?.forEach { record in
            let kind = UInt32(record.id >> 56)
            guard kind == BD_KIND_SEXP_LIST || kind == BD_KIND_SEXP_ATOM, record.place == document else { return }
            guard root.children.count < childrenMax else {
                root.more += Int(record.weight)
                return
            }
            root.children.append(
                Branch(id: record.id, text: HandleTree.text(kind, UInt32(truncatingIfNeeded: record.id), holder)))
        }
    }

    /// What its lists are called.
    private mutating func addLists(_ names: DocumentNames) {
        for outer in names.inside(0).prefix(childrenMax) {
            let branch = Branch(id: 0, text: outer.row.text)
            branch.lists = outer
            root.children.append(branch)
            let inside = names.inside(outer.number)
            if depth < 2, !inside.isEmpty { note = "more inside: --depth 2" }
            guard depth >= 2 else { continue }
            for inner in inside.prefix(childrenMax) {
                let leaf = Branch(id: 0, text: inner.row.text)
                leaf.lists = inner
                branch.children.append(leaf)
            }
            branch.more = max(inside.count - childrenMax, 0)
        }
        root.more = max(names.inside(0).count - childrenMax, 0)
    }

    // -- showing

    /// Lines wider than `width` are cut.
    func text(width: Int?, style: Style) -> String {
        let head = shownText(fitted(root.text, width))
        let isLong = (width ?? .max) < head.count + 20
        var out = style.bold(head) + (isLong ? "\n" : "  ") + "0x\(hexText(root.id, digits: 16))\n"
        var stack: [(branch: Branch?, more: Int, indent: String, isLast: Bool)] = []
        func push(_ branch: Branch, _ indent: String) {
            if branch.more > 0 { stack.append((nil, branch.more, indent, true)) }
            for (index, child) in branch.children.enumerated().reversed() {
                stack.append((child, 0, indent, index == branch.children.count - 1 && branch.more == 0))
            }
        }
        func add(_ line: String) { out += (width.map { line.count > $0 ? line.prefix($0 - 1) + "…" : line } ?? line) + "\n" }
        push(root, "")
        if root.children.isEmpty, root.more == 0, note.isEmpty {
            let isDocument = HandleKind.documents.contains(UInt32(root.id >> 56))
            out += isDocument
                ? "what is in it is in its client; `bindd inspect handles 0x\(hexText(root.id, digits: 16))` counts it\n"
                : "holds nothing that is known\n"
        }
        var isCut = false
        while let (branch, more, indent, isLast) = stack.popLast() {
            let start = indent + (isLast ? "└─ " : "├─ ")
            guard let branch else {
                add("\(start)… \(Units.count(UInt64(more))) more")
                isCut = true
                continue
            }
            add(start + shownText((branch.edge.isEmpty ? "" : "[\(branch.edge)] ") + branch.text))
            push(branch, indent + (isLast ? "   " : "│  "))
        }
        let notes = [isCut ? "more of each: --top 0" : "", note].filter { !$0.isEmpty }
        return out + (notes.isEmpty ? "" : notes.joined(separator: "; ") + "\n")
    }

    /// With the end of the label, which says most.
    private func fitted(_ text: String, _ width: Int?) -> String {
        guard let width, text.count > width, !label.isEmpty else { return text }
        return text.replacing(label, with: "…" + label.suffix(max(label.count - (text.count - width) - 1, 8)), maxReplacements: 1)
    }

    var dot: String {
        var out = "digraph handles {\n  rankdir=LR;\n  node [shape=box, fontname=\"monospace\"];\n"
        var stack = [root]
        while let branch = stack.popLast() {
            let name = branch.dotName
            out += "  h\(name) [label=\(HandleTree.quoted(branch.text))];\n"
            for child in branch.children {
                out += "  h\(name) -> h\(child.dotName)"
                out += child.edge.isEmpty ? ";\n" : " [label=\(HandleTree.quoted(child.edge))];\n"
                stack.append(child)
            }
            if branch.more > 0 {
                out += "  m\(name) [label=\"… \(branch.more) more\", shape=plaintext];\n  h\(name) -> m\(name) [style=dotted];\n"
            }
        }
        return out + "}\n"
    }

    private static func quoted(_ text: String) -> String {
        "\"" + shownText(text).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
