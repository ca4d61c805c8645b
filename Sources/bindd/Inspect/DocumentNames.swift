// What the lists of a plain document are called, and how many there are of each: of the outermost, and of those in them. As
// its client wrote it down (BD_KIND_NAMES in bd_layout.h). Believes nothing. Cost: a few rows for each document.

import CLayout
import Wire

struct DocumentNames {
    struct Row {
        /// Number of the row that these lists stand in, from 1 on; 0: outermost.
        let parent: Int
        let name: String
        let count: UInt64

        /// net 200
        var text: String { count == 1 ? name : "\(name) \(Units.count(count))" }
    }

    let rows: [Row]

    func inside(_ row: Int) -> [(number: Int, row: Row)] {
        rows.enumerated().filter { $0.element.parent == row }.map { ($0.offset + 1, $0.element) }
            .sorted { ($0.row.count, $1.number) > ($1.row.count, $0.number) }
    }

    /// Of the lists in the outermost one; of the outermost where there are several.
    var counts: JSONValue {
        let outermost = inside(0)
        let rows = outermost.count == 1 && outermost[0].row.count == 1 ? inside(outermost[0].number) : outermost
        var counts: [String: UInt64] = [:]
        for row in rows { counts[row.row.name, default: 0] += row.row.count }
        return .counts(counts)
    }
}

extension Ledger {
    /// nil when the document is gone or was never told of.
    func names(of document: UInt64) -> DocumentNames? {
        let found = numbers(BD_KIND_NAMES, of: document, atMost: Int(BD_NAMES_MAX) * 3)
        let rows = stride(from: 0, to: found.count / 3 * 3, by: 3).map { at in
            let parent = Int(found[at])
            let name = found[at + 1] == BD_NAME_OTHERS ? "others" : found[at + 1] == 0 ? "without a name" : text(found[at + 1])
            return DocumentNames.Row(parent: parent <= at / 3 ? parent : -1, name: name, count: UInt64(found[at + 2]))
        }
        return rows.isEmpty ? nil : DocumentNames(rows: rows)
    }
}
