// One piece of work that may take as long as it wants, on a thread of its own; its end is told on the loop (uv_async).
//
// What it must not do: share anything with the loop's thread but what it was given and what it leaves behind. It cannot be ended:
// while a system call hangs, its thread does; so who gives work counts how much of it is under way. It keeps `run()` from nothing.
// Not on libuv's pool: that has four threads for all, and exit(3) waits for them.
// Cost: a thread (some 30 us, 256 KiB of addresses) and a handle for each.

import CLibuv
import Glibc

final class BackgroundWork {
    private static let stackBytes = 256 << 10

    private let end: UnsafeMutablePointer<uv_async_t>
    private let loop: EventLoop
    private let work: () -> Void
    private let onDone: () -> Void

    /// `work` runs on another thread, `onDone` comes on the loop's, once.
    static func start(loop: EventLoop, _ work: @escaping () -> Void, onDone: @escaping () -> Void) throws(SystemError) {
        let started = BackgroundWork(loop, work, onDone)
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, stackBytes)
        var thread = pthread_t()
        let code = pthread_create(&thread, &attributes, backgroundWorkRuns, Unmanaged.passUnretained(started).toOpaque())
        guard code == 0 else {
            started.close()
            throw SystemError("pthread_create", code: code)
        }
        loop.workUnderWay += 1
    }

    private init(_ loop: EventLoop, _ work: @escaping () -> Void, _ onDone: @escaping () -> Void) {
        end = UnsafeMutablePointer<uv_async_t>.allocate(capacity: 1)
        self.loop = loop
        self.work = work
        self.onDone = onDone
        _ = uv_async_init(loop.raw, end, backgroundWorkEnded)  // fails without descriptors; the loop has made its own for this
        uv_unref(end.asBase(uv_handle_t.self))
        // Kept until the close callback: the thread has a reference of its own only while it works.
        end.pointee.data = Unmanaged.passRetained(self).toOpaque()
    }

    fileprivate func run() {
        work()
        uv_async_send(end)
    }

    fileprivate func ended() {
        loop.workUnderWay -= 1
        close()
        onDone()
    }

    private func close() { uv_close(end.asBase(uv_handle_t.self), backgroundWorkClosed) }

    fileprivate func freeHandle() { end.deallocate() }
}

private func backgroundWorkRuns(_ work: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    ownerOf(work, BackgroundWork.self)?.run()
    return nil
}

private func backgroundWorkEnded(_ handle: UnsafeMutablePointer<uv_async_t>?) {
    ownerOf(handle?.pointee.data, BackgroundWork.self)?.ended()
}

private func backgroundWorkClosed(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
    guard let data = handle?.pointee.data else { return }
    Unmanaged<BackgroundWork>.fromOpaque(data).takeRetainedValue().freeHandle()
}
