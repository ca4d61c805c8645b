// Shorter ways to the same graph, to be tried on a list of steps that no step can be left out of: a node that is made and
// then inserted is made in the view; two nodes are one; a list of nodes is shorter. Whether the crash needs the difference is the caller's to find out.
// Must not run anything. Cost: linear per edit.

import Wire

enum GraphEdits {
    /// Gives the next edit from place `at` on, which moves; nil: there are no more. Whoever takes an edit, which always has
    /// fewer steps or words, begins at 0 again.
    typealias Edit = (_ steps: [CrashStep], _ at: inout Int) -> [CrashStep]?

    static var all: [Edit] { [insertedWhenMade, oneNodeForTwo, shorterList] }

    /// `n = NodeReference.create(); v.insert_node(node=n)` is `v.create_and_insert_node()`.
    private static func insertedWhenMade(_ steps: [CrashStep], _ at: inout Int) -> [CrashStep]? {
        guard let make = Description.shared.number(of: "GraphView.create_and_insert_node") else { return nil }
        while at < steps.count - 1 {
            let index = at
            at += 1
            guard let made = words(steps[index], "NodeReference.create", count: 2), made[1] == 0 else { continue }
            let later = (index + 1..<steps.count - 1).first { words(steps[$0], "GraphView.insert_node", count: 2)?[1] == made[0] }
            guard let later, let inserted = words(steps[later], "GraphView.insert_node", count: 2),
                !uses(steps[(index + 1)..<later], made[0])
            else { continue }
            var edited = steps
            edited[later].action = .request(operation: make, payload: bytes(inserted))
            edited.remove(at: index)
            return edited
        }
        return nil
    }

    private static func uses(_ steps: ArraySlice<CrashStep>, _ node: UInt32) -> Bool {
        steps.contains { step in
            guard case .request(_, let payload) = step.action else { return false }
            return words(payload).contains(node)
        }
    }

    /// The node at `at` is left out: where edges or lists name it, they name another one.
    private static func oneNodeForTwo(_ steps: [CrashStep], _ at: inout Int) -> [CrashStep]? {
        // Pairs (node left out, node in its place) in a row.
        let nodes = made(steps)
        while at < nodes.count * nodes.count {
            let (dropped, kept) = (nodes[at / nodes.count], nodes[at % nodes.count])
            at += 1
            guard dropped.id != kept.id, dropped.isRemovable else { continue }
            var edited: [CrashStep] = []
            for (index, step) in steps.enumerated() {
                if let step = replaced(step, dropped.id, kept.id, isLast: index == steps.count - 1) { edited.append(step) }
            }
            guard edited.count < steps.count else { continue }
            return edited
        }
        return nil
    }

    /// Lists of nodes without those that they name twice, then without one after the other.
    private static func shorterList(_ steps: [CrashStep], _ at: inout Int) -> [CrashStep]? {
        var place = 0
        for (index, step) in steps.enumerated() {
            guard case .request(let operation, _) = step.action,
                let list = words(step, "GraphView.get_subgraph_from_nodes", count: 4), list.count == 4 + Int(list[3])
            else { continue }
            let nodes = Array(list.dropFirst(4))
            for attempt in 0...nodes.count {
                defer { place += 1 }
                guard place >= at else { continue }
                at = place + 1
                var fewer: [UInt32] = []
                for (number, node) in nodes.enumerated() where attempt == 0 ? !fewer.contains(node) : number != attempt - 1 {
                    fewer.append(node)
                }
                guard fewer.count < nodes.count else { continue }
                var edited = steps
                edited[index].action = .request(
                    operation: operation, payload: bytes(list[..<3] + [UInt32(fewer.count)] + fewer))
                return edited
            }
        }
        return nil
    }

    private static func made(_ steps: [CrashStep]) -> [(id: UInt32, isRemovable: Bool)] {
        steps.compactMap { step in
            if let made = words(step, "GraphView.create", count: 2) { return (made[1], false) }
            if let made = words(step, "NodeReference.create", count: 1) { return (made[0], true) }
            if let made = words(step, "GraphView.create_and_insert_node", count: 2) { return (made[1], true) }
            return nil
        }
    }

    /// nil: the step goes with the node.
    private static func replaced(_ step: CrashStep, _ dropped: UInt32, _ kept: UInt32, isLast: Bool) -> CrashStep? {
        guard case .request(let operation, let payload) = step.action else { return step }
        var values = words(payload)
        let places: [Int]
        switch Description.shared.name(of: operation) {
        case "NodeReference.create": return values.first == dropped && !isLast ? nil : step
        case "GraphView.create_and_insert_node", "GraphView.insert_node":
            return values.count > 1 && values[1] == dropped && !isLast ? nil : step
        case "EdgeReference.create": places = [1, 2]
        case "GraphView.get_subgraph_from_nodes": places = Array(values.indices.dropFirst(4))
        default: return step
        }
        guard places.allSatisfy(values.indices.contains), places.contains(where: { values[$0] == dropped }) else { return step }
        for place in places where values[place] == dropped { values[place] = kept }
        var step = step
        step.action = .request(operation: operation, payload: bytes(values))
        return step
    }

    // MARK: payloads as words

    private static func words(_ step: CrashStep, _ name: String, count: Int) -> [UInt32]? {
        guard case .request(let operation, let payload) = step.action, Description.shared.name(of: operation) == name else {
            return nil
        }
        let values = words(payload)
        return values.count >= count ? values : nil
    }

    private static func words(_ payload: [UInt8]) -> [UInt32] {
        payload.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count - 3, by: 4).map {
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: $0, as: UInt32.self))
            }
        }
    }

    private static func bytes(_ words: some Sequence<UInt32>) -> [UInt8] {
        var bytes: [UInt8] = []
        for word in words { withUnsafeBytes(of: word.littleEndian) { bytes += $0 } }
        return bytes
    }
}
