// BoundEdge: an edge in a view.

import CLayout

let boundEdgeDeclaration = ClassDeclaration(
    "BoundEdge", module: "graph", pythonName: "BoundEdgeReference", handleKind: BD_KIND_BOUND_EDGE,
    doc: "An edge seen in a view.",
    methods: [
        Method("edge", .local, client: "bd_bound_edge_edge", arguments: .ignore, result: .edge, doc: "The edge."),
        Method("g", .local, client: "bd_bound_edge_g", arguments: .ignore, result: .view, doc: "The view."),
    ])
