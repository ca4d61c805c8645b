// Reading many objects of a view at once: which attribute keys there are, one attribute of all. Changes nothing.
// Cost: a look-up per object and a scan over its pairs.

import CLayout

/// Nodes or edges: the rows of a table over a view, in the order in which they came.
public enum ViewRows: Equatable, Sendable {
    case nodes, edges
}

extension GraphStore {
    /// Ids of all rows.
    public func ids(view: UInt32, of rows: ViewRows) throws(GraphError) -> [UInt32] {
        switch rows {
        case .nodes: try nodes(view: view)
        case .edges: try edges(view: view)
        }
    }

    /// Every edge of a view.
    public func edgeTable(view: UInt32) throws(GraphError) -> [Edge] {
        var result: [Edge] = []
        let ids = try edges(view: view)
        result.reserveCapacity(ids.count)
        for id in ids { result.append(try edge(id)) }
        return result
    }

    /// Keys that any row has, in the order in which they first appear.
    public func attributeKeys(view: UInt32, of rows: ViewRows) throws(GraphError) -> [String] {
        var seen: Set<UInt32> = []
        var keys: [String] = []
        for id in try ids(view: view, of: rows) {
            for key in lists.keys(try attributeList(id, rows)) where seen.insert(key).inserted {
                keys.append(strings.text(key))
            }
        }
        return keys
    }

    /// One attribute of all rows; nil where a row has no such key.
    public func attributeColumn(view: UInt32, of rows: ViewRows, key: String) throws(GraphError) -> [AttributeValue?] {
        var values: [AttributeValue?] = []
        for id in try ids(view: view, of: rows) {
            values.append(lists.value(try attributeList(id, rows), key: key, strings: strings))
        }
        return values
    }

    /// All attributes of all rows.
    public func attributeRows(view: UInt32, of rows: ViewRows) throws(GraphError) -> [[AttributePair]] {
        var result: [[AttributePair]] = []
        for id in try ids(view: view, of: rows) { result.append(lists.all(try attributeList(id, rows), strings: strings)) }
        return result
    }

    func attributeList(_ id: UInt32, _ rows: ViewRows) throws(GraphError) -> UInt32 {
        switch rows {
        case .nodes: try node(id).pointee.attributes
        case .edges: try edgeRecord(id).pointee.attributes
        }
    }
}

extension AttributeLists {
    /// The keys of a list, as pooled strings, in order.
    func keys(_ list: UInt32) -> [UInt32] {
        guard list != 0 else { return [] }
        let pairs = arena.array(list, after: MemoryLayout<bd_attributes>.size, count: count(list), of: bd_attribute.self)
        return pairs.map(\.key)
    }
}
