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
