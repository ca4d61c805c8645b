// The parts of an ELF file that tell what its addresses mean: sections by name, the symbol that covers an address.
// Must not trust the file. Cost: symbols are looked through once for all addresses asked for; a millisecond per 100,000.

struct ElfFile {
    struct Section {
        let offset: UInt64
        let size: UInt64
        let link: UInt32
    }

    struct Symbol {
        let name: String
        /// How far behind the symbol's start the address is.
        let offset: UInt64
    }

    private static let functionType: UInt8 = 2
    private static let symbolBytes = 24

    private let file: MappedFile
    private let sections: [String: Section]
    private let inOrder: [Section]

    /// nil when it is no little-endian ELF64 file.
    init?(path: String) {
        guard let file = MappedFile(path: path) else { return nil }
        self.file = file
        var head = file.part(0, 64)
        guard head.u32() == 0x464C_457F, head.u8() == 2, head.u8() == 1 else { return nil }
        head.at = 40
        let tableOffset = head.u64()
        head.at = 58
        let entryBytes = UInt64(head.u16())
        let entries = UInt64(head.u16())
        let nameIndex = Int(head.u16())
        guard entryBytes == 64 else { return nil }
        var found: [(name: Int, section: Section)] = []
        for index in 0..<entries {
            var entry = file.part(tableOffset + index * entryBytes, entryBytes)
            let name = Int(entry.u32())
            entry.at = 24
            let offset = entry.u64()
            let size = entry.u64()
            found.append((name, Section(offset: offset, size: size, link: entry.u32())))
        }
        guard found.indices.contains(nameIndex) else { return nil }
        let names = file.part(found[nameIndex].section.offset, found[nameIndex].section.size)
        var byName: [String: Section] = [:]
        for entry in found {
            var reader = names.moved(to: entry.name)
            byName[reader.text()] = entry.section
        }
        sections = byName
        inOrder = found.map(\.section)
    }

    /// Nothing when there is no such section.
    func section(_ name: String) -> ByteReader {
        guard let section = sections[name] else { return file.part(0, 0) }
        return file.part(section.offset, section.size)
    }

    /// The functions that cover the addresses; a stripped file still has those that it exports.
    func symbols(of addresses: [UInt64]) -> [UInt64: Symbol] {
        guard let table = sections[".symtab"] ?? sections[".dynsym"], inOrder.indices.contains(Int(table.link)),
            let lowest = addresses.min(), let highest = addresses.max()
        else { return [:] }
        let names = file.part(inOrder[Int(table.link)].offset, inOrder[Int(table.link)].size)
        var best: [UInt64: (start: UInt64, name: Int)] = [:]
        var entries = file.part(table.offset, table.size)
        while !entries.isAtEnd {
            let name = Int(entries.u32())
            let info = entries.u8()
            entries.at += 3
            let start = entries.u64()
            let size = entries.u64()
            guard info & 15 == ElfFile.functionType, start <= highest, start &+ size > lowest else { continue }
            for address in addresses where start <= address && address < start &+ size {
                if let known = best[address], known.start >= start { continue }
                best[address] = (start, name)
            }
        }
        return best.reduce(into: [:]) { found, item in
            var reader = names.moved(to: item.value.name)
            found[item.key] = Symbol(name: reader.text(), offset: item.key - item.value.start)
        }
    }
}
