// A child process (uv_spawn): started with an exact list of descriptors, its end told on the loop.
//
// What it must not do: kill by itself, or wait. The child gets descriptor i from `descriptors[i]` and no other, because
// everything this process opens is close-on-exec.
// Cost: 0.5 ms (up to 4 ms on a busy machine), during which the loop does not turn.

import CLibuv

struct ChildExit {
    let pid: Int32
    let status: Int64  // exit code; 0 when a signal ended it
    let signal: Int32  // 0 when it exited by itself
}

final class ChildProcess {
    struct Plan {
        var file: String
        var arguments: [String]  // with argv[0]
        var environment: [String]  // "NAME=value"
        var descriptors: [Int32]  // [i] becomes the child's fd i; -1 is /dev/null for 0-2, else closed
        var workingDirectory: String?
        var isDetached: Bool  // its own session: no Ctrl-C from our terminal
    }

    private let handle: UnsafeMutablePointer<uv_process_t>
    private var onExit: ((ChildExit) -> Void)?
    private(set) var isClosed = false
    private(set) var pid: Int32 = 0

    /// `onExit` comes once, unless the child could not be started (then init throws) or `close()` came first.
    init(loop: EventLoop, plan: Plan, onExit: @escaping (ChildExit) -> Void) throws(LoopError) {
        handle = UnsafeMutablePointer<uv_process_t>.allocate(capacity: 1)
        handle.initialize(to: uv_process_t())
        self.onExit = onExit
        handle.pointee.data = Unmanaged.passRetained(self).toOpaque()
        let code = spawn(plan, loop, handle)
        guard code == 0 else {
            close()  // libuv wants a handle closed even when uv_spawn failed
            throw LoopError(call: "uv_spawn \(plan.file)", code: code)
        }
        pid = handle.pointee.pid
    }

    /// Sends a signal; false when the process is gone.
    @discardableResult
    func kill(_ signal: Int32) -> Bool {
        guard !isClosed else { return false }
        return uv_process_kill(handle, signal) == 0
    }

    /// Lets go of the process without ending it.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        onExit = nil
        uv_close(handle.asBase(uv_handle_t.self), childClosed)
    }

    fileprivate func exited(_ exit: ChildExit) {
        guard let onExit else { return }
        self.onExit = nil
        onExit(exit)
    }

    fileprivate func freeHandle() { handle.deallocate() }
}

/// Lays the plan out as C arrays for the time of the call.
private func spawn(
    _ plan: ChildProcess.Plan, _ loop: EventLoop, _ handle: UnsafeMutablePointer<uv_process_t>
) -> Int32 {
    let arguments = CStrings(plan.arguments)
    let environment = CStrings(plan.environment)
    defer {
        arguments.free()
        environment.free()
    }
    var containers = plan.descriptors.map { fd in
        var container = uv_stdio_container_t()
        container.flags = fd < 0 ? UV_IGNORE : UV_INHERIT_FD
        container.data.fd = fd
        return container
    }
    var options = uv_process_options_t()
    options.args = arguments.pointers
    options.env = environment.pointers
    options.exit_cb = childExited
    options.flags = plan.isDetached ? UInt32(UV_PROCESS_DETACHED.rawValue) : 0
    options.stdio_count = Int32(containers.count)
    return plan.file.withCString { file in
        options.file = file
        return containers.withUnsafeMutableBufferPointer { stdio in
            options.stdio = stdio.baseAddress
            guard let directory = plan.workingDirectory else { return uv_spawn(loop.raw, handle, &options) }
            return directory.withCString { cwd in
                options.cwd = cwd
                return uv_spawn(loop.raw, handle, &options)
            }
        }
    }
}

/// A NULL-terminated array of C strings with one owner, who frees it.
private struct CStrings {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    private let count: Int

    init(_ strings: [String]) {
        count = strings.count
        pointers = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: count + 1)
        for (index, string) in strings.enumerated() {
            let bytes = string.utf8CString
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
            for (at, byte) in bytes.enumerated() { copy[at] = byte }
            pointers[index] = copy
        }
        pointers[count] = nil
    }

    func free() {
        for index in 0..<count { pointers[index]?.deallocate() }
        pointers.deallocate()
    }
}

private func childExited(_ handle: UnsafeMutablePointer<uv_process_t>?, _ status: Int64, _ signal: Int32) {
    guard let handle else { return }
    let pid = handle.pointee.pid
    ownerOf(handle.pointee.data, ChildProcess.self)?.exited(ChildExit(pid: pid, status: status, signal: signal))
}

private func childClosed(_ handle: UnsafeMutablePointer<uv_handle_t>?) {
    guard let data = handle?.pointee.data else { return }
    Unmanaged<ChildProcess>.fromOpaque(data).takeRetainedValue().freeHandle()
}
