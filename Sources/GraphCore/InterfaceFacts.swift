// What the path finder needs to know about nodes of one view, read from the graph once per node and kept between queries:
// eligibility, type, parent, connections. An edge that enters the view at a known node makes just that node unknown
// again. Nodes have dense indexes here, so that a search runs over arrays. Must not hold a search's state beyond stamps.
// Cost: reading a node 0.3-2 µs, depending on its traits; a known one is an array access.

import CLayout

final class InterfaceFacts {
    /// Owning an instance of a type of this name makes a node an interface.
    static let traitName = "is_interface.node.core.faebryk"

    struct Fact {
        let node: UInt32
        var isKnown = false
        var isEligible = false
        /// 0: the node has no type.
        var type: UInt32 = 0
        /// First composition edge into the node, 0: none; its source as an index; its pooled name, 0 for "" or none.
        var parentEdge: UInt32 = 0
        var parent: Int32 = -1
        var parentName: UInt32 = 0
        var firstNeighbour: Int32 = 0
        var neighbourCount: Int32 = 0
    }

    struct Neighbour {
        let edge: UInt32
        let index: Int32
        let isShallow: Bool
    }

    private(set) var facts: [Fact] = []
    private(set) var neighbours: [Neighbour] = []
    private var indexes = IndexMap()
    /// By type: the trait type that decides for its instances, 0: there is none.
    private var traitTypes: [UInt32: UInt32] = [:]
    private var typeNodes = IdSet()
    /// Typegraphs in which no type has the trait's name yet.
    private var lackingTypeGraphs = IdSet()

    // Marks of one search, valid where the stamp is the search's.
    var stamp: UInt32 = 0
    var stamps: [UInt32] = []
    var components: [Int32] = []
    var results: [Int32] = []
    var claims: [UInt32] = []
    var claim: UInt32 = 0

    func index(of node: UInt32) -> Int32 {
        let (index, isNew) = indexes.find(node, orInsert: Int32(facts.count))
        if isNew {
            facts.append(Fact(node: node))
            stamps.append(0)
            components.append(-1)
            results.append(-1)
            claims.append(0)
        }
        return index
    }

    /// False when all facts have to go.
    func edgeInserted(type: UInt32, source: UInt32, target: UInt32) -> Bool {
        switch type {
        case EdgeComposition.tid: if typeNodes.contains(target) || lackingTypeGraphs.contains(source) { return false }
        case EdgeInterfaceConnection.tid, EdgeTrait.tid, EdgeType.tid: break
        default: return true
        }
        for node in [source, target] {
            if let index = indexes.find(node) { facts[Int(index)].isKnown = false }
        }
        return neighbours.count <= 1 << 16 || neighbours.count <= facts.count * 16
    }

    func startSearch() {
        stamp &+= 1
        if stamp == 0 {
            for index in stamps.indices { stamps[index] = 0 }
            stamp = 1
        }
    }

    /// Another run of claims over nodes; false for each node until it is claimed.
    func startClaims() {
        claim &+= 1
        if claim == 0 {
            for index in claims.indices { claims[index] = 0 }
            claim = 1
        }
    }

    @inline(__always)
    func touch(_ index: Int) {
        guard stamps[index] != stamp else { return }
        stamps[index] = stamp
        components[index] = -1
        results[index] = -1
    }

    // MARK: reading

    func read(_ index: Int, _ graph: borrowing GraphStore, _ viewId: UInt32, _ view: GraphStore.ViewRecord) {
        let node = facts[index].node
        graph.watch(node, GraphCaches.interfaceBit)
        var fact = Fact(node: node)
        fact.isKnown = true
        fact.type = graph.type(view, of: node) ?? 0
        if let edge = graph.first(view, node, EdgeComposition.tid, .incoming) {
            fact.parentEdge = edge.id
            fact.parent = self.index(of: edge.source)
            let name = graph.pooledAttribute(graph.member(edge.id).attributes, graph.strings.find("name"))
            fact.parentName = name != 0 && graph.strings.isEmpty(name) ? 0 : name
        }
        if fact.type != 0 {
            let trait = traitType(fact.type, graph, viewId, view)
            fact.isEligible = trait != 0 && graph.traitInstance(view, node, of: trait) != nil
        }
        let list = graph.members.edges(view, node: node, type: EdgeInterfaceConnection.tid)
        fact.firstNeighbour = Int32(neighbours.count)
        fact.neighbourCount = Int32(list.count)
        if !list.isEmpty {
            let key = graph.strings.find("shallow")
            for id in list {
                let edge = graph.member(id)
                let other = self.index(of: edge.other(than: node))
                neighbours.append(Neighbour(edge: id, index: other, isShallow: graph.isShallow(edge, key)))
            }
        }
        facts[index] = fact
    }

    private func traitType(
        _ type: UInt32, _ graph: borrowing GraphStore, _ viewId: UInt32, _ view: GraphStore.ViewRecord
    ) -> UInt32 {
        if let known = traitTypes[type] { return known }
        _ = typeNodes.insert(type)
        graph.watch(type, GraphCaches.interfaceBit)
        var trait: UInt32 = 0
        if let typeGraph = graph.parent(view, type) {
            graph.watch(typeGraph, GraphCaches.interfaceBit)
            trait = graph.childEdge(viewId, view, typeGraph, InterfaceFacts.traitName)?.target ?? 0
            if trait == 0 {
                _ = lackingTypeGraphs.insert(typeGraph)
            } else {
                graph.watch(trait, GraphCaches.interfaceBit)
            }
        }
        traitTypes[type] = trait
        return trait
    }
}
