// A signal of this process, told on the loop (uv_signal: a pipe behind the handler, so any code may run).

import CLibuv

final class SignalWatcher {
    private let handle: UnsafeMutablePointer<uv_signal_t>
    private var onSignal: ((Int32) -> Void)?
    private(set) var isClosed = false

    /// Watches from now on.
    init(loop: EventLoop, signal: Int32, onSignal: @escaping (Int32) -> Void) throws(LoopError) {
        handle = UnsafeMutablePointer<uv_signal_t>.allocate(capacity: 1)
        self.onSignal = onSignal
        let code = uv_signal_init(loop.raw, handle)
        guard code == 0 else {
            handle.deallocate()
            self.onSignal = nil
            isClosed = true
            throw LoopError(call: "uv_signal_init", code: code)
        }
        handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
        let started = uv_signal_start(handle, signalFired, signal)
        guard started == 0 else {
            close()
            throw LoopError(call: "uv_signal_start", code: started)
        }
    }

    /// A watcher that does not keep `run()` going.
    func unreference() {
        guard !isClosed else { return }
        uv_unref(handle.asBase(uv_handle_t.self))
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        onSignal = nil
        uv_close(handle.asBase(uv_handle_t.self), signalClosed)
    }

    fileprivate func fired(_ signal: Int32) {
        guard let onSignal else { return }
        onSignal(signal)
    }

    fileprivate func freeHandle() { handle.deallocate() }
}

private func signalFired(_ handle: UnsafeMutablePointer<uv_signal_t>?, _ signal: Int32) {
    ownerOf(handle?.pointee.data, SignalWatcher.self)?.fired(signal)
}

private func signalClosed(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
    guard let data = handle?.pointee.data else { return }
    Unmanaged<SignalWatcher>.fromOpaque(data).takeRetainedValue().freeHandle()
}
