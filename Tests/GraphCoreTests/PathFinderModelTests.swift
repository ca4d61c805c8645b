import CLayout
import Testing

@testable import GraphCore

/// The rules of the path finder taken word for word: paths are lists of edges, all simple paths are enumerated. Slow, and
/// only for small graphs.
private struct LiteralFinder {
    struct Path {
        var edges: [UInt32] = []
        var end: UInt32
    }

    struct Pair: Hashable {
        let type: UInt32
        let name: String?
    }

    typealias Table = [(key: [Pair], paths: [Path])]

    let view: UInt32

    private func type(_ graph: borrowing GraphStore, _ node: UInt32) throws -> UInt32? {
        try graph.typeEdge(of: BoundNode(view: view, node: node))?.source
    }

    private func isEligible(_ graph: borrowing GraphStore, _ node: UInt32) throws -> Bool {
        guard let typeGraph = try graph.typeGraph(ofInstance: BoundNode(view: view, node: node)),
            let trait = try graph.type(in: typeGraph, named: InterfaceFacts.traitName)
        else { return false }
        return try graph.traitInstance(of: BoundNode(view: view, node: node), type: trait) != nil
    }

    private func isShallow(_ graph: borrowing GraphStore, _ edge: UInt32) throws -> Bool {
        try graph.edge(edge).type == EdgeInterfaceConnection.tid
            && graph.edgeAttribute(edge, key: "shallow") == .bool(true)
    }

    private func touches(_ graph: borrowing GraphStore, _ path: Path, _ node: UInt32) throws -> Bool {
        for id in path.edges {
            let edge = try graph.edge(id)
            if edge.source == node || edge.target == node { return true }
        }
        return false
    }

    /// Paths over connections from a node, in the order in which they are reported.
    private func horizontal(_ graph: borrowing GraphStore, _ start: UInt32) throws -> [Path] {
        var queue = [Path(end: start)]
        var closed: Set<UInt32> = []
        var reported: [Path] = []
        var next = 0
        while next < queue.count {
            let path = queue[next]
            next += 1
            if closed.contains(path.end) { continue }
            reported.append(path)
            var isDeep = true
            for edge in path.edges where try isShallow(graph, edge) { isDeep = false }
            if isDeep { closed.insert(path.end) }
            let edges = try graph.connectedEdges(of: BoundNode(view: view, node: path.end))
            for edge in edges {
                let other = edge.source == path.end ? edge.target : edge.source
                if try touches(graph, path, other) || closed.contains(other) { continue }
                queue.append(Path(edges: path.edges + [edge.id], end: other))
            }
        }
        return reported
    }

    private func merge(_ path: Path, _ list: inout [Path]) {
        guard let at = list.firstIndex(where: { $0.end == path.end }) else {
            list.append(path)
            return
        }
        if path.edges.count < list[at].edges.count { list[at] = path }
    }

    private func merge(_ path: Path, _ key: [Pair], _ table: inout Table) {
        if let at = table.firstIndex(where: { $0.key == key }) {
            merge(path, &table[at].paths)
        } else {
            table.append((key, [path]))
        }
    }

    private func has(_ table: Table, _ key: [Pair], _ end: UInt32) -> Bool {
        table.contains { $0.key == key && $0.paths.contains { $0.end == end } }
    }

    func run(_ graph: borrowing GraphStore, _ source: UInt32) throws -> [Path] {
        let first = [Pair(type: try type(graph, source) ?? 0, name: nil)]
        var todo: Table = [(first, [Path(end: source)])]
        var seen: Table = [(first, [Path(end: source)])]
        while let (key, last) = todo.popLast() {
            var list = last
            while let path = list.popLast() {
                var found: [Path] = []
                for reached in try horizontal(graph, path.end) where try isEligible(graph, reached.end) {
                    let whole = Path(edges: path.edges + reached.edges, end: reached.end)
                    if key.count > 1 {
                        var isDeep = true
                        for edge in whole.edges where try isShallow(graph, edge) { isDeep = false }
                        guard isDeep else { continue }
                    }
                    merge(whole, &found)
                }
                for whole in found { merge(whole, key, &seen) }
                if let name = key.last?.name {
                    let below = Array(key.dropLast())
                    for whole in found {
                        let end = BoundNode(view: view, node: whole.end)
                        guard let child = try graph.child(of: end, identifier: name),
                            let edge = try graph.parentEdge(of: BoundNode(view: view, node: child)),
                            !has(seen, below, child), !has(todo, below, child)
                        else { continue }
                        let down = Path(edges: whole.edges + [edge.id], end: child)
                        merge(down, below, &seen)
                        merge(down, below, &todo)
                    }
                }
                for whole in found {
                    guard let edge = try graph.parentEdge(of: BoundNode(view: view, node: whole.end)) else { continue }
                    let name = try graph.compositionName(ofEdge: edge.id)
                    let above = key + [Pair(type: try type(graph, edge.source) ?? 0, name: name)]
                    guard !has(seen, above, edge.source), !has(todo, above, edge.source) else { continue }
                    let up = Path(edges: whole.edges + [edge.id], end: edge.source)
                    merge(up, above, &seen)
                    merge(up, above, &todo)
                }
            }
        }
        return seen.first { $0.key == first }?.paths ?? []
    }
}

@Suite struct PathFinderModelTests {
    /// A forest of typed nodes, most of them interfaces, with random connections, a few of them shallow.
    private func grow(_ world: World, _ numbers: inout Numbers) throws -> [BoundNode] {
        let types = [world.element, try world.type("B"), try world.type("C")]
        var nodes: [BoundNode] = []
        let count = Int.random(in: 2...11, using: &numbers)
        let names = ["a", "b", ""]
        for _ in 0..<count {
            let type = types[Int.random(in: 0..<(Bool.random(using: &numbers) ? 1 : 3), using: &numbers)]
            let isInterface = Int.random(in: 0..<8, using: &numbers) > 0
            let node = isInterface ? try world.interface(type) : try world.instance(type)
            if let parent = nodes.randomElement(using: &numbers), Int.random(in: 0..<3, using: &numbers) > 0 {
                try world.compose(parent, node, names[Int.random(in: 0..<3, using: &numbers)])
            }
            nodes.append(node)
        }
        let shallowOutOf = Int.random(in: 2..<10, using: &numbers)
        for _ in 0..<Int.random(in: 0...(count + 3), using: &numbers) {
            guard let one = nodes.randomElement(using: &numbers), let other = nodes.randomElement(using: &numbers)
            else { continue }
            let isShallow = Int.random(in: 0..<shallowOutOf, using: &numbers) == 0
            do { try world.connect(one, other, shallow: isShallow) } catch let error as GraphError {
                #expect(error.kind == .invalidValue)
            }
        }
        return nodes
    }

    /// Alike nodes with alike children, connected on both levels: many ways lead to the same ends.
    private func growLadder(_ world: World, _ numbers: inout Numbers) throws -> [BoundNode] {
        let parentType = try world.type("Parent")
        var parents: [BoundNode] = []
        var children: [BoundNode] = []
        for _ in 0..<Int.random(in: 2...4, using: &numbers) {
            let parent = try world.interface(parentType)
            parents.append(parent)
            for name in ["a", "b"].prefix(Int.random(in: 1...2, using: &numbers)) {
                let child = try world.interface()
                try world.compose(parent, child, name)
                children.append(child)
            }
        }
        for _ in 0..<Int.random(in: 0...3, using: &numbers) { children.append(try world.interface()) }
        for level in [parents, children] {
            for _ in 0..<Int.random(in: 1...(level.count + 1), using: &numbers) {
                guard let one = level.randomElement(using: &numbers), let other = level.randomElement(using: &numbers)
                else { continue }
                try world.connect(one, other, shallow: Int.random(in: 0..<8, using: &numbers) == 0)
            }
        }
        return parents + children
    }

    /// True when the rules, taken word for word, would not end: something is connected to what contains it.
    private func neverEnds(_ world: World, _ source: BoundNode) -> Bool {
        do {
            _ = try world.graph.connected(to: source)
            return false
        } catch { return true }
    }

    @Test(.timeLimit(.minutes(2)), arguments: 0..<600) func findsTheSamePathsAsTheRules(seed: Int) throws {
        var numbers = Numbers(seed: UInt64(seed) + 77)
        let memory = TestMemory(bytes: 1 << 26)
        let world = try World(memory)
        let nodes = seed % 2 == 0 ? try grow(world, &numbers) : try growLadder(world, &numbers)
        let literal = LiteralFinder(view: world.view)
        for source in nodes where !neverEnds(world, source) {
            let expected = try literal.run(world.graph, source.node)
            let paths = try world.graph.connected(to: source)
            #expect(paths.ends.map(\.node) == expected.map(\.end), "seed \(seed), source \(source.node)")
            #expect(
                paths.ends.map { paths.edges(to: $0.step) } == expected.map(\.edges),
                "seed \(seed), source \(source.node)")
            for (end, path) in zip(paths.ends, expected) {
                #expect(Int(paths.steps[Int(end.step)].length) == path.edges.count)
                #expect(try world.graph.path(from: source, to: end.node) == path.edges)
            }
        }
    }

    /// What is remembered between queries must never show.
    @Test(.timeLimit(.minutes(2)), arguments: 0..<60) func remembersNothingWrong(seed: Int) throws {
        var numbers = Numbers(seed: UInt64(seed) + 4711)
        let memory = TestMemory(bytes: 1 << 26)
        let world = try World(memory)
        var nodes = try grow(world, &numbers)
        for step in 0..<40 {
            guard let one = nodes.randomElement(using: &numbers), let other = nodes.randomElement(using: &numbers)
            else { continue }
            switch Int.random(in: 0..<9, using: &numbers) {
            case 0: nodes.append(try world.interface())
            case 1: nodes.append(try world.instance(world.element))
            case 2: _ = try world.graph.addTrait(to: one, type: world.interfaceTrait, world.ids)
            case 3 where one.node < other.node: try world.compose(one, other, "a")
            case 4:
                let edges = try world.graph.connectedEdges(of: one)
                guard let edge = edges.randomElement(using: &numbers) else { continue }
                try world.graph.setEdgeAttributes(edge.id, [("shallow", .bool(Bool.random(using: &numbers)))])
            case 5:
                // A trait instance that gets its type late.
                let late = world.bound(try world.lease.nextNode())
                try world.graph.createAndInsertNode(view: world.view, node: late.node)
                try world.graph.addTraitInstance(one, instance: late.node, edge: try world.lease.nextEdge())
                if !neverEnds(world, one) { _ = try world.graph.connected(to: one) }
                try world.graph.addInstance(
                    type: world.interfaceTrait, instance: late.node, edge: try world.lease.nextEdge())
            default: try? world.connect(one, other, shallow: step % 5 == 0)
            }
            guard let source = nodes.randomElement(using: &numbers), !neverEnds(world, source) else { continue }
            let remembered = try world.connected(source)
            world.graph.caches.edgeChanged()
            #expect(try world.connected(source) == remembered, "seed \(seed), step \(step)")
        }
    }
}
