// GraphView as tables, pictures and objects of other libraries: reading many nodes or edges in one request, and functions
// of the Python package (bindd._exchange, bindd._columns) that build on that.

import GraphCore
import Wire

private let rowsParameter = Parameter("of", .string, default: "'nodes'", "\"nodes\" or \"edges\"")
private let labelParameter = Parameter("label", .string, default: "'name'", "attribute that names a node or an edge")

let graphViewExchangeMethods: [Method] = [
    Method(
        "node_ids", .query, client: "bd_graph_view_node_ids", arguments: .ignore, result: .any,
        errors: ["StaleHandleError"],
        doc: """
            Ids of all members in order of insertion, the self node first: a read-only memoryview of uint32, which \
            numpy.asarray and pyarrow.py_buffer take without copying.
            """
    ) { call in
        call.write(try call.workspace.graph.nodes(view: try call.arguments.u32()))
    },
    Method(
        "edge_table", .query, client: "bd_graph_view_edge_table", arguments: .ignore, result: .any,
        errors: ["StaleHandleError"],
        doc: """
            All edges of the view in order of insertion, as an EdgeTable of columns: ids, sources, targets (memoryviews of \
            uint32), types (uint8), directional (bool).
            """
    ) { call in
        let edges = try call.workspace.graph.edgeTable(view: try call.arguments.u32())
        call.result.u32(UInt32(edges.count))
        for edge in edges { call.write(edge) }
    },
    Method(
        "attribute_keys", .query, [rowsParameter], result: .list(.string),
        errors: ["TypeError", "ValueError", "StaleHandleError"],
        doc: "Keys that any node (or edge) of the view has, in the order in which they first appear."
    ) { call in
        let view = try call.arguments.u32()
        let keys = try call.workspace.graph.attributeKeys(view: view, of: try call.rows())
        call.result.u32(UInt32(keys.count))
        for key in keys { call.result.string(key) }
    },
    Method(
        "attribute_column", .query, client: "bd_graph_view_attribute_column",
        [Parameter("key", .string), rowsParameter], result: .any,
        errors: ["TypeError", "ValueError", "StaleHandleError"],
        doc: """
            One attribute of all nodes (or edges) of the view, in the order of node_ids (or edge_table), as an \
            AttributeColumn: kind, values, validity, to_arrow(), tolist().
            """
    ) { call in
        let view = try call.arguments.u32()
        let key = try call.arguments.string()
        let values = try call.workspace.graph.attributeColumn(view: view, of: try call.rows(), key: key)
        call.result.u32(UInt32(values.count))
        for value in values { call.write(value) }
    },
    Method(
        "attribute_rows", .query, [rowsParameter], result: .list(.attributes),
        errors: ["TypeError", "ValueError", "StaleHandleError"],
        doc: "All attributes of all nodes (or edges) of the view: a dict for each, in the order of node_ids (or edge_table)."
    ) { call in
        let view = try call.arguments.u32()
        let rows = try call.workspace.graph.attributeRows(view: view, of: try call.rows())
        call.result.u32(UInt32(rows.count))
        for row in rows { call.write(row) }
    },
    Method(
        "to_bytes", .query, arguments: .ignore, result: .bytes, errors: ["StaleHandleError"],
        doc: """
            The view as bytes: nodes, edges, attributes and their orders, with checksums (docs/FILE_FORMAT.md). The same view \
            gives the same bytes.
            """
    ) { call in
        let bytes = try call.workspace.graph.fileBytes(view: try call.arguments.u32())
        guard bytes.count <= Limits.messageBytesMax - 4096 else {
            throw RemoteError(
                "LimitExceeded", "the view takes \(bytes.count) bytes, messageBytesMax is \(Limits.messageBytesMax)")
        }
        call.answer(lastly: bytes)
    },
    Method(
        "from_bytes", .call, isStatic: true, client: "bd_graph_view_from_bytes", [Parameter("data", .bytes)], result: .view,
        errors: ["TypeError", "ValueError", "LimitExceeded"],
        doc: """
            A new view of what to_bytes() gave. Everything is checked first: ValueError says what is wrong. Nodes and edges \
            get new ids, in the same order.
            """
    ) { call in
        let file = try call.arguments.blob()
        let workspace = call.workspace
        let ids = try workspace.graph.load(file: file) { views, nodes, edges in
            LoadedIds(
                view: try workspace.takeIds(.view, views), firstNode: try workspace.takeIds(.node, nodes),
                firstEdge: try workspace.takeIds(.edge, edges))
        }
        call.session.owns(view: ids.view)
        call.result.u32(ids.view)
        call.result.u32(ids.firstNode)
    },
    Method(
        "__copy__", .local, client: "bd_graph_view_copy", arguments: .ignore, result: .view,
        errors: ["StaleHandleError", "LimitExceeded"],
        doc: "Another view with the same nodes, edges and attributes, by to_bytes() and from_bytes()."),
    Method(
        "__deepcopy__", .local, client: "bd_graph_view_copy", arguments: .ignore, result: .view,
        errors: ["StaleHandleError", "LimitExceeded"], doc: "As __copy__: a view holds nothing of Python's."),
    Method(
        "save", .local, client: "bd_graph_view_save", [Parameter("path", .any, "a str or path object")],
        errors: ["OSError", "TypeError", "StaleHandleError"],
        doc: """
            Writes to_bytes() to a file: whole, or the old file stays as it was (temporary file, fsync, rename). Keeps the \
            mode of a file that is there.
            """),
    Method(
        "load", .local, isStatic: true, client: "bd_graph_view_load", [Parameter("path", .any, "a str or path object")],
        result: .view, errors: ["OSError", "TypeError", "ValueError", "LimitExceeded"],
        doc: "A new view of what save() wrote. ValueError names the file and what is wrong with it."),
    Method(
        "batch", .local, client: "bd_graph_view_batch", arguments: .ignore, result: .any,
        errors: ["RuntimeError", "StaleHandleError"],
        doc: """
            A context manager: what the block creates and inserts in the view's workspace (this thread alone) is sent as one \
            request at its end and done whole or not at all. Reads in the block see the state before it; RuntimeError \
            when they, or a nested batch, or a method that needs the worker's answer (destroy, subgraphs) meet what the batch \
            made or would change. An exception in the block, or one of its commands that fails, gives all of it up: its \
            new handles are stale then, and views are as before. What only the worker can know is raised at the block's end.
            """),
    Method(
        "to_networkx", .local, client: "bd_graph_view_to_networkx", result: .any, errors: ["ImportError", "StaleHandleError"],
        doc: """
            A networkx.MultiDiGraph: nodes are node ids with their attributes; edges have the edge id as key, and their \
            attributes with edge_type and directional. Needs networkx (pip install "bindd[exchange]").
            """),
    Method(
        "to_dot", .local, client: "bd_graph_view_to_dot", [labelParameter], result: .string, errors: ["StaleHandleError"],
        doc: "The view in the language of graphviz. Edges without a direction have no arrow."),
    Method(
        "to_mermaid", .local, client: "bd_graph_view_to_mermaid", [labelParameter], result: .string,
        errors: ["StaleHandleError"], doc: "The view as a Mermaid flowchart."),
    Method(
        "to_arrow", .local, client: "bd_graph_view_to_arrow", result: .any, errors: ["ImportError", "StaleHandleError"],
        doc: """
            (nodes, edges) as two pyarrow.Table: a row for each, a column for each attribute key; nodes have id, edges id, \
            source, target, edge_type, directional. Needs pyarrow (pip install "bindd[exchange]").
            """),
    Method(
        "to_pandas", .local, client: "bd_graph_view_to_pandas", result: .any, errors: ["ImportError", "StaleHandleError"],
        doc: """
            (nodes, edges) as two pandas.DataFrame with the columns of to_arrow and nullable types. Needs pandas and \
            pyarrow (pip install "bindd[exchange]").
            """),
    Method(
        "_repr_svg_", .local, client: "bd_graph_view_repr_svg", result: .any,
        doc: """
            A small picture for Jupyter: up to 60 nodes and 150 edges are drawn (by graphviz where it is installed), of a \
            larger view its counts. None when the view cannot be read.
            """),
]

extension Call {
    mutating func rows() throws -> ViewRows {
        switch try arguments.string() {
        case "nodes": return .nodes
        case "edges": return .edges
        case let other: throw RemoteError("ValueError", "of must be \"nodes\" or \"edges\", not \"\(other)\"")
        }
    }
}
