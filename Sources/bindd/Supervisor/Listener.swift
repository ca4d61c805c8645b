// The daemon's socket: bound under a temporary name, listening, then renamed into place, so that whoever finds the name
// finds a daemon behind it. Accepts; pauses when descriptors or memory run out.
//
// Must not read from connections. Cost: one accept4 and one getsockopt per connection.

import CShim
import Glibc

final class Listener {
    /// A connection of our own uid; the callee owns the descriptor.
    private let onAccept: (Int32, Int32) -> Void
    private let onTrouble: (String, String) -> Void
    private let path: SocketPath
    private let uid: UInt32
    private var fd: Int32
    private var watcher: SocketWatcher?
    private var pauseTimer: Timer?
    private var isStarved = false
    private var isHeld = false

    /// `onAccept(fd, peerPid)`; `onTrouble(event, detail)` is for the log.
    init(
        loop: EventLoop, path: SocketPath, uid: UInt32, onAccept: @escaping (Int32, Int32) -> Void,
        onTrouble: @escaping (String, String) -> Void
    ) throws {
        self.path = path
        self.uid = uid
        self.onAccept = onAccept
        self.onTrouble = onTrouble
        let temporary = path.temporary(pid: getpid())
        unlink(temporary)
        fd = bd_socket_listen(temporary, DaemonLimits.backlog)
        guard fd >= 0 else { throw SystemError("bind \(temporary)", negative: fd) }
        guard rename(temporary, path.socket) == 0 else {
            let error = SystemError("rename \(temporary) to \(path.socket)", code: errno)
            unlink(temporary)
            Glibc.close(fd)
            throw error
        }
        let watcher = try SocketWatcher(loop: loop, fd: fd) { [weak self] _ in self?.acceptSome() }
        self.watcher = watcher
        pauseTimer = Timer(loop: loop) { [weak self] in self?.resumeAfterPause() }
        try watcher.watch(.readable)
    }

    /// Ends listening and takes the name away.
    func close() {
        guard fd >= 0 else { return }
        unlink(path.socket)
        watcher?.close()
        pauseTimer?.close()
        Glibc.close(fd)
        fd = -1
    }

    /// Takes the name away unless somebody is waiting behind it; then it stays. Before an idle daemon ends.
    func retreat() -> Bool {
        guard fd >= 0, rename(path.socket, path.temporary(pid: getpid())) == 0 else { return true }
        var item = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
        guard poll(&item, 1, 0) > 0 else {
            unlink(path.temporary(pid: getpid()))
            return true
        }
        // Nobody took the name meanwhile: only the holder of the lock may.
        if rename(path.temporary(pid: getpid()), path.socket) != 0 {
            onTrouble("socket_lost", SystemError("rename \(path.socket)", code: errno).description)
        }
        return false
    }

    /// Stops accepting while the owner has no room; the kernel's backlog holds who comes.
    var isPaused: Bool {
        get { isHeld }
        set {
            guard newValue != isHeld else { return }
            isHeld = newValue
            updateInterest()
        }
    }

    private func acceptSome() {
        for _ in 0..<DaemonLimits.acceptsPerTurn {
            guard fd >= 0, !isHeld, !isStarved else { return }
            let accepted = bd_socket_accept(fd)
            guard accepted >= 0 else {
                if accepted != -EAGAIN { starve(SystemError("accept", negative: accepted)) }
                return
            }
            admit(accepted)
        }
    }

    /// Only our own uid comes in.
    private func admit(_ accepted: Int32) {
        var peerPid: Int32 = 0
        var peerUid: UInt32 = .max
        let result = bd_socket_peer(accepted, &peerPid, &peerUid)
        guard result == 0, peerUid == uid else {
            onTrouble("peer_refused", "pid \(peerPid) has uid \(peerUid), this daemon serves uid \(uid)")
            Glibc.close(accepted)
            return
        }
        onAccept(accepted, peerPid)
    }

    private func starve(_ error: SystemError) {
        if !isStarved { onTrouble("accept_paused", error.description) }
        isStarved = true
        updateInterest()
        pauseTimer?.start(afterMs: DaemonLimits.acceptPauseMs)
    }

    /// Tries once; still starving pauses again without another line.
    private func resumeAfterPause() {
        let probe = bd_socket_accept(fd)
        if probe < 0, probe != -EAGAIN {
            pauseTimer?.start(afterMs: DaemonLimits.acceptPauseMs)
            return
        }
        isStarved = false
        onTrouble("accept_resumed", "")
        updateInterest()
        if probe >= 0 { admit(probe) }
    }

    private func updateInterest() {
        do throws(LoopError) {
            try watcher?.watch(isHeld || isStarved ? [] : .readable)
        } catch { onTrouble("accept_failed", error.description) }
    }
}
