// A process of somebody else's that we know by its pid, and whether it is gone. Must not take a later process with the same pid
// for it, nor one of which nothing can be learned for gone.
// Cost: a file of /proc when it is made; an open, a poll and a close per look.

import CShim
import Glibc

struct PeerProcess {
    let pid: Int32
    /// nil: it cannot be learned.
    private let startTicks: UInt64?

    init(pid: Int32) { self.init(pid: pid, startTicks: ProcessFiles.startTicks(pid: pid)) }

    init(pid: Int32, startTicks: UInt64?) {
        self.pid = pid
        self.startTicks = startTicks
    }

    /// Also when nobody has reaped it yet.
    var isGone: Bool {
        guard pid > 0 else { return false }  // in a pid namespace that we do not see into
        let process = bd_process_open(pid)
        guard process >= 0 else { return process == -ESRCH }
        defer { close(process) }
        var item = pollfd(fd: process, events: Int16(POLLIN), revents: 0)
        if poll(&item, 1, 0) > 0 { return true }
        guard let startTicks, let now = ProcessFiles.startTicks(pid: pid) else { return false }
        return now != startTicks
    }
}
