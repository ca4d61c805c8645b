// The line program of one unit, run for the addresses asked for: DWARF 2 to 4. See DwarfFile.
// Cost: one pass over the program per table; a look-up is a pass over its rows.

struct LineTable {
    private struct Row {
        var address: UInt64 = 0
        var file = 1
        var line = 1
        var endsSequence = false
    }

    private var rows: [Row] = []
    private var folders: [String] = []
    private var files: [(name: String, folder: Int)] = []

    init(_ section: ByteReader, at offset: Int, folder: String) {
        folders = [folder]
        var whole = section.moved(to: offset)
        let length = Int(whole.u32())
        var reader = whole.part(length)
        let version = reader.u16()
        guard (2...4).contains(version) else { return }
        let headBytes = Int(reader.u32())
        let programStart = reader.at + headBytes
        let minimum = UInt64(reader.u8())
        if version >= 4 { _ = reader.u8() }
        _ = reader.u8()  // is_stmt at the start
        let lineBase = Int(Int8(bitPattern: reader.u8()))
        let lineRange = Int(reader.u8())
        let opcodeBase = reader.u8()
        guard lineRange > 0, opcodeBase > 0 else { return }
        var operands: [UInt8] = [0]
        for _ in 1..<max(opcodeBase, 2) { operands.append(reader.u8()) }
        readNames(&reader)
        reader.at = programStart
        run(&reader, minimum, lineBase, lineRange, Int(opcodeBase), operands)
    }

    private mutating func readNames(_ reader: inout ByteReader) {
        while !reader.isAtEnd {
            let name = reader.text()
            if name.isEmpty { break }
            folders.append(name)
        }
        while !reader.isAtEnd {
            let name = reader.text()
            if name.isEmpty { break }
            let folder = Int(clamping: reader.unsigned())
            _ = reader.unsigned()
            _ = reader.unsigned()
            files.append((name, folder))
        }
    }

    private mutating func run(
        _ reader: inout ByteReader, _ minimum: UInt64, _ lineBase: Int, _ lineRange: Int, _ opcodeBase: Int,
        _ operands: [UInt8]
    ) {
        var row = Row()
        while !reader.isAtEnd {
            let opcode = Int(reader.u8())
            if opcode >= opcodeBase {
                row.address &+= UInt64((opcode - opcodeBase) / lineRange) &* minimum
                row.line &+= lineBase + (opcode - opcodeBase) % lineRange
                rows.append(row)
                continue
            }
            switch opcode {
            case 0: extended(&reader, &row)
            case 1: rows.append(row)
            case 2: row.address &+= reader.unsigned() &* minimum
            case 3: row.line &+= Int(truncatingIfNeeded: reader.signed())
            case 4: row.file = Int(clamping: reader.unsigned())
            case 8: row.address &+= UInt64((255 - opcodeBase) / lineRange) &* minimum
            case 9: row.address &+= UInt64(reader.u16())
            default: if opcode < operands.count { for _ in 0..<operands[opcode] { _ = reader.unsigned() } }
            }
        }
    }

    private mutating func extended(_ reader: inout ByteReader, _ row: inout Row) {
        let length = Int(clamping: reader.unsigned())
        let end = reader.at &+ length
        switch reader.u8() {
        case 1:
            row.endsSequence = true
            rows.append(row)
            row = Row()
        case 2: row.address = reader.u64()
        default: break
        }
        reader = reader.isBroken ? reader : reader.moved(to: end)
    }

    /// The line of the code at the address; a row without a line takes that of the row before it.
    func place(of address: UInt64) -> DwarfFile.Place? {
        for index in rows.indices.dropLast() {
            let row = rows[index]
            guard !row.endsSequence, row.address <= address, address < rows[index + 1].address else { continue }
            return DwarfFile.Place(file: file(row.file), line: row.line)
        }
        return nil
    }

    func file(_ number: Int) -> String {
        guard files.indices.contains(number - 1) else { return "" }
        let file = files[number - 1]
        if file.name.hasPrefix("/") || !folders.indices.contains(file.folder) { return file.name }
        let folder = folders[file.folder]
        let base = folder.hasPrefix("/") || file.folder == 0 ? folder : "\(folders[0])/\(folder)"
        return "\(base)/\(file.name)"
    }
}
