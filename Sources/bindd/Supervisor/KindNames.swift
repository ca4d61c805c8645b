// Names of the kinds of handle in reports: the Python class for what clients hold, the noun for what workers hold.

import CLayout

enum KindNames {
    static func proxy(_ kind: Int) -> String {
        switch UInt32(kind) {
        case BD_KIND_NODE: "NodeReference"
        case BD_KIND_EDGE: "EdgeReference"
        case BD_KIND_VIEW: "GraphView"
        case BD_KIND_BOUND_NODE: "BoundNode"
        case BD_KIND_BOUND_EDGE: "BoundEdge"
        case BD_KIND_PATH: "BFSPath"
        case BD_KIND_DOCUMENT: "Document"
        case BD_KIND_SEXP_LIST: "List"
        case BD_KIND_SEXP_ATOM: "Atom"
        case BD_KIND_WORKSPACE: "Workspace"
        case BD_KIND_TYPE_GRAPH: "TypeGraph"
        default: "kind \(kind)"
        }
    }

    static func object(_ kind: Int) -> String {
        switch UInt32(kind) {
        case BD_KIND_NODE: "Node"
        case BD_KIND_EDGE: "Edge"
        default: proxy(kind)
        }
    }
}
