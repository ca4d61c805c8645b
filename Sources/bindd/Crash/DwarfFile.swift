// File and line of an address, and the functions that the compiler put into each other there, from the DWARF 4 tables of a
// program. Written for the programs that this package builds: units of another version are passed over, and what refers
// beyond its own unit stays without a name. Must not trust the file: every loop moves on or ends.
// Cost: each unit's head, then the whole of those few that hold an address; 5-10 ms.

struct DwarfFile {
    struct Place: Equatable {
        var file = ""
        var line = 0
        var isKnown: Bool { line > 0 && !file.isEmpty && file != "<compiler-generated>" }
    }

    /// A function that stands at an address: the innermost first. `place` is where its code is, or where it calls the one
    /// before it.
    struct Frame: Equatable {
        /// The linker's name; "" for the function whose symbol covers the address.
        var symbol: String
        var place: Place
    }

    private let info: ByteReader
    private let abbreviations: ByteReader
    private let ranges: ByteReader
    private let strings: ByteReader
    private let lines: ByteReader

    init(_ elf: ElfFile) {
        info = elf.section(".debug_info")
        abbreviations = elf.section(".debug_abbrev")
        ranges = elf.section(".debug_ranges")
        strings = elf.section(".debug_str")
        lines = elf.section(".debug_line")
    }

    /// For each address the functions there; nothing for those of which the tables know nothing.
    func frames(of addresses: [UInt64]) -> [UInt64: [Frame]] {
        var found: [UInt64: [Frame]] = [:]
        var tables: [UInt64: [UInt64: Abbreviation]] = [:]
        var reader = info
        while !reader.isAtEnd, found.count < addresses.count {
            let start = reader.at
            let length = Int(reader.u32())
            guard length > 7, length < 0xFFFF_FFF0 else { break }
            let end = reader.at + length
            let version = reader.u16()
            let tableOffset = UInt64(reader.u32())
            let addressBytes = reader.u8()
            if version == 4, addressBytes == 8 {
                let table = tables[tableOffset] ?? abbreviationTable(tableOffset)
                tables[tableOffset] = table
                let unit = Unit(start: start, end: end, first: reader.at, abbreviations: table)
                addFrames(unit, addresses.filter { found[$0] == nil }, to: &found)
            }
            reader.at = end
        }
        return found
    }

    // MARK: units

    private struct Unit {
        let start: Int
        let end: Int
        let first: Int
        let abbreviations: [UInt64: Abbreviation]
    }

    private struct Abbreviation {
        let tag: UInt64
        let hasChildren: Bool
        let attributes: [(name: UInt64, form: UInt64)]
    }

    private func abbreviationTable(_ offset: UInt64) -> [UInt64: Abbreviation] {
        var table: [UInt64: Abbreviation] = [:]
        var reader = abbreviations.moved(to: Int(offset))
        while !reader.isBroken {
            let code = reader.unsigned()
            if code == 0 { break }
            let tag = reader.unsigned()
            let hasChildren = reader.u8() != 0
            var attributes: [(name: UInt64, form: UInt64)] = []
            while !reader.isBroken {
                let name = reader.unsigned()
                let form = reader.unsigned()
                if name == 0, form == 0 { break }
                attributes.append((name, form))
            }
            table[code] = Abbreviation(tag: tag, hasChildren: hasChildren, attributes: attributes)
        }
        return table
    }

    private func addFrames(_ unit: Unit, _ addresses: [UInt64], to found: inout [UInt64: [Frame]]) {
        var reader = info.moved(to: unit.first)
        guard let root = entry(&reader, unit), root.tag == Tag.unit else { return }
        let covered = addresses.filter { covers(root, base: root.low ?? 0, $0) }
        guard !covered.isEmpty, let program = root.lines else { return }
        let table = LineTable(lines, at: Int(program), folder: root.folder)
        for address in covered {
            guard var place = table.place(of: address) else { continue }
            var frames: [Frame] = []
            for inlined in inlinedCalls(unit, address, base: root.low ?? 0) {
                frames.append(Frame(symbol: inlined.symbol, place: place))
                place = Place(file: table.file(inlined.callFile), line: inlined.callLine)
            }
            frames.append(Frame(symbol: "", place: place))
            found[address] = frames
        }
    }

    // MARK: entries

    private enum Tag {
        static let unit: UInt64 = 0x11
        static let inlined: UInt64 = 0x1D
        static let subprogram: UInt64 = 0x2E
    }

    private struct Entry {
        var tag: UInt64 = 0
        var hasChildren = false
        var low: UInt64?
        var high: UInt64?
        var isHighAddress = false
        var ranges: UInt64?
        var lines: UInt64?
        var folder = ""
        var name: Int?
        var linkageName: Int?
        var origin: UInt64?
        var specification: UInt64?
        var callFile = 0
        var callLine = 0
    }

    /// The entry at the reader; nil at the end of a list of siblings or where the tables are broken.
    private func entry(_ reader: inout ByteReader, _ unit: Unit) -> Entry? {
        guard let kind = unit.abbreviations[reader.unsigned()] else { return nil }
        var entry = Entry(tag: kind.tag, hasChildren: kind.hasChildren)
        for attribute in kind.attributes {
            let value = value(&reader, attribute.form)
            switch attribute.name {
            case 0x03: entry.name = attribute.form == 0x0E ? Int(value) : nil
            case 0x10: entry.lines = value
            case 0x11: entry.low = value
            case 0x12:
                entry.high = value
                entry.isHighAddress = attribute.form == 0x01
            case 0x1B: entry.folder = attribute.form == 0x0E ? text(Int(value)) : ""
            case 0x31: entry.origin = (0x11...0x15).contains(attribute.form) ? value : nil
            case 0x47: entry.specification = (0x11...0x15).contains(attribute.form) ? value : nil
            case 0x55: entry.ranges = value
            case 0x58: entry.callFile = Int(truncatingIfNeeded: value)
            case 0x59: entry.callLine = Int(truncatingIfNeeded: value)
            case 0x6E: entry.linkageName = attribute.form == 0x0E ? Int(value) : nil
            default: break
            }
        }
        return reader.isBroken ? nil : entry
    }

    /// The value of an attribute of this form, 0 where it is a block or text.
    private func value(_ reader: inout ByteReader, _ form: UInt64) -> UInt64 {
        switch form {
        case 0x01, 0x07, 0x14, 0x20: return reader.u64()
        case 0x06, 0x0E, 0x10, 0x13, 0x17: return UInt64(reader.u32())
        case 0x05, 0x12: return UInt64(reader.u16())
        case 0x0B, 0x0C, 0x11: return UInt64(reader.u8())
        case 0x0D: return UInt64(bitPattern: reader.signed())
        case 0x0F, 0x15: return reader.unsigned()
        case 0x19: return 1
        case 0x08: reader.skipText()
        case 0x0A: reader.skip(UInt64(reader.u8()))
        case 0x03: reader.skip(UInt64(reader.u16()))
        case 0x04: reader.skip(UInt64(reader.u32()))
        case 0x09, 0x18: reader.skip(reader.unsigned())
        default: reader.skip(.max)  // a form of a later version: the unit cannot be read on
        }
        return 0
    }

    private func text(_ offset: Int) -> String {
        var reader = strings.moved(to: offset)
        return reader.text()
    }

    private func covers(_ entry: Entry, base: UInt64, _ address: UInt64) -> Bool {
        if let offset = entry.ranges { return rangesCover(offset, base, address) }
        guard let low = entry.low, let high = entry.high else { return false }
        return low <= address && address < (entry.isHighAddress ? high : low &+ high)
    }

    private func rangesCover(_ offset: UInt64, _ base: UInt64, _ address: UInt64) -> Bool {
        var reader = ranges.moved(to: Int(clamping: offset))
        var base = base
        while !reader.isBroken {
            let low = reader.u64()
            let high = reader.u64()
            if low == 0, high == 0 { return false }
            if low == .max {
                base = high
            } else if base &+ low <= address, address < base &+ high {
                return true
            }
        }
        return false
    }

    // MARK: functions in each other

    private struct InlinedCall {
        let symbol: String
        let callFile: Int
        let callLine: Int
    }

    /// The inlined calls at the address, the innermost first.
    private func inlinedCalls(_ unit: Unit, _ address: UInt64, base: UInt64) -> [InlinedCall] {
        var calls: [InlinedCall] = []
        var reader = info.moved(to: unit.first)
        guard let root = entry(&reader, unit), root.hasChildren else { return [] }
        var depth = 1
        while depth > 0, reader.at < unit.end, !reader.isBroken {
            guard let entry = entry(&reader, unit) else {
                depth -= 1
                continue
            }
            if entry.hasChildren { depth += 1 }
            guard entry.tag == Tag.inlined, covers(entry, base: base, address) else { continue }
            calls.insert(
                InlinedCall(symbol: symbol(of: entry, unit), callFile: entry.callFile, callLine: entry.callLine), at: 0)
        }
        return calls
    }

    private func symbol(of entry: Entry, _ unit: Unit) -> String {
        var next = entry.origin
        for _ in 0..<4 {  // an abstract function, what it specifies
            guard let offset = next else { break }
            var reader = info.moved(to: unit.start + Int(clamping: offset))
            guard let target = self.entry(&reader, unit) else { break }
            if let name = target.linkageName ?? target.name { return text(name) }
            next = target.origin ?? target.specification
        }
        return ""
    }
}
