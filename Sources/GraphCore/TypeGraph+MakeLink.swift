// MakeLink nodes: which edges an instance of a type gets between nodes that two references name. The edge's recipe is kept
// in attributes of the MakeLink. Must not look whether the references lead anywhere; validation does.

import CLayout

struct MakeLink {
    let node: UInt32
    /// First nodes of the two chains, nil where the MakeLink lacks one.
    let lhs: UInt32?
    let rhs: UInt32?
}

extension GraphStore {
    static let recipeKeys: Set<String> = ["edge_type", "directional", "name", "order", "edge_specific"]

    /// `TypeGraph.add_make_link`. What was made before a node turned out to be no member stays, as recorded.
    public mutating func addMakeLink(
        _ typeGraph: TypeGraph, type: BoundNode, lhs: BoundNode, rhs: BoundNode, _ recipe: EdgeCreationAttributes,
        _ ids: IdAllocator
    ) throws -> UInt32 {
        let makeLinkType = try builtinType(typeGraph, TypeGraph.makeLink)
        let view = typeGraph.view
        do {
            return try mostlyAtomically(view) { graph in
                let pairs = GraphStore.makeLinkAttributes(recipe)
                let node = try graph.makeInstance(view, of: makeLinkType, pairs, ids)
                try graph.link(view, EdgeComposition.build(childIdentifier: "lhs"), node, lhs.node, ids)
                try graph.link(view, EdgeComposition.build(childIdentifier: "rhs"), node, rhs.node, ids)
                try graph.link(view, EdgeComposition.build(childIdentifier: ""), type.node, node, ids)
                return node
            }
        } catch {
            throw GraphStore.isCallers(error) ? GraphError(.invalidValue, "add_make_link failed") : error
        }
    }

    private static func makeLinkAttributes(_ recipe: EdgeCreationAttributes) -> [AttributePair] {
        var pairs: [AttributePair] = [("edge_type", .int(Int64(recipe.edgeType)))]
        if let isDirectional = recipe.isDirectional { pairs.append(("directional", .bool(isDirectional))) }
        if let name = recipe.name { pairs.append(("name", .string(name))) }
        pairs.append(("order", .int(Int64(recipe.order))))
        if recipe.index != nil { pairs.append(("edge_specific", .int(Int64(recipe.edgeSpecific)))) }
        let taken = pairs.map(\.key)
        return pairs + recipe.dynamic.filter { !taken.contains($0.key) }
    }

    /// The recipe that a MakeLink keeps. nil: it has no edge type.
    func recipe(ofMakeLink node: UInt32) throws(GraphError) -> EdgeCreationAttributes? {
        var edgeType: Int64?
        var isDirectional: Bool?
        var name: String?
        var order: Int64 = 0
        var edgeSpecific: Int64?
        var dynamic: [AttributePair] = []
        for (key, value) in try nodeAttributes(node) {
            switch (key, value) {
            case ("edge_type", _): edgeType = value.integer
            case ("directional", .bool(let flag)): isDirectional = flag
            case ("name", .string(let text)): name = text
            case ("order", _): order = value.integer ?? 0
            case ("edge_specific", _): edgeSpecific = value.integer
            default: dynamic.append((key, value))
            }
        }
        guard let edgeType, 0...255 ~= edgeType else { return nil }
        let index = edgeSpecific.map { UInt32(truncatingIfNeeded: (order & 0x7F) << 8 | $0 & 0xFF) }
        return EdgeCreationAttributes(
            UInt32(edgeType), isDirectional: isDirectional, name: name, index: index, dynamic: dynamic)
    }

    func makeLinks(_ typeGraph: TypeGraph, type: BoundNode) throws(GraphError) -> [MakeLink] {
        let makeLinkType = try builtinType(typeGraph, TypeGraph.makeLink)
        let record = try view(type.view)
        return try childEdges(of: type, type: makeLinkType).map { edge in
            MakeLink(
                node: edge.target, lhs: childEdge(type.view, record, edge.target, "lhs")?.target,
                rhs: childEdge(type.view, record, edge.target, "rhs")?.target)
        }
    }

    /// `TypeGraph.collect_make_links`. MakeLinks without lhs or rhs are left out.
    public func makeLinkPaths(
        _ typeGraph: TypeGraph, type: BoundNode
    ) throws(GraphError) -> [(makeLink: UInt32, lhs: [String], rhs: [String])] {
        try makeLinkTraversals(typeGraph, type: type).map { ($0.makeLink, $0.lhs.map(\.identifier), $0.rhs.map(\.identifier)) }
    }

    func makeLinkTraversals(
        _ typeGraph: TypeGraph, type: BoundNode
    ) throws(GraphError) -> [(makeLink: UInt32, lhs: [EdgeTraversal], rhs: [EdgeTraversal])] {
        let record = try view(type.view)
        var result: [(makeLink: UInt32, lhs: [EdgeTraversal], rhs: [EdgeTraversal])] = []
        for link in try makeLinks(typeGraph, type: type) {
            guard let lhs = link.lhs, let rhs = link.rhs else { continue }
            do {
                result.append((link.node, try referencePath(record, lhs), try referencePath(record, rhs)))
            } catch {
                throw GraphError(.invalidValue, "MakeLink node has an invalid reference chain")
            }
        }
        return result
    }
}
