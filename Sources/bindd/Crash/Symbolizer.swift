// Addresses of a dead worker → what stood there. The program is the one that runs now: supervisor, worker and the commands
// are the same file, and where it is not (an update in between), the build id tells.
// `names` is quick (a pass over the symbols), `frames` adds inlined functions, files and lines.

import CCrash
import CLayout
import Glibc

struct NativeFrame: Equatable {
    /// Within the file of the module.
    var address: UInt64
    /// "" for the program itself.
    var module = ""
    /// For people.
    var function = ""
    /// The linker's.
    var symbol = ""
    var file = ""
    var line = 0
    var isInlined = false

    /// `Session.apply (Session.swift:340)`, `abort in libc.so.6`, `0x1b2c3 in libfoo.so`.
    var text: String {
        let name = function.isEmpty ? "0x" + String(address, radix: 16) : function
        if line > 0 { return "\(name) (\(Symbolizer.shortPath(file)):\(line))" }
        return module.isEmpty ? name : "\(name) in \(module.split(separator: "/").last.map(String.init) ?? module)"
    }
}

enum Symbolizer {
    /// The stack with names only, the innermost frame first.
    static func names(_ slot: bd_crash_slot, program: String = "/proc/self/exe", atMost count: Int = .max) -> [NativeFrame] {
        var frames = Array(addresses(of: slot).prefix(count))
        for module in Set(frames.map(\.module)) {
            guard let elf = ElfFile(path: module.isEmpty ? program : module) else { continue }
            let indices = frames.indices.filter { frames[$0].module == module }
            let symbols = elf.symbols(of: indices.map { lookedUp(frames, $0) })
            for index in indices {
                guard let symbol = symbols[lookedUp(frames, index)] else { continue }
                frames[index].symbol = symbol.name
                frames[index].function = FunctionName.short(symbol.name)
            }
        }
        return frames
    }

    /// The stack with everything that the program's tables know: one frame more for each inlined function.
    static func frames(_ slot: bd_crash_slot, program: String = "/proc/self/exe") -> [NativeFrame] {
        let bare = names(slot, program: program)
        let own = bare.indices.filter { bare[$0].module.isEmpty }
        guard let elf = ElfFile(path: program) else { return bare }
        let known = DwarfFile(elf).frames(of: Array(Set(own.map { lookedUp(bare, $0) })))
        return bare.indices.flatMap { index in
            guard bare[index].module.isEmpty, let inner = known[lookedUp(bare, index)] else { return [bare[index]] }
            return inner.enumerated().map { place, frame in
                var shown = bare[index]
                shown.isInlined = place < inner.count - 1
                if shown.isInlined, !frame.symbol.isEmpty {
                    shown.symbol = frame.symbol
                    shown.function = FunctionName.short(frame.symbol)
                }
                shown.file = frame.place.file
                shown.line = frame.place.isKnown ? frame.place.line : 0
                return shown
            }
        }
    }

    /// The frame that says most about a death: the innermost that is ours.
    static func top(_ frames: [NativeFrame]) -> NativeFrame? {
        let own = frames.filter { $0.module.isEmpty && !$0.function.isEmpty && !FunctionName.isRuntime($0.symbol) }
        return own.first { $0.line > 0 } ?? own.first ?? frames.first { !$0.function.isEmpty } ?? frames.first
    }

    /// Without code that nobody wrote.
    static func told(_ frames: [NativeFrame]) -> [NativeFrame] { frames.filter { !FunctionName.isThunk($0.function) } }

    /// What the compiler calls a check that failed: "Swift runtime failure: arithmetic overflow".
    static func reason(_ frames: [NativeFrame]) -> String {
        guard let first = frames.first, first.isInlined, first.symbol.hasPrefix("Swift runtime failure") else { return "" }
        return first.symbol
    }

    /// The last two parts of a path.
    static func shortPath(_ path: String) -> String { path.split(separator: "/").suffix(2).joined(separator: "/") }

    /// Where to look: a return address stands behind the call that it belongs to.
    private static func lookedUp(_ frames: [NativeFrame], _ index: Int) -> UInt64 {
        index == 0 ? frames[index].address : frames[index].address &- 1
    }

    /// Where each frame is, without names.
    static func addresses(of slot: bd_crash_slot) -> [NativeFrame] {
        var slot = slot
        let modules = withUnsafeBytes(of: &slot.modules) { bytes in
            Array(bytes.bindMemory(to: bd_crash_module.self).prefix(Int(slot.module_count)))
        }
        let addresses = withUnsafeBytes(of: &slot.addresses) { bytes in
            Array(bytes.bindMemory(to: UInt64.self).prefix(Int(min(slot.address_count, BD_CRASH_ADDRESSES))))
        }
        return addresses.map { address in
            guard let module = modules.first(where: { $0.start <= address && address < $0.end }) else {
                return NativeFrame(address: address, module: "?")
            }
            return NativeFrame(address: address &- module.base, module: path(of: module))
        }
    }

    private static func path(of module: bd_crash_module) -> String {
        withUnsafeBytes(of: module.path) { bytes in String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
