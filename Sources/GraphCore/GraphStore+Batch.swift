// What a batch of changes did, so that it can be taken back whole. Order of calls: beginBatch, then for each change
// `remember` of the view that it touches and the ids of what it makes, at last endBatch, before it rollBack if the batch
// failed. Nobody else may change the store in between. Cost: one record per view that is touched, four bytes per new object.

import CLayout

public final class GraphBatch {
    /// Objects that the batch made and that one hold of their creator keeps, in order.
    public var nodes: [UInt32] = []
    public var edges: [UInt32] = []
    public var views: [UInt32] = []
    fileprivate var marks: [ViewMark] = []
    fileprivate var marked: Set<UInt32> = []

    public init() {}
}

extension GraphStore {
    /// Readers of the arena see an odd count until the end, and take no notice of what they find.
    public func beginBatch() {
        bd_store_release_u64(&arena.header.pointee.batches, arena.header.pointee.batches | 1)
        bd_fence()
    }

    public func endBatch() {
        bd_fence()
        bd_store_release_u64(&arena.header.pointee.batches, (arena.header.pointee.batches | 1) &+ 1)
    }

    /// How the view is now: it is about to be changed.
    public func remember(view: UInt32, in batch: GraphBatch) throws(GraphError) {
        guard !batch.marked.contains(view) else { return }
        batch.marks.append(try mark(view))
        batch.marked.insert(view)
    }

    /// Everything as it was before the batch. Ids that it used stay used.
    public mutating func rollBack(_ batch: GraphBatch) {
        for mark in batch.marks.reversed() { rollBack(to: mark) }
        for view in batch.views.reversed() where liveViews.contains(view) {
            do { try destroyView(view) } catch { check(false, "view \(view) of a batch is gone: \(error)") }
        }
        for edge in batch.edges.reversed() { releaseEdge(edge) }
        for node in batch.nodes.reversed() { releaseNode(node) }
    }
}
