// What `bindd inspect handles ID` shows of one object. Reads only. Cost: linear in the views of the workspace.

import CLayout
import GraphCore
import Wire

struct HandleReport {
    let workspace: Workspace

    /// Kind, index and what the object is; nil when there is no such object.
    func members(kind: UInt32, index: UInt32) -> [(String, JSONValue)]? {
        let facts: [(String, JSONValue)]
        switch kind {
        case BD_KIND_NODE, BD_KIND_BOUND_NODE, BD_KIND_TYPE_GRAPH:
            guard workspace.graph.hasNode(index), let attributes = try? workspace.graph.nodeAttributes(index) else {
                return nil
            }
            facts = [
                ("views", views { try workspace.graph.contains(view: $0, node: index) }), json(attributes),
            ]
        case BD_KIND_EDGE, BD_KIND_BOUND_EDGE:
            guard let edge = try? workspace.graph.edge(index),
                let attributes = try? workspace.graph.edgeAttributes(index)
            else { return nil }
            facts = [
                ("source", .uint(UInt64(edge.source))), ("target", .uint(UInt64(edge.target))),
                ("edge_type", .uint(UInt64(edge.type))), ("directional", .bool(edge.isDirectional)),
                ("views", views { try workspace.graph.contains(view: $0, edge: index) }), json(attributes),
            ]
        case BD_KIND_VIEW:
            guard let nodes = try? workspace.graph.nodeCount(view: index),
                let edges = try? workspace.graph.edgeCount(view: index),
                let selfNode = try? workspace.graph.selfNode(view: index)
            else { return nil }
            facts = [
                ("self_node", .uint(UInt64(selfNode))), ("nodes", .int(Int64(nodes))), ("edges", .int(Int64(edges))),
            ]
        case BD_KIND_SEXP_LIST, BD_KIND_SEXP_ATOM:
            facts = [("note", .string("a place in a document's snapshot: it lives in its client"))]
        case BD_KIND_WORKSPACE: facts = [("memory_bytes", .int(Int64(workspace.memoryBytes)))]
        default:
            guard HandleKind.documents.contains(kind), let document = workspace.documents.facts(index, kind: kind) else {
                return nil
            }
            facts = document
        }
        return [("kind", .string(HandleKind.name(kind))), ("index", .uint(UInt64(index)))] + facts
    }

    private func views(where contains: (UInt32) throws -> Bool) -> JSONValue {
        .array(workspace.graph.liveViews.ids.filter { (try? contains($0)) ?? false }.map { .uint(UInt64($0)) })
    }

    private func json(_ attributes: [GraphStore.AttributePair]) -> (String, JSONValue) {
        let members: [(String, JSONValue)] = attributes.map { pair in
            switch pair.value {
            case .int(let value): (pair.key, .int(value))
            case .float(let value): (pair.key, .double(value))
            case .bool(let value): (pair.key, .bool(value))
            case .string(let value): (pair.key, .string(value))
            }
        }
        return ("attributes", .object(members))
    }
}

extension Session {
    func holds(kind: UInt32, index: UInt32) -> Bool {
        switch kind {
        case BD_KIND_VIEW: heldViews.contains(index)
        default: HandleKind.documents.contains(kind) ? heldDocuments.contains(index) : isPinned(kind: kind, index: index)
        }
    }
}
