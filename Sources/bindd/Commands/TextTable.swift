// A table of text: columns as wide as their content, numbers to the right, one column that gives way when the terminal
// is narrow. Pure. Cost: two passes over the cells.

struct TextTable {
    struct Column {
        let title: String
        var isNumeric = false
        /// Shortened (…) when the table is wider than the terminal.
        var isFlexible = false
    }

    private static let gap = 2
    private static let flexibleWidthMin = 8

    let columns: [Column]
    private(set) var rows: [(cells: [String], isMarked: Bool)] = []

    init(_ columns: [Column]) { self.columns = columns }

    mutating func add(_ cells: [String], isMarked: Bool = false) {
        var cells = cells.prefix(columns.count).map(shownText)
        cells += repeatElement("", count: columns.count - cells.count)
        rows.append((cells, isMarked))
    }

    /// Lines with a newline each. `width` nil: as wide as it needs.
    func render(width: Int?, style: Style) -> String {
        let widths = columnWidths(fitting: width)
        var out = style.bold(line(columns.map(\.title), widths)) + "\n"
        for row in rows {
            let text = line(row.cells, widths)
            out += (row.isMarked ? style.warning(text) : text) + "\n"
        }
        return out
    }

    private func columnWidths(fitting width: Int?) -> [Int] {
        var widths = columns.indices.map { index in
            rows.map { $0.cells[index].count }.reduce(columns[index].title.count, max)
        }
        guard let width else { return widths }
        var excess = widths.reduce(0, +) + (columns.count - 1) * TextTable.gap - width
        for index in columns.indices where columns[index].isFlexible && excess > 0 {
            let given = min(excess, max(0, widths[index] - max(TextTable.flexibleWidthMin, columns[index].title.count)))
            widths[index] -= given
            excess -= given
        }
        return widths
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var out = ""
        for (index, cell) in cells.enumerated() {
            let text = cell.count <= widths[index] ? cell : cell.prefix(widths[index] - 1) + "…"
            let space = String(repeating: " ", count: widths[index] - text.count)
            if index > 0 { out += String(repeating: " ", count: TextTable.gap) }
            out += columns[index].isNumeric ? space + text : text + space
        }
        while out.hasSuffix(" ") { out.removeLast() }
        return out
    }
}
