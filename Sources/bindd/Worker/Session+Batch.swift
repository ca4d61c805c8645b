// A batch: commands in one request, of which all are applied or none. A command that fails takes back those before it, in
// the same turn of the loop, so that no client gets an answer in between; who reads the arena in place sees from its
// counter of batches that it must ask instead. Must not leave anything of a batch that failed but ids that were used up.
// Cost: 20 ns per command beside its own; taking back is linear in what was done.

import CLayout
import GraphCore
import Wire

extension Session {
    private static let itemBytesMin = 8
    private static let itemsBetweenLooks = 1024

    func applyBatch(_ call: inout Call) throws {
        let count = try call.arguments.listCount(itemBytesMin: Session.itemBytesMin)
        guard count > 0 else { return call.result.u32(isLastBatchApplied ? 1 : 0) }
        let undo = GraphBatch()
        batch = undo
        isLastBatchApplied = false
        call.workspace.graph.beginBatch()
        defer {
            batch = nil
            call.workspace.graph.endBatch()
        }
        var number = 0
        do {
            while number < count {
                number += 1
                try applyItem(number, of: count, &call)
            }
            // A payload that is too long or too short is a broken peer: that must show before anything is kept.
            try call.arguments.finish()
        } catch {
            takeBack(undo, &call)
            throw error
        }
        isLastBatchApplied = true
        call.result.u32(1)
    }

    private func applyItem(_ number: Int, of count: Int, _ call: inout Call) throws {
        let head = try call.arguments.u32()
        let byteCount = Int(try call.arguments.u32())
        guard head >> 16 == 0, let operation = Description.shared.operation(UInt16(truncatingIfNeeded: head)),
            operation.isBatchable, let handler = operation.handler
        else { throw WireError("item \(number) of a batch has operation \(head), which cannot stand in one") }
        if number % Session.itemsBetweenLooks == 1, isCancelled {
            throw RemoteError("KeyboardInterrupt", "the batch was cancelled")
        }
        var item = Call(
            workspace: call.workspace, session: self, arguments: try call.arguments.part(byteCount))
        do {
            try handler(&item)
        } catch let error as WireError {
            throw error
        } catch {
            var told = remote(error)
            told.message = "nothing of the batch was done: command \(number) of \(count), \(operation.name): \(told.message)"
            told.fields.append(Attribute(key: "item", value: .int(Int64(number))))
            throw told
        }
        try item.arguments.finish()
    }

    private func takeBack(_ undo: GraphBatch, _ call: inout Call) {
        for id in undo.edges { forgetPin(.edge, id) }
        for id in undo.nodes { forgetPin(.node, id) }
        for id in undo.views { forget(view: id) }
        call.workspace.graph.rollBack(undo)
    }
}
