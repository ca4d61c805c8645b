// Random clients for a simulated workspace: the bytes that the extension would send, right ones and wrong ones.

import CLayout
import Wire

@testable import bindd

struct SimulatedEdits {
    var random: SeededRandom
    /// What the client believes to exist, by session.
    private var nodes: [UInt64: [UInt32]] = [:]
    private var edges: [UInt64: [UInt32]] = [:]
    private var views: [UInt64: [UInt32]] = [:]
    private var nextSession: UInt64 = 1

    init(seed: UInt64) { random = SeededRandom(state: seed) }

    mutating func hello() -> Hello {
        var hello = testHello(workspace: "simulated")
        hello.session = nextSession
        nextSession += 1
        return hello
    }

    private static func number(_ name: String) -> UInt16 {
        Description.shared.operations.first { $0.name == name }?.number ?? 0
    }
    private static let createView = number("GraphView.create")
    private static let createInView = number("GraphView.create_and_insert_node")
    private static let createNode = number("NodeReference.create")
    private static let insertNode = number("GraphView.insert_node")
    private static let createEdge = number("EdgeReference.create")
    private static let insertEdge = number("GraphView.insert_edge")
    private static let destroy = number("GraphView.destroy")
    private static let createTypeGraph = number("TypeGraph.create")
    private static let addType = number("TypeGraph.add_type")
    private static let parse = number("sexp.parse")
    private static let countNodes = number("GraphView.get_node_count")

    /// The bytes of one message of that session, whose leases tell which ids are next.
    mutating func message(_ session: Session) -> [UInt8] {
        let key = session.key
        var payload = PayloadWriter()
        var operation: UInt16
        let view = pick(views[key])
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<8:
            operation = SimulatedEdits.createView
            payload.u32(session.viewLease.lowerBound)
            payload.u32(session.nodeLease.lowerBound)
            views[key, default: []].append(session.viewLease.lowerBound)
        case 8..<25:
            operation = SimulatedEdits.createInView
            payload.u32(view)
            payload.u32(session.nodeLease.lowerBound)
            nodes[key, default: []].append(session.nodeLease.lowerBound)
        case 25..<40:
            operation = SimulatedEdits.createNode
            payload.u32(session.nodeLease.lowerBound)
            payload.attributes([Attribute(key: "name", value: .string("n\(Int.random(in: 0..<9, using: &random))"))])
            nodes[key, default: []].append(session.nodeLease.lowerBound)
        case 40..<52:
            operation = SimulatedEdits.insertNode
            payload.u32(view)
            payload.u32(pick(nodes[key]))
        case 52..<66:
            operation = SimulatedEdits.createEdge
            payload.u32(session.edgeLease.lowerBound)
            payload.u32(pick(nodes[key]))
            payload.u32(pick(nodes[key]))
            payload.u32(UInt32.random(in: 0..<8, using: &random) | (Bool.random(using: &random) ? BD_EDGE_DIRECTIONAL : 0))
            payload.attributes([])
            edges[key, default: []].append(session.edgeLease.lowerBound)
        case 66..<78:
            operation = SimulatedEdits.insertEdge
            payload.u32(view)
            payload.u32(pick(edges[key]))
        case 78..<81:
            operation = SimulatedEdits.destroy
            payload.u32(view)
            payload.u32List([pick(nodes[key])])
            payload.u32List([])
        case 81..<86:
            operation = Operation.release
            payload.u32(BD_KIND_NODE)
            payload.u32List([pick(nodes[key]), pick(nodes[key])])
        case 86..<88:
            operation = SimulatedEdits.createTypeGraph
            payload.u32(view)
        case 88..<91:
            operation = Operation.lease
            payload.u32(UInt32.random(in: 1...3, using: &random))
            payload.u32(10)
        case 91..<95:
            operation = SimulatedEdits.parse
            let text = Array("(a (b \(Int.random(in: 0..<1000, using: &random))) \"c\")".utf8)
            payload.blob(Bool.random(using: &random) ? text : text + [0x29])
            payload.string("simulated")
            payload.u32(0)
        default:
            operation = SimulatedEdits.countNodes
            payload.u32(view)
        }
        var bytes: [UInt8] = []
        encodeMessage(operation: operation, flags: .replyWanted, payload: payload.bytes, into: &bytes)
        return bytes
    }

    /// Mostly one that exists.
    private mutating func pick(_ ids: [UInt32]?) -> UInt32 {
        guard let ids, !ids.isEmpty, Int.random(in: 0..<12, using: &random) > 0 else {
            return UInt32.random(in: 0..<50, using: &random)
        }
        return ids[Int.random(in: max(0, ids.count - 12)..<ids.count, using: &random)]
    }
}

extension PayloadWriter {
    fileprivate mutating func u32List(_ values: [UInt32]) {
        u32(UInt32(values.count))
        for value in values { u32(value) }
    }
}
