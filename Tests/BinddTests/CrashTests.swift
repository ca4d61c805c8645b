// What is made of a death: the stack of this very process read back by the reader of the program's own tables, names of
// functions, requests in words, the folder of reports, and what a death was for.

import CCrash
import CLayout
import CShim
import Glibc
import Testing
import Wire

@testable import bindd

@Suite struct CrashTests {
    @Test(arguments: [
        ("$s5bindd7SessionC5apply33_3E5456CB94CCDF05D987E56A497F9CABLLyyF", "Session.apply"),
        ("_ZN5swift10fatalErrorEjPKcz", "swift::fatalError"), ("uv__io_poll", "uv__io_poll"),
        ("", ""), ("$s", "$s"), ("_ZN", "_ZN"), ("_ZN99x", "_ZN99x"),
    ])
    func namesAreShort(symbol: String, expected: String) {
        #expect(FunctionName.short(symbol) == expected)
    }

    @Test func placesOfThisProgram() throws {
        // Two functions whose place is known: the tables must lead back to this file.
        let slot = slotOfThisThread()
        let frames = Symbolizer.frames(slot)
        let own = frames.filter { $0.file.hasSuffix("CrashTests.swift") }
        #expect(!own.isEmpty, "no frame of this file in \(frames.map(\.text))")
        #expect(own.allSatisfy { $0.line > 0 })
        #expect(Symbolizer.names(slot).contains { $0.function.contains("slotOfThisThread") || $0.function.contains("placesOfThisProgram") })
    }

    /// A slot with the stack of here, as the handler would fill it.
    @inline(never)
    private func slotOfThisThread() -> bd_crash_slot {
        var slot = bd_crash_slot()
        bd_crash_look(&slot)
        return slot
    }

    @Test(arguments: UInt64(0)..<200)
    func damagedTablesEnd(seed: UInt64) throws {
        // Sections of the right names with anything in them: nothing traps and nothing loops.
        var random = SeededRandom(state: seed)
        let path = "\(temporaryFolder())/damaged-\(getpid())-\(seed)"
        let fd = bd_file_open(path, O_WRONLY | O_CREAT | O_TRUNC)
        try #require(fd >= 0)
        defer {
            close(fd)
            unlink(path)
        }
        let bytes = randomElf(&random)
        #expect(bytes.withUnsafeBytes { write(fd, $0.baseAddress, $0.count) } == bytes.count)
        let elf = try #require(ElfFile(path: path))
        let asked: [UInt64] = [0, 1, 0x40, UInt64.max, UInt64.random(in: 0...UInt64.max, using: &random)]
        _ = elf.symbols(of: asked)
        _ = DwarfFile(elf).frames(of: asked)
        for cut in [0, 16, 63, 64, 200, bytes.count / 2] {
            #expect(ftruncate(fd, off_t(cut)) == 0 || cut > bytes.count)
            if let shorter = ElfFile(path: path) { _ = DwarfFile(shorter).frames(of: asked) }
        }
    }

    private func randomElf(_ random: inout SeededRandom) -> [UInt8] {
        let names = ["", ".debug_info", ".debug_abbrev", ".debug_ranges", ".debug_str", ".debug_line", ".symtab", ".shstrtab"]
        let sectionBytes = 512
        var table: [UInt8] = []
        var text: [UInt8] = []
        var content: [UInt8] = []
        func put<T: FixedWidthInteger>(_ value: T, _ to: inout [UInt8]) { withUnsafeBytes(of: value.littleEndian) { to += $0 } }
        for (index, name) in names.enumerated() {
            put(UInt32(text.count), &table)
            table += [UInt8](repeating: 0, count: 20)
            put(UInt64(64 + index * sectionBytes), &table)
            put(UInt64(sectionBytes), &table)
            put(UInt32(index == 6 ? 7 : 0), &table)
            table += [UInt8](repeating: 0, count: 20)
            text += Array(name.utf8) + [0]
        }
        for (index, _) in names.enumerated() {
            // Small numbers make more of a table than large ones do.
            var bytes = (0..<sectionBytes).map { _ in UInt8.random(in: 0...(Bool.random(using: &random) ? 31 : 255), using: &random) }
            if index == 1 {
                var head: [UInt8] = []
                put(UInt32(sectionBytes - 4), &head)
                head += [4, 0, 0, 0, 0, 0, 8]
                bytes.replaceSubrange(0..<head.count, with: head)
            }
            if index == 5 { bytes.replaceSubrange(0..<6, with: [252, 1, 0, 0, 4, 0]) }
            if index == 7 { bytes = text + [UInt8](repeating: 0, count: sectionBytes - text.count) }
            content += bytes
        }
        var head: [UInt8] = [0x7F, 0x45, 0x4C, 0x46, 2, 1] + [UInt8](repeating: 0, count: 34)
        put(UInt64(64 + content.count), &head)
        head += [UInt8](repeating: 0, count: 10)
        put(UInt16(64), &head)
        put(UInt16(names.count), &head)
        put(UInt16(7), &head)
        return head + content + table
    }

    @Test func requestsInWords() throws {
        let words = RequestWords()
        func payload(_ fill: (inout PayloadWriter) -> Void) -> [UInt8] {
            var writer = PayloadWriter()
            fill(&writer)
            return writer.bytes
        }
        let create = try #require(number("NodeReference.create"))
        let made = payload {
            $0.u32(5)
            $0.attributes([Attribute(key: "a", value: .int(1)), Attribute(key: "b", value: .string("x"))])
        }
        #expect(words.arguments(create, made) == "node 5 a=1 b='x'")
        #expect(words.arguments(create, Array(made.prefix(8))).hasSuffix("…"))
        let edge = try #require(number("EdgeReference.create"))
        let edgeBytes = payload {
            for value: UInt32 in [9, 1, 2, 7 | 0x100, 0] { $0.u32(value) }
        }
        #expect(words.arguments(edge, edgeBytes) == "edge 9 source 1 target 2 type 7")
        let crash = try #require(number("debug.crash"))
        #expect(words.arguments(crash, payload { $0.string("SEGV") }) == "how='SEGV'")
        #expect(words.arguments(Operation.release, payload { $0.u32(1); $0.u32(2); $0.u32(3); $0.u32(4) }) == "NodeReference 3 4")
        let type = try #require(number("TypeGraph.add_type"))
        let typed = payload {
            $0.u32(3)
            $0.u32(7)
            $0.string("Resistor")
        }
        #expect(words.arguments(type, typed) == "view 3 self 7 identifier='Resistor'")
        #expect(words.arguments(type, Array(typed.prefix(16)), isCut: true) == "view 3 self 7 identifier='Resi'… (8 bytes) …")
        #expect(words.answer(type, payload { for value: UInt32 in [7, 3, 9] { $0.u32(value) } }) == "(view 3, 9)")
        let child = try #require(number("TypeGraph.add_make_child"))
        let recipe = payload {
            for value: UInt32 in [3, 7, 3, 8, 3, 9, 1] { $0.u32(value) }
            $0.string("r1")
            $0.u32(1)
            $0.attributes([Attribute(key: "a", value: .int(1))])
        }
        #expect(
            words.arguments(child, recipe)
                == "view 3 self 7 type_node=(view 3, 8) child_type=(view 3, 9) identifier='r1' node_attributes={a=1}")
        let nodes = try #require(number("GraphView.get_nodes"))
        let answer = payload { for value in UInt32(10)..<30 { $0.u32(value == 10 ? 20 : value) } }
        #expect(words.answer(nodes, answer) == "[11, 12, 13, 14, 15, 16, 17, 18, … 20]", "\(words.answer(nodes, answer))")
        #expect(words.answer(nodes, Array(answer.prefix(14))) == "[11, 12, … 20]", "\(words.answer(nodes, Array(answer.prefix(14))))")
        let dumps = try #require(number("sexp.dumps"))
        #expect(words.answer(dumps, payload { $0.string("(a\n)") }) == "'(a\\n)'")
        let load = try #require(number("sexp.load"))
        let long = payload {
            $0.u32(75)
            $0.blob([UInt8](repeating: 65, count: 500))
            $0.string("board")
        }
        #expect(words.arguments(load, Array(long.prefix(128)), isCut: true) == "type=75 text=500 bytes …")
        // Whatever comes, words come: every operation with every cut of a payload.
        for operation in UInt16(0)..<UInt16(Description.shared.operations.count + 40) {
            for count in 0..<40 {
                let bytes = [UInt8](repeating: UInt8(count * 7 & 0xFF), count: count)
                _ = words.arguments(operation, bytes)
                _ = words.answer(operation, bytes)
            }
        }
    }

    private func number(_ name: String) -> UInt16? { Description.shared.operations.first { $0.name == name }?.number }

    @Test func reportsAreFoundAndTidied() throws {
        let root = "\(temporaryFolder())/bindd-reports-\(getpid())"
        let folder = CrashFolder(path: "\(root)/state/crash")
        for pid in Int32(101)...115 {
            // Several in a second, pids falling where time rises: only the time counts.
            let made = try folder.make(pid: 216 - pid, realtimeNs: 1_700_000_000_000_000_000 + UInt64(pid) * 7_000_000)
            let fd = bd_file_open("\(made)/report.json", O_WRONLY | O_CREAT)
            writeAll(fd, "{}")
            close(fd)
        }
        mkdir("\(folder.path)/something-else", 0o700)
        #expect(folder.names().count == 15)
        folder.tidy()
        let names = folder.names()
        #expect(names.count == CrashFolder.reportsMax && names.first?.hasSuffix("-101") == true && names.last?.hasSuffix("-110") == true)
        #expect(CrashFolder.entries(folder.path).contains("something-else"))
        #expect(folder.find(nil) == names[0] && folder.find("2") == names[1] && folder.find("108") == names[7])
        mkdir("\(folder.path)/2023-11-14T22-13-20-99", 0o700)  // as an earlier version named them
        #expect(folder.names().count == 11 && folder.names().last == "2023-11-14T22-13-20-99")
        rmdir("\(folder.path)/2023-11-14T22-13-20-99")
        #expect(folder.find(names[3]) == names[3] && folder.find("99") == nil && folder.find("nothing") == nil)
        var about = stat()
        #expect(stat("\(folder.path)", &about) == 0 && about.st_mode & 0o777 == 0o700)
        for name in CrashFolder.entries(folder.path) {
            unlink("\(folder.path)/\(name)/report.json")
            rmdir("\(folder.path)/\(name)")
        }
        for path in [folder.path, "\(root)/state", root] { rmdir(path) }
    }

    @Test func whereReportsAre() {
        func path(_ variables: [String: String]) -> String { CrashFolder.standard { variables[$0] }.path }
        #expect(path(["BINDD_STATE": "/a", "HOME": "/h"]) == "/a/crash")
        #expect(path(["XDG_STATE_HOME": "/x", "HOME": "/h"]) == "/x/bindd/crash")
        #expect(path(["XDG_STATE_HOME": "relative", "HOME": "/h"]) == "/h/.local/state/bindd/crash")
    }

    @Test func wantOfMemory() {
        func isLikely(_ signal: Int32, _ words: String = "", ours: Bool = false, kills: UInt64 = 0) -> Bool {
            MemoryDeath.isLikely(signal: signal, isOurKill: ours, stderr: words, killsBefore: 3, killsNow: 3 + kills)
        }
        #expect(isLikely(SIGABRT, "Fatal error: failed to allocate 1048608 bytes of memory with alignment 8"))
        #expect(!isLikely(SIGABRT) && !isLikely(SIGSEGV, "failed to allocate"))
        #expect(isLikely(SIGKILL, kills: 1) && !isLikely(SIGKILL) && !isLikely(SIGKILL, ours: true, kills: 1))
    }
}

private func temporaryFolder() -> String { environmentVariable("TMPDIR") ?? "/tmp" }
