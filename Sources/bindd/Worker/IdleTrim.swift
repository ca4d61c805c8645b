// Gives memory that was freed back to the system, not while it is used again at once: when large requests have come to an end.
//
// For: documents, whose buffers of many megabytes are freed with each request and wanted by the next. Must not: look at
// what a request was. Cost: an addition per batch of requests; a timer and one malloc_trim after some megabytes.

import CShim

final class IdleTrim {
    /// Bytes that came, went or were freed before a look is worth its system calls.
    private static let worthBytes = 1 << 20
    /// So long nothing of that size, and it is over.
    private static let quietMs: UInt64 = 50
    /// Also who never rests gives back what he does not need, each second.
    private static let waitsMax = 20

    private let trim: () -> Void
    private var timer: Timer?
    private var bytes = 0
    private var bytesAtStart = 0
    private var waits = 0
    private(set) var trims = 0

    init(loop: EventLoop, trim: @escaping () -> Void = { bd_memory_trim() }) {
        self.trim = trim
        timer = Timer(loop: loop) { [unowned self] in look() }
    }

    /// So many bytes went through the allocator.
    @inline(__always)
    func used(_ count: Int) {
        bytes += count
        if bytes >= IdleTrim.worthBytes { begin() }
    }

    private func begin() {
        guard let timer, !timer.isActive else { return }
        waits = 0
        bytesAtStart = bytes
        timer.start(afterMs: IdleTrim.quietMs)
    }

    private func look() {
        waits += 1
        if bytes - bytesAtStart >= IdleTrim.worthBytes / 4, waits < IdleTrim.waitsMax {
            bytesAtStart = bytes
            timer?.start(afterMs: IdleTrim.quietMs)
            return
        }
        bytes = 0
        trims += 1
        trim()
    }

    func close() {
        timer?.close()
        timer = nil
    }
}
