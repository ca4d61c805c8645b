// BFSPath: a path that a search found. Made by searches only; the client keeps all of it.
//
// On the wire, as a result: u32 start, u32 end, list of edge info from start to end. It is in the view that was asked, as
// a BoundNode is.

import CLayout

let bfsPathDeclaration = ClassDeclaration(
    "BFSPath", module: "graph", handleKind: BD_KIND_PATH,
    doc: """
        A path that a search found: its ends and the edges between them. It never changes, whatever becomes of the graph. An \
        edge may be walked against its direction.
        """,
    methods: [
        Method(
            "get_length", .local, client: "bd_path_get_length", arguments: .ignore, result: .int,
            doc: "Count of edges; 0 when start and end are the same node."),
        Method(
            "get_start_node", .local, client: "bd_path_get_start_node", arguments: .ignore, result: .boundNode,
            doc: "Where the search began, in the view that was searched."),
        Method(
            "get_end_node", .local, client: "bd_path_get_end_node", arguments: .ignore, result: .boundNode,
            doc: "Where the path leads, in the view that was searched."),
        Method(
            "get_edges", .local, client: "bd_path_get_edges", arguments: .ignore, result: .list(.edge),
            doc: "The edges from start to end, as a new list."),
    ])
