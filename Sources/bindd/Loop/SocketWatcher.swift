// Readiness of one descriptor (uv_poll). The reading and writing is the owner's, with the calls of CShim.
//
// What it must not do: own or close the descriptor. Close the watcher first, then the descriptor.
// Cost: one epoll_ctl per change of interest, made lazily by libuv before it waits.

import CLibuv

final class SocketWatcher {
    struct Events: OptionSet {
        let rawValue: Int32
        static let readable = Events(rawValue: 1)
        static let writable = Events(rawValue: 2)
        /// The socket has an error pending (a peer that closed with our bytes unread, for example). Polling has stopped:
        /// read what is left, then close. Comes together with `readable`.
        static let failed = Events(rawValue: 1 << 16)
    }

    private let handle: UnsafeMutablePointer<uv_poll_t>
    private var onEvents: ((Events) -> Void)?
    private var interest: Events = []
    private(set) var isClosed = false

    /// Watches nothing until `watch` is called. The descriptor becomes non-blocking.
    init(loop: EventLoop, fd: Int32, onEvents: @escaping (Events) -> Void) throws(LoopError) {
        handle = UnsafeMutablePointer<uv_poll_t>.allocate(capacity: 1)
        self.onEvents = onEvents
        let code = uv_poll_init(loop.raw, handle, fd)
        guard code == 0 else {
            handle.deallocate()
            self.onEvents = nil
            isClosed = true
            throw LoopError(call: "uv_poll_init", code: code)
        }
        handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
    }

    /// Sets what is waited for; [] pauses. Level-triggered: it fires again while the condition holds.
    func watch(_ events: Events) throws(LoopError) {
        guard !isClosed, events != interest else { return }
        let code: Int32
        if events.isEmpty {
            code = uv_poll_stop(handle)
        } else {
            code = uv_poll_start(handle, events.rawValue & 3, socketWatcherFired)
        }
        guard code == 0 else { throw LoopError(call: "uv_poll_start", code: code) }
        interest = events
    }

    /// Ends watching. No callback comes after this. Idempotent.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        onEvents = nil
        uv_close(handle.asBase(uv_handle_t.self), socketWatcherClosed)
    }

    fileprivate func fired(status: Int32, events: Int32) {
        guard let onEvents else { return }
        if status < 0 {
            interest = []  // libuv stopped polling
            onEvents([.readable, .failed])
        } else {
            onEvents(Events(rawValue: events & 3))
        }
    }

    fileprivate func freeHandle() { handle.deallocate() }
}

private func socketWatcherFired(_ handle: UnsafeMutablePointer<uv_poll_t>?, _ status: Int32, _ events: Int32) {
    ownerOf(handle?.pointee.data, SocketWatcher.self)?.fired(status: status, events: events)
}

private func socketWatcherClosed(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
    guard let data = handle?.pointee.data else { return }
    Unmanaged<SocketWatcher>.fromOpaque(data).takeRetainedValue().freeHandle()
}
