// The part of a tree that is in a KiCad document: structs of one place are one line, with how many there are. Cost: a pass
// over the document's entries.

import CLayout
import Wire

extension HandleTree {
    /// The document that the id is of, or is a struct in: whose it is, and the struct's record.
    static func document(_ id: UInt64, _ look: HandleLook) -> (holder: Holder, contents: DocumentContents, record: Int)? {
        let isPlace = UInt32(id >> 56) == BD_KIND_PLACE
        let record = isPlace ? Int(id & 0xFFFF_FFFF) : DocumentContents.root
        for holder in look.holders where isPlace || holder.generation == UInt32(id >> 32) & 0xFF_FFFF {
            let contents = isPlace ? holder.ledger?.contents(ofDocument: id >> 32 & 0xFF_FFFF) : holder.ledger?.contents(of: id)
            if let contents, contents.contains(record) { return (holder, contents, record) }
        }
        return nil
    }

    /// pcb.Pad kicad_pcb.footprints[12].pads[3] of PcbFile 1 board.kicad_pcb
    static func text(_ contents: DocumentContents, _ record: Int, _ holder: Holder) -> String {
        let file = "\(HandleKind.name(UInt32(contents.id >> 56))) \(contents.id & 0xFFFF_FFFF)"
        let row = holder.record(of: contents.id)
        let label = holder.label(of: contents.id)
        let called = file + (label.isEmpty ? "" : " \(label)")
        guard record == DocumentContents.root else {
            return "\(contents.type(of: record)) \(contents.path(of: record)) of \(called)"
        }
        return called + (row.map { ", \(Units.bytes(holder.bytes($0)))" } ?? "")
    }

    mutating func growStructs(_ contents: DocumentContents, _ record: Int) {
        guard let records = contents.records(in: record) else {
            note = "the document was edited: which structs are in this one cannot be told; its file has all of them"
            return
        }
        var inside: [Int: [DocumentContents.Group]] = [:]
        var total: UInt64 = 0
        for group in contents.groups(in: records) where group.record != record {
            inside[contents.parent(of: group.place), default: []].append(group)
            total += group.count
        }
        guard let place = contents.groups(in: [record]).first?.place else { return }
        let objects = record == DocumentContents.root ? contents.objects : contents.objects(of: record)
        root.text += ", \(Units.count(total)) \(total == 1 ? "struct" : "structs")"
            + (objects == 0 ? "" : ", \(DocumentContents.objectsText(objects))")
        var level = [(root, place)]
        var step = 0
        while !level.isEmpty {
            guard step < depth else {
                if level.contains(where: { inside[$0.1] != nil }) { note = "more inside: --depth \(depth + 1)" }
                return
            }
            var next: [(Branch, Int)] = []
            for (branch, place) in level {
                let groups = (inside[place] ?? []).sorted { ($0.count, $1.record) > ($1.count, $0.record) }
                for group in groups.prefix(childrenMax) {
                    let child = Branch(id: group.count == 1 ? HandleTree.id(contents, group.record) : 0, text: group.text)
                    child.structs = group
                    branch.children.append(child)
                    next.append((child, group.place))
                }
                branch.more = max(groups.count - childrenMax, 0)
            }
            level = next
            step += 1
        }
    }

    /// Of a struct in it.
    private static func id(_ contents: DocumentContents, _ record: Int) -> UInt64 {
        UInt64(BD_KIND_PLACE) << 56 | (contents.id & 0xFF_FFFF) << 32 | UInt64(record)
    }
}
