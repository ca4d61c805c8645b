// What a handle was used for last, and how often, as its client wrote it down: views, typegraphs and documents. A method or a
// field, by its number in the description. Cost: two tables, made at the first name.

import CLayout
import SexpCore
import Wire

struct HandleUse {
    var uses: UInt64 = 0
    var lastNs: UInt64 = 0
    var lastBy: UInt32 = 0

    init() {}

    init(_ record: bd_ledger_record) {
        uses = UInt64(record.uses)
        lastNs = record.used_ns
        lastBy = record.used_by
    }

    /// Kinds whose uses are counted; of what is many, counting would cost more than it tells.
    static func isCounted(_ kind: UInt32) -> Bool {
        kind == BD_KIND_VIEW || kind == BD_KIND_TYPE_GRAPH || HandleKind.documents.contains(kind)
    }

    /// Several handles of one object.
    mutating func add(_ other: HandleUse) {
        uses += other.uses
        guard other.lastNs > lastNs else { return }
        lastNs = other.lastNs
        lastBy = other.lastBy
    }

    /// GraphView.insert_node, pcb.Footprint.at; "" when it is not known.
    var name: String {
        let number = Int(lastBy & (1 << BD_USED_SHIFT - 1))
        switch lastBy >> BD_USED_SHIFT {
        case BD_USED_METHOD: return number < HandleUse.methods.count ? HandleUse.methods[number] : ""
        case BD_USED_FIELD: return number < HandleUse.fields.count ? HandleUse.fields[number] : ""
        default: return ""
        }
    }

    private static let methods: [String] =
        declaredClasses.flatMap { type in type.methods.map { "\(type.name).\($0.name)" } }
        + declaredFunctions.map { "\($0.module).\($0.method.name)" }

    private static let fields: [String] = zip(KiCadSchema.shared.structNames, KiCadSchema.shared.declarations).flatMap {
        name, declaration in declaration.fields.map { "\(name).\($0.name)" }
    }

    /// For rows and facts.
    func members(nowNs: UInt64) -> [(String, JSONValue)] {
        [
            ("uses", .uint(uses)),
            ("used_s", lastNs == 0 ? .null : .double(Double(milliseconds(from: lastNs, to: nowNs)) / 1000)),
            ("used_by", .string(name)),
        ]
    }

    /// 2m ago  pcb.KicadPcb.footprints (12,400 uses)
    func text(nowNs: UInt64) -> String {
        guard uses > 0 else { return "never" }
        let ago = "\(Units.duration(milliseconds: milliseconds(from: lastNs, to: nowNs))) ago"
        return "\(ago)\(name.isEmpty ? "" : "  \(name)") (\(Units.count(uses)) \(uses == 1 ? "use" : "uses"))"
    }
}
