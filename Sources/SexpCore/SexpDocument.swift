// A parsed text: the text itself, and a flat tree of offsets into it.
//
// For: keeping every token of a file that KiCad or a person wrote, byte for byte. Allowed order: `parse`, then any of
// reading (+Walk), printing (canonicalBytes), copying out (+Snapshot); there is no half-parsed state. One thread owns a
// document. Must not: copy text for a node, or invent or drop a token. Cost: 16 bytes for each node beside the text;
// parsing takes 1 to 2 ns for each byte.
internal import CLayout

public final class SexpDocument {
    /// As it was given, with its byte order mark.
    let text: [UInt8]
    /// Changed only by the edits of a TypedDocument.
    var nodes: NodeColumn
    let limits: SexpLimits
    /// The name that errors show.
    public let label: String?
    /// Top-level forms: lists, and comment lines between them.
    public let formCount: Int

    init(text: [UInt8], nodes: consuming NodeColumn, formCount: Int, limits: SexpLimits, label: String?) {
        self.text = text
        self.nodes = nodes
        self.formCount = formCount
        self.limits = limits
        self.label = label
    }

    /// Parses all of `bytes`: UTF-8 with at least one list. Several lists in a row are kept, atoms outside of lists
    /// are refused. A byte order mark is kept. `label` is shown in errors; `isCancelled` is asked about
    /// every 64 KiB. The array is kept, not copied.
    public static func parse(
        _ bytes: [UInt8], label: String? = nil, limits: SexpLimits = SexpLimits(), isCancelled: (() -> Bool)? = nil
    ) throws(SexpError) -> SexpDocument {
        if bytes.count > limits.textBytesMax { throw tooLarge(bytes.count, label, limits) }
        let text = bytes.span
        var builder = TreeBuilder(textBytes: bytes.count, limits: limits)
        do {
            try fill(&builder, from: text, isCancelled: isCancelled)
        } catch {
            guard let other = withSemicolons(text, error, limits, isCancelled) else {
                throw SexpErrorRenderer(label: label, limits: limits).render(error, text: text, builder: builder)
            }
            builder = other
        }
        let formCount = builder.formCount
        return SexpDocument(
            text: bytes, nodes: builder.finish(), formCount: formCount, limits: limits, label: label)
    }

    /// The tree of a text that makes sense only when what follows a semicolon is a comment, as it is to other programs.
    private static func withSemicolons(
        _ text: Span<UInt8>, _ error: SexpFault, _ limits: SexpLimits, _ isCancelled: (() -> Bool)?
    ) -> TreeBuilder? {
        switch error.kind {
        case .unexpectedType, .unexpectedRightParen, .unterminatedList, .unterminatedString: break
        default: return nil
        }
        var position = 0
        while position < text.count, text[position] != 0x3B { position += 1 }
        if position == text.count { return nil }
        var builder = TreeBuilder(textBytes: text.count, limits: limits)
        do { try fill(&builder, from: text, hasSemicolons: true, isCancelled: isCancelled) } catch { return nil }
        return builder
    }

    /// The text up to its first impossible byte is parsed first, so that an error before that byte is told first and
    /// one at that byte can name the open lists.
    private static func fill(
        _ builder: inout TreeBuilder, from text: Span<UInt8>, hasSemicolons: Bool = false, isCancelled: (() -> Bool)?
    ) throws(SexpFault) {
        let start = SexpText.byteOrderMarkBytes(text)
        guard let limit = TextFault.first(in: text, isCancelled: isCancelled) else {
            throw SexpFault(kind: .cancelled, offset: 0)
        }
        let parser = SexpParser(start: start, limit: limit, hasSemicolons: hasSemicolons, isCancelled: isCancelled)
        var ending: SexpFault?
        do {
            try parser.run(text, into: &builder)
        } catch where error.kind == .unterminatedString && limit < text.count {
            ending = error
        }
        if limit < text.count {
            throw SexpFault(kind: text[limit] == 0 ? .invalidCharacter : .invalidUTF8, offset: limit)
        }
        if let ending { throw ending }
        if builder.open >= 0 {
            throw SexpFault(kind: .unterminatedList, offset: Int(builder.nodes[builder.open].text_start))
        }
        if !hasList(builder) { throw SexpFault(kind: .emptyFile, offset: start) }
    }

    /// Outside of lists there are only comments, so that the first node which is not one decides.
    private static func hasList(_ builder: borrowing TreeBuilder) -> Bool {
        var index = 0
        while index < builder.nodes.count {
            if builder.nodes[index].kind_and_count & 7 == BD_SEXP_LIST { return true }
            index += 1
        }
        return false
    }

    static func tooLarge(_ count: Int, _ label: String?, _ limits: SexpLimits) -> SexpError {
        SexpError(
            kind: .tooLarge, message: "the text has \(count) bytes, more than textBytesMax = \(limits.textBytesMax)",
            label: label)
    }

    public var nodeCount: Int { nodes.count }
    public var textBytes: Int { text.count }
    /// Bytes held on the heap for text and nodes.
    public var memoryBytes: Int { text.capacity + nodes.bytes }
}

extension SexpDocument {
    /// The document as bytes, for `restore`.
    public func image() -> [UInt8] { text }

    /// A document as `image` gave it.
    public static func restore(image: UnsafeRawBufferPointer, label: String?) throws -> SexpDocument {
        try parse(Array(image), label: label, limits: SexpLimits(depthMax: Int(UInt32.max)))
    }
}
