// libFuzzer's way into SexpCore: a text is loaded as one of the formats, its snapshot is walked, it is edited, printed, kept
// as an image and loaded again. Any trap, overflow or leak is a finding. `make fuzz` builds it with AddressSanitizer and
// feeds it the minefield; what it finds becomes a file there.
//
// Input: a byte for the format, a byte for the options, eight for the choice of edits, then the text.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
    guard count > 10 else { return 0 }
    let input = UnsafeBufferPointer(start: data, count: count)
    let schema = KiCadSchema.shared
    let format = schema.formats[Int(input[0]) % schema.formats.count]
    var seed: UInt64 = 0
    for index in 2..<10 { seed = seed << 8 | UInt64(input[index]) }
    let text = Array(input[10...])
    let options = TypedDocument.LoadOptions(rawValue: UInt32(input[1] & 1))
    guard let (document, snapshot) = try? TypedDocument.load(type: format.file, text, options: options) else { return 0 }
    walk(snapshot)
    for _ in 0..<8 {
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        edit(document, seed >> 16)
    }
    guard let printed = try? document.bytes() else { return 0 }
    if options.contains(.isVerbatim) { checkTokens(document, printed) }
    let image = document.image()
    guard let restored = image.withUnsafeBytes({ TypedDocument.restore(image: $0) }), (try? restored.bytes()) == printed else {
        fatalError("an image that does not come back")
    }
    for record in 1..<UInt32(min(document.recordCount, 40)) {
        _ = try? document.text(of: record)
        _ = try? document.unknownParts(of: record)
    }
    _ = try? TypedDocument.load(type: format.file, printed)
    return 0
}

/// In the layout of its file an edited document has the same tokens as laid out anew.
private func checkTokens(_ document: TypedDocument, _ printed: [UInt8]) {
    let text = document.source.text
    let printer = SexpPrinter(printedBytesMax: document.source.limits.printedBytesMax)
    guard let plain = try? printer.print(document.source.nodes, text: text.span, edits: document.edits, isCancelled: nil),
        let wanted = try? SexpDocument.parse(plain)
    else { return }
    guard let found = try? SexpDocument.parse(printed) else { fatalError("an edit that makes the text unreadable") }
    guard wanted.nodeCount == found.nodeCount else { fatalError("\(found.nodeCount) tokens, not \(wanted.nodeCount)") }
    for node in 0..<wanted.nodeCount {
        guard wanted.kind(of: node) == found.kind(of: node), wanted.end(of: node) == found.end(of: node),
            wanted.kind(of: node) == .list || wanted.sourceBytes(of: node) == found.sourceBytes(of: node)
        else { fatalError("token \(node) is another one") }
    }
}

/// Adds up all slots that records name: an index outside of the snapshot traps.
private func walk(_ snapshot: [UInt8]) {
    func word(_ at: Int, _ bytes: Int) -> Int { (0..<bytes).reversed().reduce(0) { $0 << 8 | Int(snapshot[at + $1]) } }
    let (records, slots) = (word(8, 4), word(12, 4))
    let (recordsAt, slotsAt, tagsAt) = (word(24, 8), word(32, 8), word(40, 8))
    var sum = 0
    for record in 1..<max(records, 1) { sum &+= word(recordsAt + 8 * record, 4) }
    for slot in 0..<slots { sum &+= word(slotsAt + 8 * slot, 4) &+ Int(snapshot[tagsAt + slot]) }
    if sum == .min { print(sum) }
}

private func edit(_ document: TypedDocument, _ choice: UInt64) {
    let record = UInt32(choice % UInt64(document.recordCount))
    let field = UInt32(choice >> 8 & 31)
    let value: TypedValue =
        switch choice >> 13 & 7 {
        case 0: .none
        case 1: .int(Int64(choice >> 20 & 0xFF))
        case 2: .float(Double(choice >> 20 & 0xFFF) / 7)
        case 3: .bool(choice >> 20 & 1 == 0)
        case 4: .string([0x61, 0x22, 0x5C, 0x29])
        case 5: .member(Int(choice >> 20 & 3))
        case 6: .copy(of: document, numbers: [(UInt32(choice >> 20 % UInt64(document.recordCount)), UInt32(document.recordCount))])
        default: .list([.string([0x78])])
        }
    switch choice >> 40 & 3 {
    case 0: try? document.splice(record, field, start: Int(choice >> 44 & 1), removed: Int(choice >> 45 & 1), [value])
    case 1: try? document.permute(record, field, [1, 0])
    default: try? document.set(record, field, value)
    }
}
