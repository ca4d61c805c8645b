// What the tests of this module share: files without Foundation, seeded randomness, short names.
import Glibc
import SexpCore
import Testing

/// The whole file, or a recorded issue and nothing.
func readFile(_ path: String) -> [UInt8]? {
    guard let file = fopen(path, "r") else {
        Issue.record("cannot open \(path)")
        return nil
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 18)
    while true {
        let count = fread(&block, 1, block.count, file)
        if count <= 0 { return bytes }
        bytes += block[0..<count]
    }
}

/// The folder `shared/corpus` beside the repository, looked for upwards from this file. Nil after a recorded issue.
func corpusFolder(_ here: String = #filePath) -> String? {
    guard let resolved = realpath(here, nil) else {
        Issue.record("cannot resolve \(here)")
        return nil
    }
    var folder = String(cString: resolved)
    free(resolved)
    while let slash = folder.lastIndex(of: "/") {
        folder = String(folder[..<slash])
        let candidate = folder + "/../shared/corpus"
        if access(candidate + "/MANIFEST.tsv", R_OK) == 0 { return candidate }
    }
    Issue.record("no shared/corpus/MANIFEST.tsv beside the repository of \(here)")
    return nil
}

/// SplitMix64: the same numbers for the same seed everywhere.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func parse(_ text: String, label: String? = nil, limits: SexpLimits = SexpLimits()) throws -> SexpDocument {
    let document = try SexpDocument.parse(Array(text.utf8), label: label, limits: limits)
    document.checkInvariants()
    return document
}

func printed(_ text: String) throws -> String {
    String(decoding: try parse(text).canonicalBytes(), as: UTF8.self)
}

/// The error of a text that must not parse.
func failure(_ bytes: [UInt8], label: String? = nil, limits: SexpLimits = SexpLimits()) -> SexpError? {
    do {
        _ = try SexpDocument.parse(bytes, label: label, limits: limits)
        Issue.record("parses: \(String(decoding: bytes.prefix(60), as: UTF8.self))")
        return nil
    } catch {
        return error
    }
}

func failure(_ text: String, label: String? = nil, limits: SexpLimits = SexpLimits()) -> SexpError? {
    failure(Array(text.utf8), label: label, limits: limits)
}

/// Kinds and texts of the children of the first list: `word:a number:1 string:b`.
func items(_ text: String) throws -> String {
    let document = try parse(text)
    return document.children(of: document.root).map { "\(document.kind(of: $0)):\(document.sourceText(of: $0))" }
        .joined(separator: " ")
}

/// Two documents with the same tokens in the same lists.
func haveSameTokens(_ one: SexpDocument, _ other: SexpDocument) -> Bool {
    guard one.nodeCount == other.nodeCount else { return false }
    for node in 0..<one.nodeCount {
        guard one.kind(of: node) == other.kind(of: node), one.end(of: node) == other.end(of: node) else { return false }
        if one.kind(of: node) != .list, one.sourceBytes(of: node) != other.sourceBytes(of: node) { return false }
    }
    return true
}
