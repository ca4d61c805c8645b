// A client's ledger as the commands see it: its records, and the places and labels that they name. Believes nothing: each
// number is checked against what was read. Cost: texts, frames and sites are read once (a few MiB at most), records are
// streamed.

import CLayout
import Glibc

/// A line of the user's program.
struct CodePlace: Hashable {
    var file: String
    var line: UInt32
    var function: String

    /// faebryk/core/node.py:1976
    var shortText: String {
        let parts = file.split(separator: "/")
        return "\(parts.suffix(3).joined(separator: "/")):\(line)"
    }
}

/// Where a handle was made: the innermost place, its caller, the caller's caller.
struct CreationSite: Hashable {
    var places: [CodePlace] = []

    static let unknown = CreationSite()

    /// faebryk/core/node.py:1976 Node.traverse
    var text: String { places.first.map { "\($0.shortText) \($0.function)" } ?? "?" }

    /// With its callers, ← between them.
    var chainText: String {
        guard !places.isEmpty else { return "?" }
        return places.map { "\($0.shortText) \($0.function)" }.joined(separator: " <- ")
    }
}

final class Ledger {
    let header: bd_ledger_header
    let recordCount: Int
    let file: SharedFile
    private let texts: [UInt8]
    private let frames: [bd_ledger_frame]
    private let sites: [bd_ledger_site]
    private var knownSites: [UInt32: CreationSite] = [:]
    private var knownTexts: [UInt32: String] = [:]

    /// nil when the file is no ledger of this layout.
    init?(file: SharedFile) {
        let header = file.value(at: 0, of: bd_ledger_header())
        guard header.magic == UInt64(BD_LEDGER_MAGIC), header.layout_version == BD_LAYOUT_VERSION else { return nil }
        self.file = file
        self.header = header
        recordCount = min(Int(header.records), Int(BD_LEDGER_RECORDS_MAX))
        let textBytes = min(Int(header.texts_bytes), Int(BD_LEDGER_FRAMES_OFFSET - BD_LEDGER_TEXTS_OFFSET))
        texts = file.bytes(at: Int(BD_LEDGER_TEXTS_OFFSET), count: textBytes)
        frames = file.values(
            at: Int(BD_LEDGER_FRAMES_OFFSET), count: min(Int(header.frames), Int(BD_LEDGER_FRAMES_MAX)),
            of: bd_ledger_frame.self)
        sites = file.values(
            at: Int(BD_LEDGER_SITES_OFFSET), count: min(Int(header.sites), Int(BD_LEDGER_SITES_MAX)),
            of: bd_ledger_site.self)
    }

    var generation: UInt32 { header.generation & 0xFF_FFFF }
    var interval: UInt32 { max(header.interval, 1) }
    var siteCount: Int { sites.count }

    /// "full", or "sample" where a record stands for several handles.
    var modeText: String { interval == 1 ? "full" : "sample" }

    /// Records of this client's own handles.
    func forEach(_ body: (bd_ledger_record) -> Void) {
        let generation = generation
        LedgerChunks(file: file, recordCount: recordCount).forEach { record in
            guard UInt32(record.id >> 32) & 0xFF_FFFF == generation else { return }
            body(record)
        }
    }

    /// Read when they are asked for, behind what names them.
    private(set) lazy var places: [bd_contents_place] = file.values(
        at: Int(BD_LEDGER_PLACES_OFFSET),
        count: min(Int(file.value(at: 0, of: bd_ledger_header()).places), Int(BD_LEDGER_PLACES_MAX)), of: bd_contents_place.self)

    /// A label that was not given: what was read is a text of so many bytes.
    static func isOfText(_ number: UInt32) -> Bool { number & BD_LABEL_IS_TEXT != 0 }

    func text(_ number: UInt32) -> String {
        guard number != 0 else { return "" }
        if Ledger.isOfText(number) {
            let bytes = UInt64(number & BD_LABEL_TEXT_BYTES_MAX)
            return "text of \(Units.count(bytes)) \(bytes == 1 ? "byte" : "bytes")"
        }
        if let known = knownTexts[number] { return known }
        let start = Int(number) * 4
        let count = Int(bindd.number(texts, at: start))
        guard start + 4 <= texts.count, count <= texts.count - start - 4 else { return "" }
        let text = String(decoding: texts[start + 4..<start + 4 + count], as: UTF8.self)
        knownTexts[number] = text
        return text
    }

    func site(_ number: UInt32) -> CreationSite {
        if let known = knownSites[number] { return known }
        guard number != 0, Int(number) < sites.count else { return .unknown }
        let site = sites[Int(number)]
        let places = [site.frames.0, site.frames.1, site.frames.2].filter { $0 != 0 && Int($0) < frames.count }
            .map { index in
                let frame = frames[Int(index)]
                return CodePlace(file: text(frame.file), line: frame.line, function: text(frame.function))
            }
        let known = CreationSite(places: places)
        knownSites[number] = known
        return known
    }
}
