// One request being applied: its arguments, its workspace, the place for its result. Must not outlive the request.

import GraphCore
import Wire

struct Call {
    // Not counted: the session outlives each of its requests, and counting would cost as much as a small request.
    unowned(unsafe) let workspace: Workspace
    unowned(unsafe) let session: Session
    var arguments: PayloadReader
    var result = PayloadWriter()

    // MARK: arguments

    mutating func literal() throws -> AttributeValue? { AttributeValue(try arguments.literal()) }

    mutating func attributes() throws -> [GraphStore.AttributePair] {
        var pairs: [GraphStore.AttributePair] = []
        for attribute in try arguments.attributes() {
            guard let value = AttributeValue(attribute.value) else {
                throw WireError("attribute \(attribute.key) has no value")
            }
            pairs.append((attribute.key, value))
        }
        return pairs
    }

    /// The id that the client gives to a new object: it must come from the client's lease.
    mutating func newNode() throws -> UInt32 { try session.claim(.node, try arguments.u32()) }
    mutating func newEdge() throws -> UInt32 { try session.claim(.edge, try arguments.u32()) }
    mutating func newView() throws -> UInt32 { try session.claim(.view, try arguments.u32()) }

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
