// One-shot or repeating timer (uv_timer), in milliseconds of the monotonic clock.
//
// Cost: a heap insertion per start; no kernel call.

import CLibuv

final class Timer {
    private let handle: UnsafeMutablePointer<uv_timer_t>
    private var onFire: (() -> Void)?
    private(set) var isClosed = false

    init(loop: EventLoop, onFire: @escaping () -> Void) {
        handle = UnsafeMutablePointer<uv_timer_t>.allocate(capacity: 1)
        self.onFire = onFire
        _ = uv_timer_init(loop.raw, handle)  // cannot fail (libuv returns 0 always)
        handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
    }

    /// (Re)starts: fires after `afterMs` from now, then every `repeatMs` unless that is 0.
    func start(afterMs: UInt64, repeatMs: UInt64 = 0) {
        guard !isClosed else { return }
        uv_update_time(handle.pointee.loop)  // a long turn must not shorten the wait
        _ = uv_timer_start(handle, timerFired, afterMs, repeatMs)
    }

    func stop() {
        guard !isClosed else { return }
        _ = uv_timer_stop(handle)
    }

    /// True between start and the (last) firing.
    var isActive: Bool { !isClosed && uv_is_active(handle.asBase(uv_handle_t.self)) != 0 }

    /// A timer that does not keep `run()` going.
    func unreference() {
        guard !isClosed else { return }
        uv_unref(handle.asBase(uv_handle_t.self))
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        onFire = nil
        uv_close(handle.asBase(uv_handle_t.self), timerClosed)
    }

    fileprivate func fired() {
        guard let onFire else { return }
        onFire()
    }

    fileprivate func freeHandle() { handle.deallocate() }
}

private func timerFired(_ handle: UnsafeMutablePointer<uv_timer_t>?) {
    ownerOf(handle?.pointee.data, Timer.self)?.fired()
}

private func timerClosed(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
    guard let data = handle?.pointee.data else { return }
    Unmanaged<Timer>.fromOpaque(data).takeRetainedValue().freeHandle()
}
