// Bugs on purpose: each waits for a particular history and then kills the worker, as a real one would. They are there so
// that reports, replays and reductions can be tried and tested on something. Armed by `debug.plant` in one workspace, in
// debug builds and where BINDD_PLANTED=1 is set. Must see every request of its workspace from then on.
// Cost: one comparison per request where none is armed.

import CLayout
import CShim
import Glibc
import GraphCore
import Wire

final class PlantedBug {
    /// The request that is about to be applied, and what the bug remembers of those before.
    struct Moment {
        let operation: String
        var arguments: PayloadReader
        let workspace: Workspace

        mutating func word() throws -> UInt32 { try arguments.u32() }
    }

    let name: String
    private let death: Death
    private let isDue: (inout Moment, inout Set<UInt32>) throws -> Bool
    private var remembered: Set<UInt32> = []

    private init(_ name: String, _ death: Death, _ isDue: @escaping (inout Moment, inout Set<UInt32>) throws -> Bool) {
        self.name = name
        self.death = death
        self.isDue = isDue
    }

    /// A request whose arguments do not fit is not what the bug waits for.
    func look(_ operation: UInt16, _ call: Call) {
        var moment = Moment(
            operation: operationName(operation) ?? "", arguments: call.arguments, workspace: call.workspace)
        var isHit = false
        do { isHit = try isDue(&moment, &remembered) } catch { return }
        if isHit { strike() }
    }

    @inline(never)
    private func strike() { death.die() }

    static func isAllowed(in workspace: Workspace) -> Bool {
        #if DEBUG
            return true
        #else
            return workspace.isReplay || !["", "0"].contains(environmentVariable("BINDD_PLANTED") ?? "")
        #endif
    }

    static var names: [String] { all().map(\.name) }
    static func named(_ name: String) -> PlantedBug? { all().first { $0.name == name } }

    // MARK: the bugs

    private static func all() -> [PlantedBug] { ofCopies() + ofEdges() + ofTypes() + ofOthers() + ofRecoveries() }

    private static func ofCopies() -> [PlantedBug] {
        [
            // Traps when an edge of type 7 joins a node with 3 attributes in a copied view.
            PlantedBug("edge-7-in-a-copy", .TRAP) { moment, copies in
                if moment.operation == "GraphView.get_subgraph_from_nodes" {
                    _ = try moment.word()
                    copies.insert(try moment.word())
                }
                var other = moment
                guard let edge = try inserted(&moment)?.edge, copies.contains(try other.word()) else { return false }
                let workspace = moment.workspace
                return edge.bits & BD_EDGE_TYPE_MASK == 7
                    && [edge.source, edge.target].contains { (try? workspace.graph.nodeAttributes($0).count) == 3 }
            },
            PlantedBug("copy-of-a-copy", .ILL) { moment, copies in
                guard moment.operation == "GraphView.get_subgraph_from_nodes" else { return false }
                let source = try moment.word()
                copies.insert(try moment.word())
                return try copies.contains(source) && moment.workspace.graph.nodeCount(view: source) > 0
            },
            // A view takes over another one that shares a node with it.
            PlantedBug("overlapping-union", .TRAP) { moment, _ in
                guard moment.operation == "GraphView.insert_subgraph" else { return false }
                let into = Set(try moment.workspace.graph.nodes(view: try moment.word()))
                return try moment.workspace.graph.nodes(view: try moment.word()).contains { into.contains($0) }
            },
            PlantedBug("edge-in-two-views", .BUS) { moment, _ in
                var other = moment
                guard let edge = try inserted(&moment)?.edge else { return false }
                let view = try other.word()
                for other in moment.workspace.graph.liveViews.ids where other != view {
                    if try moment.workspace.graph.contains(view: other, edge: edge.id) { return true }
                }
                return false
            },
        ]
    }

    private static func ofEdges() -> [PlantedBug] {
        [
            PlantedBug("loop-of-type-9", .TRAP) { moment, _ in
                guard let edge = try inserted(&moment)?.edge else { return false }
                return edge.source == edge.target && edge.bits & BD_EDGE_TYPE_MASK == 9
            },
            // The edge closes a way round over three nodes.
            PlantedBug("triangle", .SEGV) { moment, _ in
                guard let (edge, others) = try inserted(&moment), edge.source != edge.target else { return false }
                func neighbours(_ node: UInt32) -> Set<UInt32> {
                    Set(others.compactMap { $0.source == node ? $0.target : $0.target == node ? $0.source : nil })
                }
                return !neighbours(edge.source).intersection(neighbours(edge.target))
                    .subtracting([edge.source, edge.target]).isEmpty
            },
            // A third edge of one type leaves one node.
            PlantedBug("third-of-a-type", .STACK) { moment, _ in
                guard let (edge, others) = try inserted(&moment) else { return false }
                let same = { (other: Edge) in other.source == edge.source && (other.bits ^ edge.bits) & BD_EDGE_TYPE_MASK == 0 }
                return others.count(where: same) >= 2
            },
            PlantedBug("edge-from-the-self-node", .ABRT) { moment, _ in
                var other = moment
                guard let edge = try inserted(&moment)?.edge else { return false }
                return try moment.workspace.graph.nodes(view: try other.word()).first == edge.source
            },
            // A view goes that has two edges of one type from one node.
            PlantedBug("destroy-with-twins", .ABRT) { moment, _ in
                guard moment.operation == "GraphView.destroy" else { return false }
                var seen: Set<UInt64> = []
                for id in try moment.workspace.graph.edges(view: try moment.word()) {
                    let edge = try moment.workspace.graph.edge(id)
                    if !seen.insert(UInt64(edge.source) << 8 | UInt64(edge.bits & BD_EDGE_TYPE_MASK)).inserted { return true }
                }
                return false
            },
        ]
    }

    /// Of nodes that the worker made.
    private static func ofTypes() -> [PlantedBug] {
        [
            // A type gets a child of itself.
            PlantedBug("type-in-itself", .SEGV) { moment, _ in
                guard moment.operation == "TypeGraph.add_make_child" else { return false }
                let words = [try moment.word(), try moment.word(), try moment.word(), try moment.word(), try moment.word()]
                return try words[3] == moment.word()
            },
            // A second pointer leaves a node that is somebody's child.
            PlantedBug("second-pointer-of-a-child", .TRAP) { moment, _ in
                guard let (edge, others) = try inserted(&moment), edge.bits & BD_EDGE_TYPE_MASK == EdgePointer.tid else { return false }
                func has(_ type: UInt32, _ end: KeyPath<Edge, UInt32>) -> Bool {
                    others.contains { $0[keyPath: end] == edge.source && $0.bits & BD_EDGE_TYPE_MASK == type }
                }
                return has(EdgePointer.tid, \.source) && has(EdgeComposition.tid, \.target)
            },
        ]
    }

    private static func ofOthers() -> [PlantedBug] {
        [
            PlantedBug("fourth-view", .SEGV) { moment, _ in
                moment.operation == "GraphView.create" && moment.workspace.graph.liveViews.ids.count >= 3
            },
            PlantedBug("batch-of-three", .BUS) { moment, _ in
                try moment.operation == "batch" && moment.word() >= 3
            },
            // A node has an empty name and something that is true.
            PlantedBug("empty-name", .TRAP) { moment, _ in
                guard moment.operation == "NodeReference.create" else { return false }
                _ = try moment.word()
                let attributes = try moment.arguments.attributes()
                return attributes.contains { $0.key == "name" && $0.value == .string("") }
                    && attributes.contains { $0.value == .bool(true) }
            },
            PlantedBug("deep-text", .STACK) { moment, _ in
                guard moment.operation == "sexp.parse" else { return false }
                var depth = 0
                for byte in try moment.arguments.blob() {
                    depth += byte == UInt8(ascii: "(") ? 1 : byte == UInt8(ascii: ")") ? -1 : 0
                    if depth > 20 { return true }
                }
                return false
            },
            PlantedBug("third-document", .MEMORY) { moment, _ in
                moment.operation == "sexp.parse" && moment.workspace.documents.count >= 2
            },
            // A question, not a change: it is in no journal.
            PlantedBug("print-one-of-three", .ABRT) { moment, _ in
                moment.operation == "sexp.dumps" && moment.workspace.documents.count >= 3
            },
        ]
    }

    /// These let a request pass the first time, and kill every worker that applies it again.
    private static func ofRecoveries() -> [PlantedBug] {
        func isAgain(_ moment: Moment) -> Bool { moment.workspace.isRecovering || moment.workspace.isReplay }
        return [
            PlantedBug("edge-11-again", .TRAP) { moment, _ in
                guard isAgain(moment), let edge = try inserted(&moment)?.edge else { return false }
                return edge.bits & BD_EDGE_TYPE_MASK == 11
            },
            // Others need what it makes.
            PlantedBug("node-again", .SEGV) { moment, _ in
                guard isAgain(moment), moment.operation == "NodeReference.create" else { return false }
                _ = try moment.word()
                return try moment.arguments.attributes().contains { $0.key == "name" && $0.value == .string("again") }
            },
        ]
    }

    /// The edge that is about to enter a view which has both its ends, and those that are there.
    private static func inserted(_ moment: inout Moment) throws -> (edge: Edge, others: [Edge])? {
        guard moment.operation == "GraphView.insert_edge" else { return nil }
        let view = try moment.word()
        let id = try moment.word()
        let workspace = moment.workspace
        let edge = try workspace.graph.edge(id)
        for end in [edge.source, edge.target] {
            guard try workspace.graph.contains(view: view, node: end) else { return nil }
        }
        let others = try workspace.graph.edges(view: view).filter { $0 != id }
        return (edge, try others.map { try workspace.graph.edge($0) })
    }
}
