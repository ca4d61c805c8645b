// One request being applied: its arguments, its workspace, the place for its result. Must not outlive the request.

import CLayout
import GraphCore
import Wire

struct Call {
    // Not counted: the session outlives each of its requests, and counting would cost as much as a small request.
    unowned(unsafe) let workspace: Workspace
    unowned(unsafe) let session: Session
    var arguments: PayloadReader
    var result = PayloadWriter()
    /// The last part of the result where it is long: it is sent from where it lies.
    private(set) var longPart: [UInt8] = []

    var resultBytes: Int { result.bytes.count + longPart.count }

    // MARK: arguments

    /// The attributes of a request, read where they lie.
    mutating func withAttributes(
        _ body: (inout Call, UnsafeBufferPointer<AttributeInput>) throws -> Void
    ) throws {
        let count = try arguments.listCount(itemBytesMin: 8)
        try withUnsafeTemporaryAllocation(of: AttributeInput.self, capacity: count) { inputs in
            for index in 0..<count { inputs.initializeElement(at: index, to: try attribute()) }
            try body(&self, UnsafeBufferPointer(inputs))
        }
    }

    private mutating func attribute() throws(WireError) -> AttributeInput {
        let key = try arguments.text()
        let kind = try arguments.u32()
        var bits: UInt64 = 0
        var text = UnsafeRawBufferPointer(start: nil, count: 0)
        switch kind {
        case BD_LITERAL_INT, BD_LITERAL_FLOAT: bits = try arguments.u64()
        case BD_LITERAL_BOOL: bits = try arguments.bool() ? 1 : 0
        case BD_LITERAL_STRING: text = try arguments.text()
        default: throw WireError("an attribute of kind \(kind)")
        }
        return AttributeInput(key: key, kind: kind, bits: bits, text: text)
    }

    /// The id that the client gives to a new object: it must come from the client's lease.
    mutating func newNode() throws -> UInt32 { try session.claim(.node, try arguments.u32()) }
    mutating func newEdge() throws -> UInt32 { try session.claim(.edge, try arguments.u32()) }
    mutating func newView() throws -> UInt32 { try session.claim(.view, try arguments.u32()) }

    /// The view that a command changes: a batch remembers how it was.
    mutating func changedView() throws -> UInt32 {
        let view = try arguments.u32()
        try session.willChange(view: view)
        return view
    }

    mutating func direction() throws -> Direction {
        switch try arguments.u32() {
        case 0: return .any
        case 1: return .outgoing
        case 2: return .incoming
        case let other: throw WireError("direction \(other)")
        }
    }

    // MARK: results

    mutating func write(_ edge: Edge) {
        result.u32(edge.id)
        result.u32(edge.source)
        result.u32(edge.target)
        result.u32(edge.bits)
    }

    /// As `result.blob`; nothing may follow.
    mutating func answer(lastly bytes: consuming [UInt8]) {
        result.u64(UInt64(bytes.count))
        longPart = bytes
    }

    /// As `result.string`; nothing may follow.
    mutating func answer(lastlyUtf8 bytes: consuming [UInt8]) {
        result.u32(UInt32(bytes.count))
        longPart = bytes
    }

    mutating func write(_ ids: [UInt32]) {
        result.u32(UInt32(ids.count))
        for id in ids { result.u32(id) }
    }

    mutating func write(_ value: AttributeValue?) { result.literal(Literal(value)) }

    mutating func write(_ pairs: [GraphStore.AttributePair]) {
        result.attributes(pairs.map { Attribute(key: $0.key, value: Literal($0.value)) })
    }
}

extension AttributeValue {
    init?(_ literal: Literal) {
        switch literal {
        case .none: return nil
        case .int(let value): self = .int(value)
        case .float(let value): self = .float(value)
        case .bool(let value): self = .bool(value)
        case .string(let value): self = .string(value)
        }
    }
}

extension Literal {
    init(_ value: AttributeValue?) {
        switch value {
        case nil: self = .none
        case .int(let value): self = .int(value)
        case .float(let value): self = .float(value)
        case .bool(let value): self = .bool(value)
        case .string(let value): self = .string(value)
        }
    }
}
