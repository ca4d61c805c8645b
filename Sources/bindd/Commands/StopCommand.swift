// `bindd stop`: returns when the daemon is gone, its socket too. Exit status 3 when none ran.

import ArgumentParser
import CShim
import Glibc

struct StopCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "Stop the daemon and all its workers; return when they are gone.",
        discussion: "Exits with status 3 when no daemon runs.")

    @OptionGroup var place: SocketOption

    func run() throws {
        do {
            let path = try composedSocketPath(option: place.socket, identity: composedIdentity())
            try stopDaemon(path)
        } catch let error as ExitCode {
            throw error
        } catch {
            throw commandFailure(error)
        }
    }
}

/// Workers get DaemonLimits.stopGraceMs to go; twice that, and the daemon's own time.
private let stopDeadlineMs = DaemonLimits.stopGraceMs * 2 + 4_000

func stopDaemon(_ path: SocketPath) throws {
    let client = try ControlClient(path: path)
    let pid = client.daemonPid
    let process = bd_process_open(pid)  // before it can end and its number be used again
    defer { if process >= 0 { close(process) } }
    do throws(ControlError) { _ = try client.ask("stop", deadlineMs: stopDeadlineMs) } catch {
        // One that was ending already may close the connection unanswered.
        guard isGone(process, withinMs: DaemonLimits.stopGraceMs) else { throw error }
    }
    guard process < 0 || isGone(process, withinMs: stopDeadlineMs) else {
        throw ControlError.failed("the daemon (pid \(pid)) said it stops and did not\n  hint: `kill -9 \(pid)`")
    }
    Output.write("stopped (pid \(pid))\n")
}

private func isGone(_ process: Int32, withinMs: UInt64) -> Bool {
    guard process >= 0 else { return false }
    var item = pollfd(fd: process, events: Int16(POLLIN), revents: 0)
    return poll(&item, 1, Int32(clamping: withinMs)) > 0
}
