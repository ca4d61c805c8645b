// The scheduler: one libuv loop per process, driven by one thread. Everything that waits is a handle of this folder.
//
// What it must not do: know of sockets' contents, processes' meaning, or anything above it. No other folder imports
// CLibuv. No C callback is written inside main(): closures there are isolated to the main actor and trap elsewhere.
// Cost: a turn with nothing ready is one epoll_wait.
//
// Handles are long-lived and belong to their maker. A handle lives (and keeps itself alive) from init until the loop has
// run its close callback; after `close()` returns, its closures are never called again.

import CLibuv
import CShim

struct LoopError: Error, CustomStringConvertible {
    let call: String
    let code: Int32  // libuv's code: a negative errno

    var description: String { "\(call): \(String(cString: uv_strerror(code)))" }
}

final class EventLoop {
    let raw: UnsafeMutablePointer<uv_loop_t>
    private var isOpen = true
    /// Pieces of BackgroundWork that have not ended. While there are any, `close()` throws UV_EBUSY: who cannot wait for them leaves
    /// with _exit(2), which needs nothing that they may be using.
    var workUnderWay = 0

    init() throws(LoopError) {
        raw = UnsafeMutablePointer<uv_loop_t>.allocate(capacity: 1)
        let code = uv_loop_init(raw)
        guard code == 0 else {
            raw.deallocate()
            throw LoopError(call: "uv_loop_init", code: code)
        }
    }

    deinit {
        // A loop that still has handles is leaked on purpose: they point into it.
        if !isOpen { raw.deallocate() }
    }

    /// Runs until `stop()` or until no handle is active.
    func run() { _ = uv_run(raw, UV_RUN_DEFAULT) }

    /// One turn without waiting; true while handles are active.
    @discardableResult
    func turn() -> Bool { uv_run(raw, UV_RUN_NOWAIT) != 0 }

    /// Makes `run()` return after the present turn. Call it on the loop's thread.
    func stop() { uv_stop(raw) }

    /// CLOCK_MONOTONIC in nanoseconds, read now (not at the start of the turn).
    var nowNs: UInt64 { bd_clock_monotonic_ns() }

    /// Frees the loop. Throws UV_EBUSY when a handle was not closed: a leak of its maker.
    func close() throws(LoopError) {
        guard isOpen else { return }
        _ = uv_run(raw, UV_RUN_NOWAIT)  // lets close callbacks run
        let code = uv_loop_close(raw)
        guard code == 0 else { throw LoopError(call: "uv_loop_close", code: code) }
        isOpen = false
    }
}

extension UnsafeMutablePointer {
    /// The same address as a libuv base type: each handle struct begins with its base's fields.
    func asBase<Base>(_: Base.Type) -> UnsafeMutablePointer<Base> {
        UnsafeMutableRawPointer(self).assumingMemoryBound(to: Base.self)
    }
}

/// The Swift object that `handle.data` holds. Retained from start until the close callback.
func ownerOf<Owner: AnyObject>(_ data: UnsafeMutableRawPointer?, _: Owner.Type) -> Owner? {
    guard let data else { return nil }
    return Unmanaged<Owner>.fromOpaque(data).takeUnretainedValue()
}
