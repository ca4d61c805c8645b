// What the tests of the daemon's pure parts share: a folder of their own, an identity, a seeded random source.

import CLayout
import CShim
import Glibc
import Wire

@testable import bindd

/// A fresh folder (mode 0700), removed with its flat content at the end.
func withFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    var template = Array("/tmp/bindd-test-XXXXXX".utf8CString)
    let path = template.withUnsafeMutableBufferPointer { buffer -> String in
        guard let start = buffer.baseAddress, mkdtemp(start) != nil else { return "" }
        return String(cString: start)
    }
    guard !path.isEmpty else { throw SystemError("mkdtemp", code: errno) }
    defer { removeTree(path) }
    return try body(path)
}

/// Removes a folder whose folders hold no folders.
private func removeTree(_ path: String) {
    for name in names(in: path) {
        let child = "\(path)/\(name)"
        if unlink(child) == 0 { continue }
        for inner in names(in: child) { unlink("\(child)/\(inner)") }
        rmdir(child)
    }
    rmdir(path)
}

private func names(in path: String) -> [String] {
    guard let folder = opendir(path) else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        if name != ".", name != ".." { names.append(name) }
    }
    return names
}

func testIdentity() -> DaemonIdentity {
    DaemonIdentity(
        version: "0.0.1", build: "00c0ffee", layoutVersion: BD_LAYOUT_VERSION, descriptionHash: 0x0123_4567_89AB_CDEF,
        operationName: { $0 == 16 ? "GraphView.create" : nil })
}

func testHello(workspace: String = "") -> Hello {
    Hello(
        layoutVersion: BD_LAYOUT_VERSION, descriptionHash: 0x0123_4567_89AB_CDEF, pid: 1, generation: 1,
        workspace: workspace, program: "test", build: "00c0ffee")
}

/// SplitMix64.
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
