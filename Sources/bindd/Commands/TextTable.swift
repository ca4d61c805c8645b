// A table of text: columns as wide as their content, numbers to the right, some columns that give way when the terminal
// is narrow, the widest first. Pure. Cost: two passes over the cells.

struct TextTable {
    struct Column {
        let title: String
        var isNumeric = false
        /// Shortened (…) when the table is wider than the terminal.
        var isFlexible = false
        /// What counts is at the end, as in paths: there the beginning is left out.
        var cutsFront = false
        /// `path/file.py:12 function`: the file and its line stay longest.
        var isPlace = false
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
        let flexible = columns.indices.filter { columns[$0].isFlexible }
        while excess > 0 {
            let able = flexible.filter { widths[$0] > max(TextTable.flexibleWidthMin, columns[$0].title.count) }
            guard let widest = able.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] -= 1
            excess -= 1
        }
        return widths
    }

    private func fitted(_ cell: String, _ column: Column, _ width: Int) -> String {
        guard cell.count > width else { return cell }
        if column.isPlace, let end = cell.firstIndex(of: " ") {
            let start = cell[..<end].lastIndex(of: "/").map { cell.index(after: $0) } ?? cell.startIndex
            if cell[start..<end].count >= width { return "…" + cell[start..<end].suffix(width - 1) }
            if cell[start...].count >= width { return cell[start...].prefix(width - 1) + "…" }
            return "…" + cell.suffix(width - 1)
        }
        return column.cutsFront ? "…" + cell.suffix(width - 1) : cell.prefix(width - 1) + "…"
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var out = ""
        for (index, cell) in cells.enumerated() {
            let text = fitted(cell, columns[index], widths[index])
            let space = String(repeating: " ", count: widths[index] - text.count)
            if index > 0 { out += String(repeating: " ", count: TextTable.gap) }
            out += columns[index].isNumeric ? space + text : text + space
        }
        while out.hasSuffix(" ") { out.removeLast() }
        return out
    }
}
