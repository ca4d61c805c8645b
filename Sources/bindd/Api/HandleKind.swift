// Names of the kinds of handle, for people and for JSON. The numbers are in bd_layout.h.

import CLayout

enum HandleKind {
    static func name(_ kind: UInt32) -> String {
        switch kind {
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
}
