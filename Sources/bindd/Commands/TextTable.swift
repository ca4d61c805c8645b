// A table of text: columns as wide as their content, numbers to the right. Where the terminal is narrow some columns give
// way, the widest first; then those go that may, the least important first; what is still too long is cut at the edge.
// Pure. Cost: two passes over the cells.

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
        /// So wide it stays where it is shortened.
        var widthMin = 8
        /// Left out where the table does not fit without: the highest number first. 0: never.
        var leaves = 0
    }

    private static let gap = 2

    private(set) var columns: [Column]
    private(set) var rows: [(cells: [String], isMarked: Bool)] = []

    init(_ columns: [Column]) { self.columns = columns }

    mutating func add(_ cells: [String], isMarked: Bool = false) {
        var cells = cells.prefix(columns.count).map(shownText)
        cells += repeatElement("", count: columns.count - cells.count)
        rows.append((cells, isMarked))
    }

    /// Lines with a newline each. `width` nil: as wide as it needs.
    func render(width: Int?, style: Style) -> String {
        guard let width else { return lines(contentWidths, .max, style) }
        var table = self
        var widths = table.columnWidths(fitting: width)
        while TextTable.total(widths) > width, let least = table.leastImportant {
            table.remove(least)
            widths = table.columnWidths(fitting: width)
        }
        return table.lines(widths, width, style)
    }

    private func lines(_ widths: [Int], _ width: Int, _ style: Style) -> String {
        var out = style.bold(line(columns.map(\.title), widths).cut(columns: width)) + "\n"
        for row in rows {
            let text = line(row.cells, widths).cut(columns: width)
            out += (row.isMarked ? style.warning(text) : text) + "\n"
        }
        return out
    }

    private var leastImportant: Int? {
        columns.indices.filter { columns[$0].leaves > 0 }.max { columns[$0].leaves < columns[$1].leaves }
    }

    private mutating func remove(_ column: Int) {
        columns.remove(at: column)
        for row in rows.indices { rows[row].cells.remove(at: column) }
    }

    private var contentWidths: [Int] {
        columns.indices.map { index in
            rows.map { $0.cells[index].terminalWidth }.reduce(columns[index].title.terminalWidth, max)
        }
    }

    private static func total(_ widths: [Int]) -> Int { widths.reduce(0, +) + (widths.count - 1) * gap }

    private func columnWidths(fitting width: Int) -> [Int] {
        var widths = contentWidths
        var excess = TextTable.total(widths) - width
        let flexible = columns.indices.filter { columns[$0].isFlexible }
        while excess > 0 {
            let able = flexible.filter { widths[$0] > max(columns[$0].widthMin, columns[$0].title.count) }
            guard let widest = able.max(by: { widths[$0] < widths[$1] }) else { break }
            widths[widest] -= 1
            excess -= 1
        }
        return widths
    }

    private func fitted(_ cell: String, _ column: Column, _ width: Int) -> String {
        guard cell.terminalWidth > width else { return cell }
        if column.isPlace, let end = cell.firstIndex(of: " ") {
            let start = cell[..<end].lastIndex(of: "/").map { cell.index(after: $0) } ?? cell.startIndex
            if cell[start..<end].terminalWidth >= width { return "…" + cell[start..<end].end(columns: width - 1) }
            if cell[start...].terminalWidth >= width { return cell[start...].start(columns: width - 1) + "…" }
            return cell.cutFront(columns: width)
        }
        return column.cutsFront ? cell.cutFront(columns: width) : cell.cut(columns: width)
    }

    private func line(_ cells: [String], _ widths: [Int]) -> String {
        var out = ""
        for (index, cell) in cells.enumerated() {
            let text = fitted(cell, columns[index], widths[index])
            let space = String(repeating: " ", count: max(widths[index] - text.terminalWidth, 0))
            if index > 0 { out += String(repeating: " ", count: TextTable.gap) }
            out += columns[index].isNumeric ? space + text : text + space
        }
        while out.hasSuffix(" ") { out.removeLast() }
        return out
    }
}
