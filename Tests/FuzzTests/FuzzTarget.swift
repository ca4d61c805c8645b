// What is fuzzed: functions from bytes to nothing, which must bear all bytes. `swift test` runs each of them on its seeds
// and on every case that was ever found (Tests/fixtures/fuzz/NAME); `make fuzz` lets libFuzzer choose the bytes.
// A target that finds more than a crash says so by `require`. Must not keep state from one input to the next.

import Glibc

struct FuzzTarget: Sendable, CustomStringConvertible {
    let name: String
    /// Inputs to begin with, made from what the tests have anyway.
    let seeds: @Sendable () -> [[UInt8]]
    let run: @Sendable ([UInt8]) -> Void
    var description: String { name }

    static let all = [wire, gate, json, sexp, viewFile, session, journal]

    /// The bug that a run with BINDD_FUZZ_CANARY=1 has to find, or the machinery is broken.
    static let hasCanary = environment("BINDD_FUZZ_CANARY") == "1"
}

/// Ends the process with words that libFuzzer shows above the input that led here.
func require(_ condition: Bool, _ text: @autoclosure () -> String) {
    if condition { return }
    let line = "fuzz: \(text())\n"
    _ = line.withCString { write(2, $0, strlen($0)) }
    abort()
}

/// A planted bug: reads one byte past the end when `trigger` holds.
func canary(_ bytes: UnsafeRawBufferPointer, _ trigger: Bool) {
    guard FuzzTarget.hasCanary, trigger else { return }
    let copy = UnsafeMutableRawPointer.allocate(byteCount: bytes.count + 1, alignment: 16)
    _ = write(-1, copy + ((bytes.count + 16) & ~15), 1)  // at or past the end of the block; the call is what a sanitizer sees
    let beyond = UnsafeMutableBufferPointer(start: copy.assumingMemoryBound(to: UInt8.self), count: bytes.count + 64)
    require(beyond.reduce(0) { $0 &+ Int($1) } == 0x42_4242_4242, "the planted bug was not seen by a sanitizer")
    copy.deallocate()
}

func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

// MARK: files of the tests

let fixtures = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/") + "/fixtures"

func readBytes(_ path: String) -> [UInt8] {
    guard let file = fopen(path, "rb") else { return [] }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 1 << 16)
    while true {
        let count = fread(&room, 1, room.count, file)
        if count == 0 { return bytes }
        bytes += room[..<count]
    }
}

/// Full paths, sorted.
func files(in folder: String) -> [String] {
    guard let open = opendir(folder) else { return [] }
    defer { closedir(open) }
    var names: [String] = []
    while let entry = readdir(open) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if !name.hasPrefix(".") { names.append("\(folder)/\(name)") }
    }
    return names.sorted()
}

/// The bytes of the golden frames.
func goldenFrames() -> [[UInt8]] {
    let text = String(decoding: readBytes("\(fixtures)/frames.tsv"), as: UTF8.self)
    return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
        unhex(String(line.split(separator: "\t", omittingEmptySubsequences: false).last ?? ""))
    }
}

func unhex(_ text: String) -> [UInt8] {
    let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
}

func hexText(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
